// What table and page both ask of figures.
import type { Figure, Row } from './report.js';

/** The figures under their headings, both in the order of their first appearance. */
export function groups(figures: readonly Figure[]): Map<string, Figure[]> {
  const found = new Map<string, Figure[]>();
  for (const figure of figures) {
    found.set(figure.group, [...(found.get(figure.group) ?? []), figure]);
  }
  return found;
}

function isOne({ ratio }: Row): boolean {
  return ratio?.low === 1 && ratio.high === 1;
}

/** Whom the ratios of a figure compare with; nothing if it has none, or if that cannot be told. */
export function reference({ rows }: Figure): string | undefined {
  if (rows.every(({ ratio }) => ratio === undefined)) return undefined;
  const found = rows.find(isOne) ?? rows.find(({ ratio }) => ratio === undefined);
  return found?.contender;
}
