// wsproxy -D: in the background, without a terminal, once it is known to work.
//
// Node cannot fork. So the program starts itself a second time, in a session of its own, and the
// first process stays until the second says that it is ready. Until then whatever the second one
// prints goes through pipes to where the first one prints, be it a banner, an error or the last
// words of a crash; then the pipes are replaced by /dev/null.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import { loadAddon } from '../native.js';

const variable = 'WSWRAP_DAEMON';

// Looked at once: neither workers nor commands that the daemon starts are to take it for theirs.
const detached = process.env[variable] !== undefined;
delete process.env[variable];

// How long the caller stays after the daemon is ready, for what others may still print: commands
// that were started too early have its pipes too. In milliseconds.
const grace = 1000;

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

/** Whether this process is the one in the background. */
export function isDaemon(): boolean {
  return detached;
}

/**
 * Starts this program again, with the same arguments, as a daemon, and shows what it prints until it
 * is ready. Then, or when the daemon dies before, this process ends: with status 0, or the way the
 * daemon ended. Signals that ask to end are passed on to it. Throws the Error of a failed start.
 */
export async function daemonize(): Promise<never> {
  // Node does so as it starts, but stops looking at the first gap.
  loadAddon().closeOthersOnExec();
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    env: { ...process.env, [variable]: '1' },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  await once(child, 'spawn');
  for (const signal of forwarded) process.on(signal, () => child.kill(signal));
  const shown = show(child);
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const end = await Promise.race([announced(child), ended]);
  await Promise.race([shown, delay(grace)]);
  if (end === 'ready') process.exit(0);
  const [status, signal] = end;
  if (signal === null) process.exit(status ?? 1);
  for (const passed of forwarded) process.removeAllListeners(passed);
  process.kill(process.pid, signal);
  // Some signals take a moment; some are ignored here.
  await delay(grace);
  process.exit(1);
}

/**
 * Lets go of the caller: standard output and error become /dev/null, the working folder `/`, files
 * made from now on are closed to others (umask 027), and the caller is told that all is well. To be
 * called when listeners are bound, files read and privileges dropped, before any command is started.
 * Paths that are used later must be absolute by then. Does nothing in a process that is no daemon.
 */
export async function announceReady(): Promise<void> {
  if (!detached) return;
  process.chdir('/');
  process.umask(0o027);
  const nowhere = openSync('/dev/null', 'r+');
  for (const fd of [0, 1, 2]) loadAddon().dup2(nowhere, fd);
  closeSync(nowhere);
  if (!process.connected) return;
  await new Promise<void>((sent) =>
    process.send?.({ ready: true }, undefined, undefined, () => sent()),
  );
  if (process.connected) process.disconnect();
}

// Resolves when all that the daemon printed has been printed here.
async function show({ stdout, stderr }: ChildProcess): Promise<void> {
  await Promise.all([copy(stdout, process.stdout), copy(stderr, process.stderr)]);
}

async function copy(from: Readable | null, to: NodeJS.WriteStream): Promise<void> {
  if (from === null) return;
  // When nobody reads here any more, the daemon must not wait for that.
  to.on('error', () => from.resume());
  from.pipe(to, { end: false });
  await once(from, 'end');
}

function announced(child: ChildProcess): Promise<'ready'> {
  return new Promise((resolve) => {
    child.on('message', (message) => {
      if (isReady(message)) resolve('ready');
    });
  });
}

function isReady(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'ready' in message;
}
