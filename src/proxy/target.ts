// The way to the server: TCP to each address of a name in turn, or a Unix socket; the client's address
// in a PROXY header; TLS.
import { lookup } from 'node:dns/promises';
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { errnoOf } from '../errors.js';
import { type Address, formatAddress } from './address.js';
import { socketOptions } from './listener.js';
import { type Ends, proxyHeader } from './proxy-header.js';

export interface TargetSettings {
  /** Milliseconds for everything until the target can be written to. */
  timeout: number;
  proxyProtocol?: 1 | 2;
  /** TLS; `ca` in PEM, absent: what the system trusts. */
  tls?: { verify: boolean; ca?: string };
}

/** Why there is no target. `reason` is for the client: it names no address. */
export class TargetError extends Error {
  override readonly name = 'TargetError';

  constructor(
    message: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'the target refuses connections',
  ENOENT: 'the target refuses connections',
  ETIMEDOUT: 'the target does not answer',
  EHOSTUNREACH: 'the target cannot be reached',
  ENETUNREACH: 'the target cannot be reached',
  ENOTFOUND: 'the target has no address',
  EAI_AGAIN: 'the target has no address',
};

/**
 * Connects to the first of `addresses` that answers. The socket is paused; what its event 'data'
 * shows is overwritten by the next. Rejects with a TargetError for the last of them, or when `signal`
 * is aborted.
 */
export async function connectTarget(
  addresses: readonly Address[],
  ends: Ends,
  settings: TargetSettings,
  signal: AbortSignal,
): Promise<Socket> {
  const deadline = performance.now() + settings.timeout;
  let failure: TargetError | undefined;
  for (const address of addresses) {
    try {
      return await connectAddress(address, ends, settings, deadline, signal);
    } catch (error) {
      if (signal.aborted) throw new TargetError('the client left', 'the client left');
      failure = targetError(address, error);
    }
  }
  throw failure ?? new TargetError('there is no server yet', 'the target is not there yet');
}

function targetError(address: Address, error: unknown): TargetError {
  const code = errnoOf(error) ?? '';
  const why = error instanceof Error ? error.message : String(error);
  const reason = reasons[code] ?? 'the target cannot be connected to';
  return new TargetError(`no connection to ${formatAddress(address)}: ${why}`, reason, {
    cause: error,
  });
}

async function connectAddress(
  address: Address,
  ends: Ends,
  settings: TargetSettings,
  deadline: number,
  signal: AbortSignal,
): Promise<Socket> {
  const host = 'path' in address ? undefined : (address.host ?? 'localhost');
  const socket =
    'path' in address || host === undefined
      ? await connectOnce(address, deadline, signal)
      : await connectName(host, 'port' in address ? address.port : 0, deadline, signal);
  const { proxyProtocol, tls } = settings;
  if (proxyProtocol !== undefined) socket.write(proxyHeader(proxyProtocol, ends));
  if (tls === undefined) return socket;
  const secured = connectTls({
    socket,
    ...(host === undefined || isIP(host) !== 0 ? {} : { servername: host }),
    ...(host === undefined ? {} : { host }),
    ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    rejectUnauthorized: tls.verify,
  });
  secured.allowHalfOpen = true;
  await settled(secured, 'secureConnect', deadline, signal);
  return secured;
}

// An equal share of the time for each address that is left, so that one that is silent does not take
// it all.
async function connectName(
  host: string,
  port: number,
  deadline: number,
  signal: AbortSignal,
): Promise<Socket> {
  const addresses = isIP(host) === 0 ? await addressesOf(host, deadline, signal) : [host];
  let failure: unknown;
  for (const [i, address] of addresses.entries()) {
    const now = performance.now();
    const share = now + (deadline - now) / (addresses.length - i);
    try {
      return await connectOnce({ host: address, port }, share, signal);
    } catch (error) {
      failure = error;
      if (signal.aborted) break;
    }
  }
  throw failure ?? Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' });
}

// getaddrinfo(3) cannot be told to stop; it is left to itself when it takes too long.
function addressesOf(host: string, deadline: number, signal: AbortSignal): Promise<string[]> {
  const time = Math.ceil(Math.max(deadline - performance.now(), 0));
  const limit = AbortSignal.any([signal, AbortSignal.timeout(time)]);
  return new Promise((resolve, reject) => {
    limit.addEventListener('abort', () => reject(late()));
    lookup(host, { all: true, verbatim: true }).then(
      (found) => resolve(found.map(({ address }) => address)),
      reject,
    );
  });
}

function late(): Error {
  return Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' });
}

// Every target is read into the same memory. What Node does otherwise, a buffer for each read, is most
// of the work of its garbage collector here.
const memory = Buffer.allocUnsafeSlow(64 * 1024);

async function connectOnce(
  address: Address,
  deadline: number,
  signal: AbortSignal,
): Promise<Socket> {
  const options = {
    ...socketOptions,
    onread: {
      buffer: memory,
      callback: (size: number) => {
        socket.emit('data', memory.subarray(0, size));
        return true;
      },
    },
  };
  const socket = connect(
    'path' in address ? { ...options, ...address } : { ...options, ...address },
  );
  socket.pause();
  await settled(socket, 'connect', deadline, signal);
  return socket;
}

// Waits for the event that says that a socket can be used; destroys it when that fails.
function settled(
  socket: Socket,
  event: 'connect' | 'secureConnect',
  deadline: number,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      socket.off(event, succeed).off('error', finish).off('close', leave);
      if (error === undefined) return resolve();
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error);
    };
    const succeed = () => finish();
    const leave = () => finish(new Error('the target closed the connection'));
    const abort = () => finish(new Error('aborted'));
    const timer = setTimeout(() => finish(late()), Math.max(deadline - performance.now(), 0));
    socket.on(event, succeed).on('error', finish).on('close', leave);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  });
}
