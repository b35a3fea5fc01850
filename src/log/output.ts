// Lines to a descriptor, at once and never waiting.
//
// A line is written before write() returns: none is lost in a crash, and a write to a file costs
// microseconds. (pino's own destination would sleep in the event loop while a pipe is full, and its
// asynchronous kind loses lines at exit.) What the descriptor does not take (a full pipe, a full
// disk) is kept up to a limit and tried again; beyond the limit lines are counted, not kept, and the
// log says how many as soon as it can. No error gets out of here: a proxy outlives its log.
import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isatty } from 'node:tty';

import { errnoOf } from '../errors.js';

// How much is kept, in bytes.
const capacity = 256 * 1024;

// How soon to try again, in milliseconds.
const interval = 50;

// How long close() waits for a slow reader, in milliseconds.
const grace = 1000;

const { O_APPEND, O_CREAT, O_NOCTTY, O_NONBLOCK, O_WRONLY } = constants;

/** Opens a file to append to, mode 0640. Throws the Error of open(2). */
export function openLogFile(path: string): number {
  // Neither to wait for the reader of a FIFO, nor to be a daemon that gains a terminal.
  return openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK, 0o640);
}

/**
 * Standard error. A pipe or terminal is opened again, because only a description of our own can be
 * made non-blocking without doing that to everyone who shares it.
 */
export function openStandardError(): number {
  if (!isatty(2) && !fstatSync(2).isFIFO()) return 2;
  try {
    return openSync('/proc/self/fd/2', O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK);
  } catch {
    return 2;
  }
}

export class Output {
  // Undefined once closed: the number may then be somebody else's.
  #fd: number | undefined;
  readonly #lossNote: (lost: number) => string;
  #kept: Buffer[] = [];
  #size = 0;
  #lost = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `lossNote` makes the line that says how many lines were lost. */
  constructor(fd: number, lossNote: (lost: number) => string) {
    this.#fd = fd;
    this.#lossNote = lossNote;
    process.on('exit', this.#flush);
  }

  /** Appends whole lines. */
  write(lines: string): void {
    if (this.#fd === undefined) return;
    this.#keep(lines);
    this.#flush();
  }

  /** Goes on with another descriptor. The old one is closed. */
  replace(fd: number): void {
    this.#release();
    this.#fd = fd;
    this.#flush();
  }

  /** Waits, not for long, until all is written. What is written afterwards is ignored. */
  async close(): Promise<void> {
    const end = performance.now() + grace;
    while (!this.#flush() && performance.now() < end) await delay(interval);
    process.off('exit', this.#flush);
    clearTimeout(this.#timer);
    this.#release();
    this.#fd = undefined;
  }

  #keep(lines: string): void {
    const bytes = Buffer.from(lines);
    if (this.#size + bytes.length > capacity) {
      this.#lost += 1;
      return;
    }
    this.#kept.push(bytes);
    this.#size += bytes.length;
  }

  // Returns whether all is written. Bound, because it is an event's listener too.
  #flush = (): boolean => {
    try {
      this.#drain();
      if (this.#lost === 0) return true;
      const note = this.#lossNote(this.#lost);
      this.#lost = 0;
      this.#keep(note);
      this.#drain();
      return true;
    } catch (error) {
      // Other failures are over, if ever, when the next line is written.
      if (errnoOf(error) === 'EAGAIN') {
        this.#timer ??= setTimeout(this.#retry, interval).unref();
      }
      return false;
    }
  };

  #retry = (): void => {
    this.#timer = undefined;
    this.#flush();
  };

  #drain(): void {
    if (this.#fd === undefined) return;
    for (let line = this.#kept[0]; line !== undefined; line = this.#kept[0]) {
      const written = writeSync(this.#fd, line);
      this.#size -= written;
      if (written < line.length) this.#kept[0] = line.subarray(written);
      else this.#kept.shift();
    }
  }

  #release(): void {
    if (this.#fd === undefined || this.#fd <= 2) return;
    try {
      closeSync(this.#fd);
    } catch {
      // It is closed all the same (close(2)).
    }
  }
}
