// Medians and quartiles: a median does not mind a round that something else disturbed, and the
// quartiles say how far the rounds agree.

/** The median of samples with their quartiles. */
export interface Spread {
  median: number;
  low: number;
  high: number;
}

/** The value below which the fraction `q` of `values` lies, interpolated; NaN of none. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** Median and quartiles. */
export function spread(values: readonly number[]): Spread {
  const [low, median, high] = [0.25, 0.5, 0.75].map((q) => quantile(values, q));
  return { median: median ?? Number.NaN, low: low ?? Number.NaN, high: high ?? Number.NaN };
}

/** Each value over the reference of the same round. */
export function ratios(values: readonly number[], reference: readonly number[]): number[] {
  return values.map((value, round) => value / (reference[round] ?? Number.NaN));
}

/** Each value minus the reference of the same round. */
export function differences(values: readonly number[], reference: readonly number[]): number[] {
  return values.map((value, round) => value - (reference[round] ?? Number.NaN));
}
