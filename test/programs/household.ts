// A server and the processes that it started: what they hold and what they use, together.
import assert from 'node:assert/strict';
import { elapse, eventually } from '../support/deadline.js';
import { childrenOf, cpuSeconds, openSockets } from '../support/kernel.js';

function household(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(household)];
}

/** What `measure` says of each process of the household that has not left meanwhile. */
function collect<T>(pid: number, measure: (pid: number) => T): T[] {
  return household(pid).flatMap((member) => {
    try {
      return [measure(member)];
    } catch {
      return [];
    }
  });
}

function cpuOf(pid: number): number {
  return collect(pid, cpuSeconds).reduce((sum, seconds) => sum + seconds, 0);
}

/** How many different sockets the server and its processes have open. */
export function socketsOf(pid: number): number {
  return new Set(collect(pid, openSockets).flat()).size;
}

/** Waits until the server and its processes have no more sockets open than `most`. */
export async function keepsNoMoreThan(most: number, pid: number): Promise<void> {
  let now = Number.NaN;
  const holds = () => {
    now = socketsOf(pid);
    return now <= most;
  };
  await eventually(`no more than ${most} sockets are open`, holds).catch((error: Error) => {
    throw new Error(`${error.message}: there are ${now}`);
  });
}

/** Asserts that the server and its processes sleep: who spins uses all the time that it gets. */
export async function assertIdle(pid: number): Promise<void> {
  const seconds = 0.4;
  const before = cpuOf(pid);
  await elapse(seconds * 1000);
  const used = cpuOf(pid) - before;
  assert.ok(used < seconds / 4, `${used} s of CPU in ${seconds} s`);
}
