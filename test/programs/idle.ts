// What a server costs while nobody speaks to it.
import assert from 'node:assert/strict';
import { elapse } from '../support/deadline.js';
import { cpuSeconds } from '../support/kernel.js';

/** Asserts that these processes sleep: one that spins uses all the time that it gets. */
export async function assertIdle(...pids: number[]): Promise<void> {
  const seconds = 0.4;
  const used = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  const before = used();
  await elapse(seconds * 1000);
  const cpu = used() - before;
  assert.ok(cpu < seconds / 4, `${cpu} s of CPU in ${seconds} s`);
}
