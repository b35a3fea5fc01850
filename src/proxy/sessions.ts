// How many sessions there are, in all processes of the proxy together.
import { EventEmitter } from 'node:events';

interface Events {
  /** The first of all began. */
  first: [];
  /** The last of those that were open ended. */
  idle: [];
}

export class Sessions extends EventEmitter<Events> {
  #open = 0;
  #total = 0;

  /** At most `most` at once, and `total` altogether. */
  constructor(
    private readonly most: number,
    private readonly total: number,
  ) {
    super();
  }

  get open(): number {
    return this.#open;
  }

  /** Counts one more; false when there may not be more. */
  admit(): boolean {
    if (this.#open >= this.most || this.#total >= this.total) return false;
    this.#open += 1;
    this.#total += 1;
    if (this.#total === 1) this.emit('first');
    return true;
  }

  /** Counts the end of `count` sessions. */
  release(count = 1): void {
    if (count === 0) return;
    this.#open -= count;
    if (this.#open === 0) this.emit('idle');
  }
}
