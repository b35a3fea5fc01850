// A seeded source of numbers, so that a failure can be repeated from the seed that it names.

export class Random {
  #state: number;

  constructor(readonly seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  /** A whole number from `low` to `high`, both included (xorshift32). */
  between(low: number, high: number): number {
    let state = this.#state;
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    this.#state = state >>> 0;
    return low + (this.#state % (high - low + 1));
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.between(1, times) === 1;
  }

  bytes(size: number): Buffer {
    return Buffer.from(Array.from({ length: size }, () => this.between(0, 255)));
  }
}

/** The seed of this run: WSWRAP_TEST_SEED if set (to repeat a failure), else the clock's. */
export function seedOfThisRun(): number {
  return Number(process.env['WSWRAP_TEST_SEED'] ?? Date.now() % 1_000_000);
}
