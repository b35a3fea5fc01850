// A log that a test can look into: what pino would have written, line by line.
import { type Logger, pino } from 'pino';

export interface LogLine {
  level: number;
  msg: string;
  [binding: string]: unknown;
}

/** A logger, and the lines that it has written so far. */
export function logged(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => lines.push(JSON.parse(line)) });
  return { log, lines };
}
