// A log that a test can read.
import { type Logger, pino } from 'pino';
import { eventually } from '../support/deadline.js';

export interface MemoryLog {
  log: Logger;
  /** The messages so far. */
  messages: string[];
  /** Waits for a message. */
  until(pattern: RegExp): Promise<void>;
}

/** A log of all levels, kept in memory. */
export function memoryLog(): MemoryLog {
  const messages: string[] = [];
  const write = (line: string) => {
    messages.push((JSON.parse(line) as { msg: string }).msg);
  };
  const log = pino({ level: 'trace' }, { write });
  const until = (pattern: RegExp) =>
    eventually(`the log has ${pattern}`, () => messages.some((message) => pattern.test(message)));
  return { log, messages, until };
}
