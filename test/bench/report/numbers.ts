// Numbers as people read them, the same on the terminal, on the page and in the picture: three digits
// that mean something, thousands apart, and a dash for what could not be measured. The blanks do not
// break, so that no line ends between a number and its unit.
import type { Spread } from '../statistics.js';

const blank = '\u00a0';

/** What stands for a value that could not be measured. */
export const unmeasured = '–';

function grouped(digits: string): string {
  const [whole = '', fraction] = digits.replace('-', '−').split('.');
  const thousands = whole.replace(/\B(?=(\d{3})+$)/g, blank);
  return fraction === undefined ? thousands : `${thousands}.${fraction}`;
}

/** Three significant digits, but never more than four behind the point; a dash for NaN and infinity. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return unmeasured;
  const rounded = Number(value.toPrecision(3));
  if (rounded === 0) return '0';
  const magnitude = Math.floor(Math.log10(Math.abs(rounded)));
  return grouped(rounded.toFixed(Math.min(Math.max(2 - magnitude, 0), 4)));
}

/** A number with its unit: `3 480 MB/s`, `0.950×`. */
export function quantity(value: number, unit: string): string {
  if (!Number.isFinite(value)) return unmeasured;
  return `${number(value)}${unit === '×' ? '' : blank}${unit}`;
}

/** A limit with its unit, every digit of it as it was written down: `0.95×`. */
export function exactly(value: number, unit: string): string {
  return `${grouped(String(value))}${unit === '×' ? '' : blank}${unit}`;
}

/** A ratio to two digits: `0.95×`; two that mean something where it is small: `0.012×`. */
export function times(ratio: number): string {
  if (!Number.isFinite(ratio)) return unmeasured;
  if (ratio >= 10) return `${number(ratio)}×`;
  const magnitude = ratio > 0 ? Math.floor(Math.log10(ratio)) : 0;
  return `${ratio.toFixed(Math.min(Math.max(1 - magnitude, 2), 4))}×`;
}

/** Both quartiles: `0.934 … 0.962`. */
export function quartiles({ low, high }: Spread): string {
  if (!Number.isFinite(low + high)) return unmeasured;
  return `${number(low)}${blank}…${blank}${number(high)}`;
}

/** How far the farther quartile is from the median, as a fraction of it; NaN unless that is above 0. */
export function deviation({ median, low, high }: Spread): number {
  return median > 0 ? Math.max(high - median, median - low) / median : Number.NaN;
}

/** How far the rounds agree: `±3 %`, or both quartiles where the median is not above 0. */
export function agreement(value: Spread): string {
  const percent = deviation(value) * 100;
  if (!Number.isFinite(percent)) return quartiles(value);
  return `±${percent.toFixed(percent < 1 ? 1 : 0)}${blank}%`;
}

/** A moment as `2026-01-31 14:05 UTC`; throws a RangeError if `iso` is none. */
export function moment(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}
