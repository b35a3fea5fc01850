// What the program promises, held against a run.
import type { Figure, Report, Row, Verdict } from './report/report.js';
import { verdict } from './report/verdict.js';
import type { Spread } from './statistics.js';

type Sense = Verdict['sense'];

function rowOf(figure: Figure | undefined, contender: string): Row | undefined {
  return figure?.rows.find((row) => row.contender === contender);
}

// The quotient of two spreads, with the widest spread that it can have.
function quotient(above: Spread | undefined, below: Spread | undefined): Spread | undefined {
  if (above === undefined || below === undefined) return undefined;
  return {
    median: above.median / below.median,
    low: above.low / below.high,
    high: above.high / below.low,
  };
}

/** A verdict for each promise of which the figures tell. */
export function contract(figures: readonly Figure[]): Verdict[] {
  const verdicts: Verdict[] = [];
  const find = (id: string) => figures.find((one) => one.id === id);
  const check = (
    promise: string,
    sense: Sense,
    bound: number,
    unit: string,
    value: Spread | undefined,
  ) => {
    if (value !== undefined) verdicts.push(verdict(promise, sense, bound, unit, value));
  };
  const each = (
    prefix: string,
    test: (title: string, row: Row) => [string, Sense, number, string, Spread | undefined],
  ) => {
    for (const figure of figures.filter(({ id }) => id.startsWith(prefix))) {
      const row = rowOf(figure, 'wswrap');
      if (row !== undefined) check(...test(figure.title, row));
    }
  };

  each('upload/65536/', (title, { ratio }) => [title, 'at least', 0.85, '×', ratio]);
  each('upload/65536/', (title, { extraCpu }) => [
    `CPU more than TCP's, ${title}`,
    'at most',
    0.03,
    's/GB',
    extraCpu,
  ]);
  each('download/65536/', (title, { ratio }) => [title, 'at least', 0.95, '×', ratio]);
  each('messages/', (title, { ratio }) => [title, 'at least', 0.8, '×', ratio]);
  each('ping/p50/', (title, { ratio }) => [title, 'at most', 1.05, '×', ratio]);
  each('connections/', (title, { ratio }) => [title, 'at least', 0.55, '×', ratio]);
  const held = ['memory/10000', 'memory/1000'].map(find).find((one) => one !== undefined);
  check(held?.title ?? '', 'at most', 512, 'B', rowOf(held, 'wswrap adds')?.value);
  each('foreign/', (title, { value }) => [`added to ${title}`, 'at most', 5, 'ns', value]);
  const grown = ['growth/10000', 'growth/1000'].map(find).find((one) => one !== undefined);
  check(
    `growth of what a message costs against TCP's, from 10 to ${grown?.id.slice(7)} connections`,
    'at most',
    1.1,
    '×',
    quotient(rowOf(grown, 'wswrap')?.ratio, rowOf(find('growth/10'), 'wswrap')?.ratio),
  );
  for (const [contender, bound] of [
    ['wswrap', 10],
    ['wsproxy', 2.5],
  ] as const) {
    for (const what of ['upload', 'download']) {
      const figure = find(`${what}/65536/epoll-level`);
      check(
        `less CPU per GB than websockify, ${contender}, ${what} of 64 KiB`,
        'at least',
        bound,
        '×',
        quotient(rowOf(figure, 'websockify')?.cpu, rowOf(figure, contender)?.cpu),
      );
    }
  }
  return verdicts;
}

/** The promises that a report breaks. */
export function broken({ contract: all }: Report): Verdict[] {
  return all.filter(({ met }) => !met);
}
