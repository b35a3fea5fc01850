// Rounds in which each contender has its turn after the other, so that whatever else the machine does
// meets all of them alike, and each is compared with the reference of its own round.
import type { Contender } from './contenders.js';
import type { Figure, Row } from './report/report.js';
import type { Settings } from './settings.js';
import { ratios, spread } from './statistics.js';

/** What each contender's turns came to, by contender and round. */
export function interleave<Sample>(
  settings: Settings,
  contenders: readonly Contender[],
  turn: (contender: Contender, index: number) => Sample,
): Sample[][] {
  const samples: Sample[][] = contenders.map(() => []);
  for (let round = 0; round < settings.rounds; round += 1) {
    const order = [...contenders.entries()];
    // There and back: what slowly changes meets the first and the last alike.
    if (round % 2 === 1) order.reverse();
    for (const [i, contender] of order) samples[i]?.push(turn(contender, i));
  }
  return samples;
}

/**
 * So many per second of each contender, by contender and round: `rate` makes so many and says how
 * many that are in a second. The first `probe` tell how many make a turn of the length asked for.
 */
export function rates(
  settings: Settings,
  contenders: readonly Contender[],
  probe: number,
  rate: (contender: Contender, count: number) => number,
): number[][] {
  const counts = contenders.map((one) => Math.ceil(rate(one, probe) * settings.turn));
  return interleave(settings, contenders, (one, i) => rate(one, counts[i] ?? 0));
}

/** A row for each contender, with ratios to the first one. */
export function rowsOf(contenders: readonly Contender[], values: readonly number[][]): Row[] {
  const [reference = []] = values;
  return contenders.map(({ name }, i) => ({
    contender: name,
    value: spread(values[i] ?? []),
    ratio: spread(ratios(values[i] ?? [], reference)),
  }));
}

/** A figure of one number per turn. */
export function figure(
  about: Omit<Figure, 'rows'>,
  contenders: readonly Contender[],
  values: readonly number[][],
): Figure {
  return { ...about, rows: rowsOf(contenders, values) };
}
