// The report as a page of the documentation, in Markdown. A run has some hundred numbers: figures that
// share unit and contenders share a table, and a spread is written down only where it is large.
import { groups, reference } from './figures.js';
import { agreement, deviation, moment, number, quantity, quartiles, times } from './numbers.js';
import type { Figure, Report, Row, Verdict } from './report.js';
import { limit, outcome, summary } from './verdict.js';

/** What a cell does not mention: the rounds agree as well as this. */
const usual = 0.05;

function text(raw: string): string {
  return raw.replace(/[\\|<*_`[\]]/g, '\\$&');
}

/** A table whose first column is text and whose other columns are numbers. */
function markdown(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const rule = head.map((_, at) => (at === 0 ? '---' : '--:'));
  return [head, rule, ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

function caption(figure: Figure): string {
  const over = reference(figure);
  const ratio = over === undefined ? '' : `, in brackets over ${over}`;
  return text(`${figure.unit}${ratio}; ${figure.better} is better`);
}

function cell(row: Row | undefined): string {
  if (row === undefined) return '';
  const far = deviation(row.value);
  const spread = far <= usual ? '' : `${far > usual ? '' : ','} ${agreement(row.value)}`;
  const ratio = row.ratio === undefined ? '' : ` (${times(row.ratio.median)})`;
  const median = number(row.value.median);
  return Number.isFinite(row.value.median) ? `${median}${spread}${ratio}` : median;
}

function cpuCell(row: Row | undefined): string {
  return row?.cpu === undefined ? '' : number(row.cpu.median);
}

interface Shared {
  caption: string;
  contenders: string[];
  figures: Figure[];
}

/** Puts a figure into the first table that has its unit and all its contenders. */
function share(figures: readonly Figure[]): Shared[] {
  const tables: Shared[] = [];
  for (const figure of figures) {
    const contenders = figure.rows.map(({ contender }) => contender);
    const fitting = tables.find(
      (each) =>
        each.caption === caption(figure) &&
        contenders.every((contender) => each.contenders.includes(contender)),
    );
    if (fitting) fitting.figures.push(figure);
    else tables.push({ caption: caption(figure), contenders, figures: [figure] });
  }
  return tables;
}

function matrix({ contenders, figures }: Shared, show: (row: Row | undefined) => string): string {
  const lines = figures.map(({ title, rows }) => [
    text(title),
    ...contenders.map((name) => show(rows.find(({ contender }) => contender === name))),
  ]);
  return markdown(['', ...contenders.map(text)], lines);
}

function section(shared: Shared): string[] {
  const measured = shared.figures.filter(({ rows }) => rows.some(({ cpu }) => cpu !== undefined));
  const parts = [`${shared.caption}:`, matrix(shared, cell)];
  const details = shared.figures.flatMap(({ title, rows }) =>
    rows.flatMap(({ contender, detail }) =>
      detail === undefined ? [] : [`- ${text(title)}, ${text(contender)}: ${text(detail)}`],
    ),
  );
  if (details.length > 0) parts.push(details.join('\n'));
  if (measured.length > 0) {
    parts.push(
      'CPU seconds per GB; less is better:',
      matrix({ ...shared, figures: measured }, cpuCell),
    );
  }
  return parts;
}

function contract(verdicts: readonly Verdict[]): string[] {
  const lines = verdicts.map((verdict) => [
    text(verdict.promise),
    text(limit(verdict)),
    quantity(verdict.value.median, verdict.unit),
    quartiles(verdict.value),
    verdict.met ? outcome(verdict) : `**${outcome(verdict)}**`,
  ]);
  return [
    '## The contract',
    summary(verdicts),
    markdown(['promise', 'bound', 'measured', 'quartiles', ''], lines),
  ];
}

/**
 * The report as Markdown, to be saved beside the picture `benchmark.svg`. `prose` is Markdown about how
 * it was measured, to stand before and after the results.
 */
export function page(report: Report, prose: { before: string; after: string }): string {
  const { taken, rounds, quick, machine, figures, skipped } = report;
  const facts = [
    ['taken', `${moment(taken)}, ${rounds} rounds${quick ? ', quick' : ''}`],
    ...machine,
  ];
  const parts = [
    '# Benchmark',
    prose.before.trim(),
    ['| | |', '|---|---|', ...facts.map((fact) => `| ${fact.map(text).join(' | ')} |`)].join('\n'),
    ...(report.contract.length > 0 ? contract(report.contract) : []),
    '## The figures',
    '![Throughput and CPU time of each contender](benchmark.svg)',
    `Medians of ${rounds} rounds; where a quartile is more than ${usual * 100} % away from the median, it says how far.`,
    ...[...groups(figures)].flatMap(([title, members]) => [
      `### ${text(title)}`,
      ...share(members).flatMap(section),
    ]),
    ...(skipped.length > 0
      ? ['## Left out', skipped.map((why) => `- ${text(why)}`).join('\n')]
      : []),
    prose.after.trim(),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}
