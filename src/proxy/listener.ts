// The port: bound before anything else happens, so that whoever starts the proxy sees what is wrong.
import { once } from 'node:events';
import { chmodSync, statSync, unlinkSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';

import { errnoOf, LaunchError } from '../errors.js';
import { listensOnLoopback } from '../websocket/loopback.js';
import { type Address, formatAddress } from './address.js';

/** What connections of the proxy are like, on both sides. */
export const socketOptions = {
  allowHalfOpen: true,
  noDelay: true,
  // A peer that vanished without a word is noticed some minutes later.
  keepAlive: true,
  keepAliveInitialDelay: 60_000,
  highWaterMark: 128 * 1024,
};

export class Listener {
  private constructor(
    private readonly server: Server,
    /** Where it listens, with the port that the system chose for port 0. */
    readonly address: Address,
  ) {}

  /**
   * Binds and listens, as listenOn() does. Connections are given paused and half-open to
   * `onConnection`. Throws a LaunchError.
   */
  static async open(
    address: Address,
    onConnection: (socket: Socket) => void,
    mode = 0o600,
  ): Promise<Listener> {
    const server = createServer({ ...socketOptions, pauseOnConnect: true }, onConnection);
    await listenOn(server, address, mode);
    // What goes wrong with a single accept (too many open files) is over with it.
    server.on('error', () => undefined);
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    return new Listener(server, 'path' in address ? address : { ...address, port });
  }

  /** Whether only this machine can connect. */
  get loopback(): boolean {
    return listensOnLoopback(this.server.address());
  }

  /** Nobody can connect any more. Connections that were accepted stay. */
  close(): void {
    this.server.close();
  }
}

/**
 * Makes a server listen. A Unix socket that nobody listens on is replaced, and gets the permissions
 * `mode`. Throws a LaunchError.
 */
export async function listenOn(server: Server, address: Address, mode: number): Promise<void> {
  try {
    if ('path' in address) await removeStale(address.path);
    // Nobody may connect before a Unix socket has its permissions.
    const umask = process.umask(0o777);
    server.listen({ ...address, backlog: 511 });
    process.umask(umask);
    await once(server, 'listening');
    if ('path' in address) chmodSync(address.path, mode);
  } catch (error) {
    throw cannotListen(address, error);
  }
}

// Whoever was killed leaves the socket's file behind. Anything else is no rubbish.
async function removeStale(path: string): Promise<void> {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw Object.assign(new Error(path), { code: 'ENOTSOCK' });
  const probe = connect({ path });
  const answered = await new Promise<boolean>((resolve) => {
    probe.once('connect', () => resolve(true));
    probe.once('error', (error) => resolve(errnoOf(error) !== 'ECONNREFUSED'));
  });
  probe.destroy();
  if (!answered) unlinkSync(path);
}

/** What to tell a user whose address cannot be bound. */
export function cannotListen(address: Address, error: unknown): LaunchError {
  const errno = errnoOf(error) ?? String(error);
  const where = formatAddress(address);
  const [message, hint] = explain(address, errno);
  return new LaunchError(
    'CANNOT_LISTEN',
    `cannot listen on ${where}: ${message}`,
    hint,
    undefined,
    {
      cause: error,
    },
  );
}

function explain(address: Address, errno: string): [message: string, hint?: string] {
  switch (errno) {
    case 'EADDRINUSE':
      return ['somebody else does already', 'choose another port, or end that program'];
    case 'EACCES':
      return 'path' in address
        ? ['not permitted there', 'choose a folder that you can write to']
        : ['not permitted', 'ports below 1024 are for root: choose another, or start as root'];
    case 'ENOTSOCK':
      return ['that is no socket, and is left alone', 'choose another path'];
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return ['this machine has no such address', 'leave it out to listen on all addresses'];
    default:
      return [errno];
  }
}
