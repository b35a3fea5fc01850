// Transfers of bytes: what rate they reach, and what CPU they take.
import type { Contender } from './contenders.js';
import { cpuOf, run } from './processes.js';
import type { Row } from './report/report.js';
import { rowsOf } from './rounds.js';
import { differences, spread } from './statistics.js';

export interface Transfer {
  bytes: number;
  /** MB/s */
  rate: number;
  /** s/GB, of all processes of the server side */
  cpu: number;
}

/** One transfer: `words` are a command of the client that reports bytes and seconds. */
export function transfer({ pids }: Contender, ...words: (string | number)[]): Transfer {
  const before = cpuOf(pids);
  const { seconds = Number.NaN, bytes = Number.NaN } = run(...words);
  const cpu = cpuOf(pids) - before;
  return { bytes, rate: bytes / seconds / 1e6, cpu: (cpu / bytes) * 1e9 };
}

/** A row for each contender, with rates and CPU compared with the first one's. */
export function transferRows(
  contenders: readonly Contender[],
  samples: readonly Transfer[][],
): Row[] {
  const rates = samples.map((list) => list.map(({ rate }) => rate));
  const cpus = samples.map((list) => list.map(({ cpu }) => cpu));
  return rowsOf(contenders, rates).map((row, i) => ({
    ...row,
    cpu: spread(cpus[i] ?? []),
    extraCpu: spread(differences(cpus[i] ?? [], cpus[0] ?? [])),
  }));
}
