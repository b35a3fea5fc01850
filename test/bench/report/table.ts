// The report for a terminal: the figures, then the contract, then what is missing, because the end is
// what one sees when a long run is over.
import { groups, reference } from './figures.js';
import { grid, type Line, wrap } from './grid.js';
import { agreement, moment, number, quantity, quartiles, times } from './numbers.js';
import type { Figure, Report, Row, Verdict } from './report.js';
import { limit, outcome, summary } from './verdict.js';

const width = 100;

function heading(title: string): string[] {
  return ['', title, '─'.repeat(title.length)];
}

function head({ taken, rounds, quick, machine }: Report): string[] {
  const how = `${moment(taken)}, medians of ${rounds} rounds${quick ? ', quick' : ''}`;
  return [how, ...grid(machine, ['left', 'broken'], width)];
}

function cells({ contender, value, ratio, cpu }: Row, unit: string): Line {
  return [
    `  ${contender}`,
    quantity(value.median, unit),
    agreement(value),
    ratio === undefined ? '' : times(ratio.median),
    cpu === undefined ? '' : number(cpu.median),
  ];
}

function ratioName(figures: readonly Figure[]): string {
  const names = new Set(figures.map(reference).filter((name) => name !== undefined));
  const [only] = names;
  if (only === undefined) return '';
  return names.size === 1 ? `to ${only}` : 'ratio';
}

function group(title: string, figures: readonly Figure[]): readonly string[] {
  const hasCpu = figures.some(({ rows }) => rows.some(({ cpu }) => cpu !== undefined));
  const lines: Line[] = [['', 'median', 'spread', ratioName(figures), hasCpu ? 'CPU s/GB' : '']];
  for (const figure of figures) {
    lines.push(`${figure.title}${figure.better === 'less' ? ' (less is better)' : ''}`);
    lines.push(...figure.rows.map((row) => cells(row, figure.unit)));
  }
  return [...heading(title), ...grid(lines, ['broken', 'right', 'right', 'right', 'right'], width)];
}

function contract(verdicts: readonly Verdict[]): readonly string[] {
  const lines = verdicts.map((verdict) => [
    verdict.promise,
    limit(verdict),
    quantity(verdict.value.median, verdict.unit),
    quartiles(verdict.value),
    verdict.met ? outcome(verdict) : outcome(verdict).toUpperCase(),
  ]);
  return [
    ...heading('Contract'),
    ...grid(
      [['', 'bound', 'measured', 'quartiles'], ...lines, summary(verdicts)],
      ['broken', 'right', 'right', 'right', 'left'],
      width,
    ),
  ];
}

/** The report as plain text of at most 100 columns (wider only for a single word), with a last newline. */
export function table(report: Report): string {
  const lines = [
    ...head(report),
    ...[...groups(report.figures)].flatMap(([title, figures]) => group(title, figures)),
    ...(report.contract.length > 0 ? contract(report.contract) : []),
    ...(report.skipped.length > 0 ? heading('Left out') : []),
    ...report.skipped.flatMap((why) => wrap(why, width)),
  ];
  return `${lines.join('\n')}\n`;
}
