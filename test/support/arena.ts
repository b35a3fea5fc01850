// The arena of a running server, as test/arena sees it.
import { execFileSync } from 'node:child_process';
import { compile } from './compile.js';
import { eventually } from './deadline.js';

const program = (name: string) =>
  compile({ name: `arena-${name}`, sources: [`test/arena/${name}.cc`], flags: ['-O2'] });

/** How many records of connections are in use. */
export function recordsInUse(pid: number): number {
  const output = execFileSync(program('count'), [String(pid)], { encoding: 'utf8' });
  return Number(/connections (\d+)/.exec(output)?.[1]);
}

/** Waits until that many records of connections are in use. */
export function recordsComeTo(pid: number, count: number): Promise<void> {
  return eventually(`${count} records in use`, () => recordsInUse(pid) === count);
}

/** The command that writes what it likes into the arena of a server for so many seconds. */
export function scribbler(pid: number, seconds: number, seed: number): [string, string[]] {
  return [program('scribble'), [pid, seconds, seed].map(String)];
}
