// A lock that a dead owner cannot keep.
//
// The lock is a symbolic link whose target names the owner: creating it is atomic, its content
// included. The owner is named by pid and start time, so that a reused pid is not taken for it.
import { readFileSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { errnoOf } from '../errors.js';

// How often to look again whether the owner has finished, in milliseconds.
const interval = 100;

/**
 * Runs `use` while holding the lock `path`, waiting for as long as another live process holds it;
 * `onWait` is called once with its pid. Throws what `use` throws, or the Error of symlink(2).
 */
export async function withLock<Result>(
  path: string,
  onWait: (pid: number) => void,
  use: () => Promise<Result>,
): Promise<Result> {
  const self = identity(process.pid);
  let waited = false;
  for (;;) {
    if (create(path, self)) break;
    const owner = read(path);
    if (owner === undefined) continue;
    const pid = Number.parseInt(owner, 10);
    if (identity(pid) === owner) {
      if (!waited) onWait(pid);
      waited = true;
      await delay(interval);
    } else if (!removeDead(path, owner, self)) {
      await delay(interval);
    }
  }
  try {
    return await use();
  } finally {
    unlinkSync(path);
  }
}

// Only the holder of the second lock may remove a dead owner's, and only after looking again:
// otherwise two waiters could both see the dead owner, and the slower one remove the faster one's
// new lock. Returns false when somebody else is at it.
function removeDead(path: string, owner: string, self: string): boolean {
  const guard = `${path}.${owner}`;
  if (!create(guard, self)) return false;
  try {
    if (read(path) === owner) unlinkSync(path);
  } finally {
    unlinkSync(guard);
  }
  return true;
}

function create(path: string, owner: string): boolean {
  try {
    symlinkSync(owner, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

function read(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

// `pid.starttime` of a live process (proc_pid_stat(5), field 22); of a dead one `pid.gone`.
function identity(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${pid}.${fields[19]}`;
  } catch {
    return `${pid}.gone`;
  }
}
