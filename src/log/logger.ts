// Loggers: pino, with names for levels, readable times, and errors cut down to what may be told.
import { type Logger, pino, stdTimeFunctions } from 'pino';

import { errnoOf } from '../errors.js';
import type { LogLevel } from '../launcher/environment.js';
import type { LogRecord } from './record.js';
import type { Sink } from './sink.js';

const pinoLevels = { quiet: 'warn', info: 'info', debug: 'debug', trace: 'trace' } as const;

/**
 * A logger that writes to `sink` what is at least as important as `level`. An error is logged as
 * `err`; where it came from is told at debug and trace only.
 */
export function createLogger(level: LogLevel, sink: Sink): Logger {
  const withStack = level === 'debug' || level === 'trace';
  return pino(
    {
      level: pinoLevels[level],
      base: { pid: process.pid },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: unknown) => serializeError(error, withStack) },
    },
    sink,
  );
}

// Only what is listed: Node's errors carry things like the bytes that a parser did not like.
function serializeError(error: unknown, withStack: boolean): LogRecord['err'] {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) };
  const { name, message, stack } = error;
  const code = errnoOf(error);
  return {
    type: name,
    message,
    ...(code === undefined ? {} : { code }),
    ...(withStack && stack !== undefined ? { stack } : {}),
  };
}
