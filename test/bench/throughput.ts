// Megabytes per second and seconds of CPU per gigabyte, up and down, at each size of frame: the four
// styles of server, plain and wrapped, and proxies in front of one of them.
import { type Contender, direct, proxies, styles, wrapped } from './contenders.js';
import { cpuOf, run, stop } from './processes.js';
import type { Figure } from './report/report.js';
import { interleave, rowsOf } from './rounds.js';
import type { Settings } from './settings.js';
import { differences, spread } from './statistics.js';

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

interface Sample {
  /** MB/s */
  rate: number;
  /** s/GB */
  cpu: number;
}

/** One transfer. */
function transfer({ protocol, port, pids }: Contender, task: Task, amount: number): Sample {
  const before = cpuOf(pids);
  const result = run(task.direction, protocol, port, task.size, Math.ceil(amount));
  const cpu = cpuOf(pids) - before;
  const { seconds = Number.NaN, bytes = Number.NaN } = result;
  return { rate: bytes / seconds / 1e6, cpu: (cpu / bytes) * 1e9 };
}

/** How many bytes make a turn of the length that is asked for. Warms up what is measured, too. */
function calibrate(contender: Contender, task: Task, turn: number): number {
  for (let amount = 256 * 1024; ; amount *= 8) {
    const { rate } = transfer(contender, task, amount);
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
  const samples = interleave(settings, contenders, (one, i) =>
    transfer(one, task, amounts[i] ?? 0),
  );
  const rates = samples.map((list) => list.map(({ rate }) => rate));
  const cpus = samples.map((list) => list.map(({ cpu }) => cpu));
  const rows = rowsOf(contenders, rates).map((row, i) => ({
    ...row,
    cpu: spread(cpus[i] ?? []),
    extraCpu: spread(differences(cpus[i] ?? [], cpus[0] ?? [])),
  }));
  const id = `${what}/${task.size}/${style}`;
  return { id, group: 'Throughput', title, unit: 'MB/s', better: 'more', rows };
}

/** A figure for each size, direction and style. The proxies stand before the style `epoll-level`. */
export async function throughput(settings: Settings): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const style of settings.quick ? (['blocking', 'epoll-level'] as const) : styles) {
    const own = [await direct(style), await wrapped(style)];
    const [target] = own;
    const others = style === 'epoll-level' && target ? await proxies(settings, target) : [];
    for (const size of settings.quick ? [64, 65_536] : sizes) {
      for (const direction of directions) {
        figures.push(compare(settings, { direction, size }, style, [...own, ...others]));
      }
    }
    for (const { pids } of [...others, ...own]) await stop(pids[0] ?? 0);
  }
  return figures;
}
