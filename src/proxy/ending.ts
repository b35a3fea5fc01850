// What ends a proxy: a signal, an option that says when, or the command whose server it serves.
import { constants } from 'node:os';

import type { ProcessOptions } from './options.js';
import type { Sessions } from './sessions.js';

/** How: at once, or with the last session; and the exit status, or the signal to die of. */
export interface Ending {
  how: 'goAway' | 'drain';
  /** For the log. */
  why: string;
  status: number;
  signal?: NodeJS.Signals;
}

export interface Signals {
  /** SIGHUP: files may have changed. */
  reload(): void;
  /** SIGUSR2: new processes, please. */
  restart(): void;
}

/** Resolves when it is time to end. Signals that ask for something else are passed on until then. */
export function awaitEnding(
  { runOnce, timeout, idleTimeout }: ProcessOptions,
  sessions: Sessions,
  { reload, restart }: Signals,
): Promise<Ending> {
  process.on('SIGHUP', reload);
  process.on('SIGUSR2', restart);
  return new Promise((resolve) => {
    const end = (how: Ending['how'], why: string) => resolve({ how, why, status: 0 });
    process.once('SIGTERM', () => end('goAway', 'SIGTERM'));
    process.once('SIGQUIT', () => end('drain', 'SIGQUIT'));
    process.once('SIGINT', () => {
      const status = 128 + constants.signals.SIGINT;
      resolve({ how: 'goAway', why: 'SIGINT', status, signal: 'SIGINT' });
    });
    if (runOnce) sessions.once('first', () => end('drain', '--run-once'));
    if (timeout !== undefined) setTimeout(() => end('drain', '--timeout'), timeout * 1000).unref();
    if (idleTimeout === undefined) return;
    let timer: NodeJS.Timeout;
    const wait = () => {
      timer = setTimeout(() => {
        if (sessions.open === 0) end('drain', '--idle-timeout');
      }, idleTimeout * 1000);
      timer.unref();
    };
    sessions.on('idle', () => {
      clearTimeout(timer);
      wait();
    });
    wait();
  });
}

/** From now on a signal ends the process at once: its user has lost patience. */
export function allowInterruption(): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.removeAllListeners(signal);
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  }
}
