// A process and all that descend from it, as they are at one moment (proc_pid_stat(5)).
//
// A command that is ended takes its children along, as it does at a terminal, where Control-C goes
// to all of them. The command has no process group of its own by which they could be named: it would
// be a background job of the terminal then, and could not read from it.
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as elapse } from 'node:timers/promises';

import { errnoOf } from '../errors.js';

interface Process {
  pid: number;
  parent: number;
  /** Clock ticks since the boot: with the pid, they name a process for ever. */
  started: string;
}

export class ProcessTree {
  private readonly processes: readonly Process[];

  constructor(root: number) {
    const all = readdirSync('/proc').flatMap((name) => read(name) ?? []);
    const inside = new Set([root]);
    // A child may have a smaller number than its parent.
    for (let size = 0; size < inside.size; ) {
      size = inside.size;
      for (const { pid, parent } of all) if (inside.has(parent)) inside.add(pid);
    }
    this.processes = all.filter(({ pid }) => inside.has(pid));
  }

  /**
   * Ends them all: SIGTERM, and SIGKILL for those that are still there after `patience` milliseconds.
   * Those that cannot be ended, because they became another user, are not waited for much longer.
   */
  async end(patience: number): Promise<void> {
    this.signal('SIGTERM');
    if (await this.isGone(patience)) return;
    this.signal('SIGKILL');
    await this.isGone(patience);
  }

  private signal(name: NodeJS.Signals): void {
    for (const { pid } of this.alive()) {
      try {
        process.kill(pid, name);
      } catch (error) {
        if (errnoOf(error) !== 'ESRCH' && errnoOf(error) !== 'EPERM') throw error;
      }
    }
  }

  // Whether all have ended, after so many milliseconds at most.
  private async isGone(patience: number): Promise<boolean> {
    const end = performance.now() + patience;
    while (this.alive().length > 0) {
      if (performance.now() > end) return false;
      await elapse(20);
    }
    return true;
  }

  private alive(): Process[] {
    return this.processes.filter(({ pid, started }) => read(String(pid))?.started === started);
  }
}

// Undefined for what is no process, or is one that has ended and was not waited for.
function read(name: string): Process | undefined {
  if (!/^\d+$/.test(name)) return undefined;
  try {
    const text = readFileSync(`/proc/${name}/stat`, 'latin1');
    // The program's name, in parentheses, may hold anything.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state, parent, started] = [fields[0], Number(fields[1]), fields[19] ?? ''];
    return state === 'Z' || state === 'X' ? undefined : { pid: Number(name), parent, started };
  } catch {
    return undefined;
  }
}
