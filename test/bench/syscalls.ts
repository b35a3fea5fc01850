// System calls that a server makes for a message, counted by strace: the difference of two runs, of
// which one has more messages.
import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { within } from '../support/deadline.js';
import type { Figure, Row } from './report/report.js';
import type { Settings } from './settings.js';
import { spread } from './statistics.js';

// What opening and closing a connection costs is in both, and is gone from the difference.
const few = 100;
const many = 500;

/**
 * The command line of a client, for Subject.run() of a ping-pong: it rests before each write. A
 * traced server is slow, and would otherwise find the next message before it could find, as it does
 * untraced, that there is none yet.
 */
export function resting(strace: string, ...command: string[]): [string, string[]] {
  const inject = ['-e', 'trace=write', '-e', 'inject=write:delay_enter=2ms'];
  return [strace, ['-qq', '-o', '/dev/null', ...inject, ...command]];
}

/** A server that runs, and a way to have it serve so many messages on a connection of its own. */
export interface Subject {
  /** Of the figure's id: `ping`. */
  task: string;
  /** The server's loop: `epoll-edge`. */
  style: string;
  /** Of the figure, for people: `ping-pong, 64 B, epoll-edge server`. */
  title: string;
  contender: string;
  pid: number;
  run(messages: number): Promise<void>;
}

/**
 * Calls per message of each subject: a figure for each task and style, with a row for each
 * contender. Skipped where strace may not trace.
 */
export async function syscallsPerMessage(
  { progress, skip }: Settings,
  strace: string,
  subjects: readonly Subject[],
): Promise<Figure[]> {
  const figures = new Map<string, Figure>();
  try {
    for (const subject of subjects) {
      const { task, style, title, contender, pid, run } = subject;
      progress(`system calls: ${title}, ${contender}`);
      // The first connection has things made that the next ones find.
      await run(few);
      const before = await counted(strace, pid, () => run(few));
      const after = await counted(strace, pid, () => run(many));
      const id = `syscalls/${task}/${style}`;
      const figure = figures.get(id) ?? emptyFigure(id, title);
      figures.set(id, figure);
      figure.rows.push(row(contender, perMessage(before, after, many - few)));
    }
  } catch (error) {
    if (!(error instanceof NotTraced)) throw error;
    skip(`system calls per message: ${error.message}`);
    return [];
  }
  return [...figures.values()];
}

function emptyFigure(id: string, title: string): Figure {
  const group = 'System calls';
  return { id, group, title, unit: 'calls per message', better: 'less', rows: [] };
}

/** How often each system call was made, by its name. */
type Counts = ReadonlyMap<string, number>;

function perMessage(before: Counts, after: Counts, messages: number): Counts {
  const names = [...new Set([...before.keys(), ...after.keys()])];
  const more = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  return new Map(names.map((name) => [name, more(name) / messages]));
}

function row(contender: string, counts: Counts): Row {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const parts = [...counts]
    .map(([name, count]) => ({ name, count: Number(count.toFixed(2)) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count)
    .map(({ name, count }) => `${name} ${count}`);
  return { contender, value: spread([total]), detail: parts.join(', ') };
}

/** strace could not attach; the message is its own. */
class NotTraced extends Error {}

/** What a process, its threads and its children do while `work` goes on. */
async function counted(strace: string, pid: number, work: () => Promise<void>): Promise<Counts> {
  const options = ['-f', '-c', '-U', 'calls,name', '-p', String(pid)];
  const child = spawn(strace, options, { stdio: ['ignore', 'ignore', 'pipe'] });
  const closed = once(child, 'close');
  let output = '';
  const attached = new Promise<void>((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (/: Process \d+ attached/.test(output)) resolve();
    });
    child.on('error', reject);
    child.on('close', () => reject(new NotTraced(output.trim().split('\n')[0])));
  });
  try {
    await within(`strace to attach to ${pid}`, attached);
    await work();
  } finally {
    child.kill('SIGINT');
    await within('strace to end', closed);
  }
  const lines = [...output.matchAll(/^ *(\d+) (\w+)$/gm)];
  const counts = lines.map(([, calls, name = '']) => [name, Number(calls)] as const);
  return new Map(counts.filter(([name]) => name !== 'total'));
}
