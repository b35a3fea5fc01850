// `wswrap demo`: an RFB server under wswrap, as a user would start it, and a page to look at it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, isIPv6, type Server } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { errnoOf, LaunchError } from '../errors.js';
import { report } from '../launcher/progress.js';
import { packageRoot } from '../paths.js';
import { createPageServer } from './page-server.js';

export interface DemoOptions {
  /** The RFB server's port. */
  port: number;
  /** The page's port. */
  webPort: number;
  /** The address that both listen on. */
  listen: string;
}

/** Runs until the RFB server ends or a signal comes. Returns the exit status. */
export async function demo({ port, webPort, listen }: DemoOptions): Promise<number> {
  await assertFree(port, listen, '--port');
  const pages = createPageServer(port);
  await open(pages, webPort, listen, '--web-port');

  const server = startRfbServer(port, listen);
  const signal = endWith(server);
  const ended = once(server, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  if (await isListening(server)) announce(port, webPort, listen);
  const [status, killedBy] = await ended;
  pages.close();
  pages.closeAllConnections();

  // Whoever waits for us is to see the signal that ended us, not a number that stands for it.
  const received = signal();
  if (received !== null) process.kill(process.pid, received);
  return status ?? 128 + (killedBy === null ? 0 : constants.signals[killedBy]);
}

// The very command line that the demo is about.
function startRfbServer(port: number, address: string): ChildProcess {
  const rfbServer = fileURLToPath(new URL('rfb-server.js', import.meta.url));
  const command = [process.execPath, rfbServer, String(port), address];
  return spawn(join(packageRoot, 'bin/wswrap'), ['-v', String(port), ...command], {
    stdio: ['inherit', 'pipe', 'inherit'],
  });
}

// Passes signals on to the server, and remembers the last one. (Control-C reaches both by itself,
// but `kill` does not.)
function endWith(server: ChildProcess): () => NodeJS.Signals | null {
  let received: NodeJS.Signals | null = null;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      received = signal;
      server.kill(signal);
    });
  }
  return () => received;
}

// True once the server has said that it listens, false if it ends before.
async function isListening(server: ChildProcess): Promise<boolean> {
  if (server.stdout === null) return false;
  for await (const line of createInterface(server.stdout)) {
    if (line.startsWith('listening')) return true;
  }
  return false;
}

function announce(port: number, webPort: number, listen: string): void {
  const host = isWildcard(listen) || isLoopback(listen) ? 'localhost' : literal(listen);
  report(`wswrap: the desktop is an RFB server on port ${port}, started with`);
  report(`          wswrap ${port} node rfb-server.js ${port}`);
  report(`        look at it: http://${host}:${webPort}/  (Control-C ends the demo)`);
}

function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address.startsWith('127.') || address === '::1';
}

function literal(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}

async function assertFree(port: number, listen: string, option: string): Promise<void> {
  const server = createServer();
  await open(server, port, listen, option);
  server.close();
  await once(server, 'close');
}

async function open(server: Server, port: number, listen: string, option: string): Promise<void> {
  server.listen(port, listen);
  try {
    await once(server, 'listening');
  } catch (error) {
    const errno = errnoOf(error);
    throw new LaunchError(
      'CANNOT_LISTEN',
      errno === 'EADDRINUSE'
        ? `port ${port} is in use by another program`
        : `cannot listen on ${listen}, port ${port}: ${errno ?? String(error)}`,
      `choose another port: wswrap demo ${option} N`,
      undefined,
      { cause: error },
    );
  }
}
