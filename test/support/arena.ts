// The arena of a running server, as test/arena sees it.
import { execFileSync } from 'node:child_process';
import { compile } from './compile.js';
import { eventually } from './deadline.js';

const program = (name: string) =>
  compile({ name: `arena-${name}`, sources: [`test/arena/${name}.cc`], flags: ['-O2'] });

function inUse(what: string, pid: number): number {
  const output = execFileSync(program('count'), [String(pid)], { encoding: 'utf8' });
  return Number(new RegExp(`${what} (\\d+)`).exec(output)?.[1]);
}

/** How many records of connections are in use. */
export const recordsInUse = (pid: number) => inUse('connections', pid);

/** How many holders of connections have a place outside of the record, which has not got enough. */
export const sparePlacesInUse = (pid: number) => inUse('spare', pid);

/** Waits until that many records of connections are in use. */
export function recordsComeTo(pid: number, count: number): Promise<void> {
  return eventually(`${count} records in use`, () => recordsInUse(pid) === count);
}

/** The command that writes what it likes into the arena of a server for so many seconds. */
export function scribbler(pid: number, seconds: number, seed: number): [string, string[]] {
  return [program('scribble'), [pid, seconds, seed].map(String)];
}
