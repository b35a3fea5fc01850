// The log of a worker process: its parent writes it, so that all workers share one file, and one
// line is never in the middle of another.
import type { Sink } from './sink.js';

// Messages that may be on their way; those beyond are lost, and memory is not.
const most = 1000;

/** Sends records to the parent process. Without one, or when it has gone, they are lost. */
export function relaySink(): Sink {
  let underway = 0;
  let whenAllArrived = () => {};
  return {
    write(log) {
      if (!process.connected || underway >= most) return;
      underway += 1;
      process.send?.({ log }, undefined, undefined, () => {
        underway -= 1;
        if (underway === 0) whenAllArrived();
      });
    },
    async close() {
      if (underway === 0) return;
      await new Promise<void>((resolve) => {
        whenAllArrived = resolve;
      });
    },
  };
}

/** The record in a message of a worker, for the parent's sink; undefined: the message is another one. */
export function relayedRecord(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null || !('log' in message)) return undefined;
  return typeof message.log === 'string' ? message.log : undefined;
}
