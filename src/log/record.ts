// One line of the log before it has a form: what pino writes, read back. The names of the fields are
// part of what users may rely on, because `--log-format json` shows them as they are.

export interface LogRecord {
  level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  /** ISO 8601, UTC, with milliseconds. */
  time: string;
  pid: number;
  /** The number of the client's connection, from 1. */
  connection?: number;
  /** The client's address. */
  peer?: string;
  msg?: string;
  err?: { type: string; message: string; code?: string; stack?: string };
}

/** Reads a line that a logger of createLogger() wrote. */
export function parseRecord(line: string): LogRecord {
  return JSON.parse(line) as LogRecord;
}

/** The line for a warning about the log itself, which has no logger. */
export function warning(msg: string): string {
  const record: LogRecord = {
    level: 'warn',
    time: new Date().toISOString(),
    pid: process.pid,
    msg,
  };
  return `${JSON.stringify(record)}\n`;
}
