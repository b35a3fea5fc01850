// `wsproxy launch`: proxy and page in one, for a VNC server that is there already.
import { existsSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';

import { report } from '../launcher/progress.js';
import { type Address, formatAddress } from './address.js';
import { defaultOptions } from './defaults.js';
import type { ProxyOptions } from './options.js';
import { serve } from './serve.js';
import { connectTarget } from './target.js';

export interface LaunchOptions {
  listen: Address;
  vnc: Address;
  /** Absent: self.pem in the working folder if it is there, else no TLS. */
  cert?: string;
}

/** Runs until a signal comes. Returns the exit status; throws a LaunchError if it cannot start. */
export async function launch({ listen, vnc, cert }: LaunchOptions): Promise<number> {
  const file = cert ?? (existsSync('self.pem') ? 'self.pem' : undefined);
  const options: ProxyOptions = {
    ...defaultOptions(listen, vnc),
    pages: { listing: false },
    ...(file === undefined
      ? {}
      : { tls: { cert: resolve(file), verifyClient: false, only: false } }),
  };
  await lookFor(vnc);
  return serve(options, {
    onReady(address) {
      const scheme = file === undefined ? 'http' : 'https';
      report('');
      report('Navigate to this URL:');
      report('');
      for (const place of placesOf(address)) report(`    ${scheme}://${place}/`);
      report('');
      report('Press Ctrl-C to exit');
      report('');
    },
  });
}

// A server that is not there now may be there when somebody comes, so this is a word and no more.
async function lookFor(vnc: Address): Promise<void> {
  try {
    const never = new AbortController().signal;
    (await connectTarget([vnc], {}, { timeout: 3000 }, never)).destroy();
  } catch {
    report(`wsproxy: there is no server on ${formatAddress(vnc)} yet`);
    report('         start one, or name another with --vnc HOST:PORT');
  }
}

function placesOf(address: Address): string[] {
  if ('path' in address) return [formatAddress(address)];
  const { host, port } = address;
  if (host === undefined || host === '0.0.0.0' || host === '::') {
    return [`localhost:${port}`, `${hostname()}:${port}`];
  }
  return [`${isIPv6(host) ? `[${host}]` : host}:${port}`];
}
