// What the picture shows: the few figures that tell whether something is fast, and the CPU time of them.
import { number, times } from './numbers.js';
import type { Figure, Report, Row } from './report.js';

export interface Panel {
  title: string;
  bars: { contender: string; value: number }[];
  /** What stands at the end of a bar. */
  label(value: number): string;
  /** Where a line is drawn across the bars. */
  mark?: number;
}

const shown = [
  { id: 'upload/65536/epoll-level', title: 'Upload, 64 KiB frames', work: 'uploads' },
  { id: 'download/65536/epoll-level', title: 'Download, 64 KiB writes', work: 'downloads' },
  { id: 'upload/64/epoll-level', title: 'Upload, 64 B messages', work: 'messages' },
];

function bars({ rows }: Figure, of: 'ratio' | 'cpu'): Panel['bars'] {
  return rows
    .filter((row: Row) => row[of] !== undefined)
    .map((row) => ({ contender: row.contender, value: row[of]?.median ?? Number.NaN }));
}

/**
 * The panels for which the report has something: throughput over plain TCP's, which has a line at 1,
 * and CPU time for the first of those figures that knows it.
 */
export function panels({ figures }: Report): Panel[] {
  const found = shown.flatMap(({ id, ...names }) =>
    figures.filter((figure) => figure.id === id).map((figure) => ({ ...names, figure })),
  );
  const throughput = found.map(({ title, figure }) => ({
    title,
    bars: bars(figure, 'ratio'),
    label: times,
    mark: 1,
  }));
  const cpu = found.map(({ work, figure }) => ({
    title: `CPU s/GB of ${work}, less is better`,
    bars: bars(figure, 'cpu'),
    label: number,
  }));
  const some = ({ bars }: Panel) => bars.some(({ value }) => Number.isFinite(value));
  return [...throughput.filter(some), ...cpu.filter(some).slice(0, 1)];
}
