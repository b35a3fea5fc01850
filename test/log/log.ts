// A log in a file of its own, for the time of a test, and what it looks like.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Logger } from 'pino';

import type { LogLevel } from '../../src/launcher/environment.js';
import { createLogger } from '../../src/log/logger.js';
import { openSink, type Sink } from '../../src/log/sink.js';
import { scratch } from '../launcher/run.js';

export interface LogInFile {
  file: string;
  sink: Sink;
  log: Logger;
  /** What is in the file now, line by line. */
  lines(): string[];
}

/** Opens one, which is closed after the test. */
export function logInFile(
  t: TestContext,
  format: 'text' | 'json' = 'text',
  level: LogLevel = 'info',
  file = join(scratch(t), 'log'),
): LogInFile {
  const sink = openSink({ format, file });
  t.after(() => sink.close?.());
  return { file, sink, log: createLogger(level, sink), lines: () => linesOf(file) };
}

export function linesOf(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1);
}
