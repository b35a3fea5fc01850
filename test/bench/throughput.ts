// Megabytes per second and seconds of CPU per gigabyte, up and down, at each size of frame: the four
// styles of server, plain and wrapped, and proxies in front of one of them.
import { type Contender, stylesOf, withLineup } from './contenders.js';
import type { Figure } from './report/report.js';
import { interleave } from './rounds.js';
import type { Settings } from './settings.js';
import { type Transfer, transfer, transferRows } from './transfers.js';

const directions = ['up', 'down'] as const;
type Direction = (typeof directions)[number];

interface Task {
  direction: Direction;
  size: number;
}

const sizes = [64, 1024, 65_536, 1_048_576];

function name(size: number): string {
  if (size < 1024) return `${size} B`;
  return size < 1_048_576 ? `${size / 1024} KiB` : `${size / 1_048_576} MiB`;
}

function move(contender: Contender, { direction, size }: Task, amount: number): Transfer {
  const { protocol, port } = contender;
  return transfer(contender, direction, protocol, port, size, Math.ceil(amount));
}

/** How many bytes make a turn of the length that is asked for. Warms up what is measured, too. */
function calibrate(contender: Contender, task: Task, turn: number): number {
  for (let amount = 256 * 1024; ; amount *= 8) {
    const { rate } = move(contender, task, amount);
    if (amount / (rate * 1e6) > turn / 16) return Math.min(rate * 1e6 * turn, 8e9);
  }
}

function compare(
  settings: Settings,
  task: Task,
  style: string,
  contenders: readonly Contender[],
): Figure {
  const [what, unit] = task.direction === 'up' ? ['upload', 'frames'] : ['download', 'writes'];
  const title = `${what}, ${name(task.size)} ${unit}, ${style} server`;
  settings.progress(title);
  const amounts = contenders.map((one) => calibrate(one, task, settings.turn));
  const samples = interleave(settings, contenders, (one, i) => move(one, task, amounts[i] ?? 0));
  const rows = transferRows(contenders, samples);
  const id = `${what}/${task.size}/${style}`;
  return { id, group: 'Throughput', title, unit: 'MB/s', better: 'more', rows };
}

/** A figure for each size, direction and style. The proxies stand before the style `epoll-level`. */
export async function throughput(settings: Settings): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const style of stylesOf(settings)) {
    await withLineup(settings, style, (all) => {
      for (const size of settings.quick ? [64, 65_536] : sizes) {
        for (const direction of directions) {
          figures.push(compare(settings, { direction, size }, style, all));
        }
      }
    });
  }
  return figures;
}
