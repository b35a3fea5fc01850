// The signs of `-v`: what came and went, one sign for each transfer, a line a second at most. They show
// who talks, and who holds up whom.
import type { Logger } from 'pino';

import type { Sign } from './session.js';

/** Explains the signs. */
export const trafficLegend = [
  '} from the client, }. only part of a frame or a control frame',
  '{ from the target',
  '> to the target, >. the target is slow',
  '< to the client, <. the client is slow',
];

const interval = 1000;
const mostSigns = 120;

export class Traffic {
  #signs = '';
  #left = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly log: Logger) {}

  sign(sign: Sign): void {
    if (this.#signs.length < mostSigns) this.#signs += sign;
    else this.#left += 1;
    this.#timer ??= setTimeout(() => this.flush(), interval);
  }

  /** Shows what was not shown yet. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#signs === '') return;
    this.log.info(`${this.#signs}${this.#left > 0 ? ` and ${this.#left} more` : ''}`);
    this.#signs = '';
    this.#left = 0;
  }
}
