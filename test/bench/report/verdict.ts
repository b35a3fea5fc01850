// Whether a promise was kept. Two runs on one machine differ by some percent, and a promise that is kept
// in one and missed in the next says nothing about the code. So the quartile on the better side is what
// has to reach the bound: only what is missed by more than the rounds differ among themselves counts.
import type { Spread } from '../statistics.js';
import { exactly } from './numbers.js';
import type { Verdict } from './report.js';

/**
 * The verdict on what was measured. An `at least` is met if the upper quartile reaches the bound, an
 * `at most` if the lower one does; with a single round that is the value itself. What could not be
 * measured (NaN) is not met.
 */
export function verdict(
  promise: string,
  sense: Verdict['sense'],
  bound: number,
  unit: string,
  value: Spread,
): Verdict {
  const met = sense === 'at least' ? value.high >= bound : value.low <= bound;
  return { promise, sense, bound, unit, value, met };
}

/** The bound for people: `≥ 0.95×`. */
export function limit({ sense, bound, unit }: Verdict): string {
  return `${sense === 'at least' ? '≥' : '≤'}\u00a0${exactly(bound, unit)}`;
}

/** What became of a promise, for people. */
export function outcome({ met, value }: Verdict): 'kept' | 'missed' | 'not measured' {
  if (met) return 'kept';
  return Number.isNaN(value.median) ? 'not measured' : 'missed';
}

/** The whole contract in one sentence. */
export function summary(contract: readonly Verdict[]): string {
  const kept = contract.filter(({ met }) => met).length;
  return `${kept} of ${contract.length} promises kept.`;
}
