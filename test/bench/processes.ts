// The processes of a run: started on the CPUs of the server side, asked what they used, and ended
// with the run however it ends.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { compile } from '../support/compile.js';
import { childrenOf } from '../support/kernel.js';

const flags = ['-O2', '-pthread'];
/** The client. */
export const load = compile({ name: 'bench-load', sources: ['test/bench/load.cc'], flags });
/** The server under test. */
export const server = compile({ name: 'bench-server', sources: ['test/bench/server.cc'], flags });

// The client has the last CPU for itself, everything else shares the others: so no contender gets
// more of the machine than another.
const cpus = allowedCpus();
export const clientCpu = String(cpus.at(-1));
export const serverCpus = cpus.slice(0, Math.max(1, cpus.length - 1)).join(',');

// A container may have others than the first ones (cpuset(7)).
function allowedCpus(): number[] {
  const status = readFileSync('/proc/self/status', 'latin1');
  const list = /^Cpus_allowed_list:\s+(.*)$/m.exec(status)?.[1] ?? '0';
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

const children = new Set<ChildProcess>();

/**
 * Starts a program of the server side. With `line`, resolves when it has printed a line that matches,
 * with what the first group matched; rejects when it ends before, with what it printed.
 */
export function start(
  file: string,
  args: readonly string[],
  line?: RegExp,
  env?: Record<string, string>,
): Promise<{ pid: number; matched: string }> {
  const child = spawn(load, ['pin', serverCpus, file, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  children.add(child);
  const { pid = 0, stdout, stderr } = child;
  return new Promise((resolve, reject) => {
    if (line === undefined) child.on('spawn', () => resolve({ pid, matched: '' }));
    let printed = '';
    for (const input of [stdout, stderr]) {
      createInterface({ input }).on('line', (text) => {
        printed = `${printed}${text}\n`.slice(-2000);
        const found = line?.exec(text);
        if (found) resolve({ pid, matched: found[1] ?? '' });
      });
    }
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      children.delete(child);
      reject(new Error(`${file} ${args.join(' ')} ended (${code ?? signal})\n${printed}`));
    });
  });
}

/** A process and all that it started, and they. */
export function tree(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(tree)];
}

/** Ends a process and all that it started, and resolves when it is gone. */
export async function stop(pid: number): Promise<void> {
  const child = [...children].find((one) => one.pid === pid);
  const gone = child && new Promise((resolve) => child.once('exit', resolve));
  kill(pid);
  await gone;
}

function kill(root: number): void {
  for (const pid of tree(root).reverse()) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  }
}

/** Ends everything that was started. */
export function stopAll(): void {
  for (const { pid } of children) if (pid !== undefined) kill(pid);
}

/** Runs the client on its CPU and returns what it reports. Throws with its message if it fails. */
export function report<Result>(...words: (string | number)[]): Result {
  const args = ['pin', clientCpu, load, ...words.map(String)];
  const output = execFileSync(load, args, { encoding: 'utf8', timeout: 120_000 });
  return JSON.parse(output) as Result;
}

/** The same, if all that it reports are numbers. */
export const run = report<Record<string, number>>;

// Seconds, in hundredths, of children that have ended.
function inherited(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Seconds of CPU that processes and all that they started have used. */
export function cpuOf(roots: readonly number[]): number {
  for (;;) {
    const pids = roots.flatMap(tree);
    const output = execFileSync(load, ['cpu', ...pids.map(String)], { encoding: 'utf8' });
    const { nanoseconds } = JSON.parse(output) as { nanoseconds: number[] };
    const own = nanoseconds.reduce((sum, one) => sum + one / 1e9, 0);
    try {
      const sum = pids.map(inherited).reduce((all, one) => all + one, own);
      // A child that ended meanwhile may have been counted twice, or not at all.
      if (roots.flatMap(tree).join() === pids.join()) return sum;
    } catch {
      // It ended before it was asked.
    }
  }
}

/** Bytes of memory that processes and all that they started have written to. */
export function memoryOf(roots: readonly number[]): number {
  const kilobytes = roots.flatMap(tree).map((pid) => {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    return Number(/^Private_Dirty:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
  });
  return kilobytes.reduce((sum, one) => sum + one, 0) * 1024;
}
