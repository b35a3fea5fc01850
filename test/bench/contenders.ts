// Who takes part: the server itself, the server wrapped, and proxies in front of it.
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { packageRoot } from '../../src/paths.js';
import { freePorts } from '../support/server.js';
import { server, start, stop } from './processes.js';
import { find } from './programs.js';
import type { Settings } from './settings.js';

export const styles = ['blocking', 'poll', 'epoll-level', 'epoll-edge'] as const;
export type Style = (typeof styles)[number];

export interface Contender {
  name: string;
  protocol: 'tcp' | 'ws';
  port: number;
  /** Everything between the client and the bytes: proxy and server. */
  pids: number[];
}

/** The styles that a run measures in detail. */
export function stylesOf({ quick }: Settings): readonly Style[] {
  return quick ? ['blocking', 'epoll-level'] : styles;
}

/** The program that is measured. */
export const wswrap = join(packageRoot, 'bin/wswrap');

/** The name of the reference in figures. */
export const plain = 'plain TCP';

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** The server as it is. */
export async function direct(style: Style): Promise<Contender> {
  const { pid, matched } = await start(server, [style], /^(\d+)$/);
  return { name: plain, protocol: 'tcp', port: Number(matched), pids: [pid] };
}

/** The server with the shim. */
export async function wrapped(style: Style): Promise<Contender> {
  const port = await freePort();
  const words = [String(port), server, style, String(port)];
  const { pid } = await start(wswrap, words, /^(\d+)$/);
  return { name: 'wswrap', protocol: 'ws', port, pids: [pid] };
}

type Start = (target: number) => Promise<{ pid: number; port: number }>;

const wsproxy =
  (...options: string[]): Start =>
  async (target) => {
    const words = [...options, '127.0.0.1:0', `127.0.0.1:${target}`];
    const cli = join(packageRoot, 'bin/wsproxy');
    const { pid, matched } = await start(cli, words, /Listen on \S+:(\d+)/);
    return { pid, port: Number(matched) };
  };

const node =
  (script: string): Start =>
  async (target) => {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const { pid, matched } = await start(process.execPath, [path, String(target)], /^(\d+)$/);
    return { pid, port: Number(matched) };
  };

// Prints nothing when it is ready, so it is asked until it answers (see proxies()).
const haproxy: Start = async (target) => {
  const port = await freePort();
  const file = join(mkdtempSync(join(tmpdir(), 'wswrap-bench-')), 'haproxy.cfg');
  const times = ['connect', 'client', 'server'].map((which) => `  timeout ${which} 1h\n`);
  const body = `listen bench\n  bind 127.0.0.1:${port}\n  mode tcp\n  maxconn 20000\n`;
  writeFileSync(file, `${body}${times.join('')}  server target 127.0.0.1:${target}\n`);
  const { pid } = await start(find('/usr/sbin/haproxy') ?? '', ['-db', '-f', file]);
  return { pid, port };
};

const socat: Start = async (target) => {
  const port = await freePort();
  const listen = `TCP-LISTEN:${port},bind=127.0.0.1,fork,reuseaddr,nodelay`;
  const { pid } = await start(find('socat') ?? '', ['-b65536', listen, `TCP:127.0.0.1:${target}`]);
  return { pid, port };
};

const websockify: Start = async (target) => {
  const port = await freePort();
  const words = [`127.0.0.1:${port}`, `127.0.0.1:${target}`];
  const { pid } = await start(find('websockify') ?? '', words, /proxying from/);
  return { pid, port };
};

interface Proxy {
  name: string;
  protocol: 'tcp' | 'ws';
  start: Start;
}

function present(settings: Settings): Proxy[] {
  const list: Proxy[] = [
    { name: 'wsproxy', protocol: 'ws', start: wsproxy() },
    { name: 'wsproxy, 2 workers', protocol: 'ws', start: wsproxy('--workers', '2') },
    { name: 'Node pipe (raw TCP)', protocol: 'tcp', start: node('contenders/net-pipe.js') },
    { name: 'proxy on ws', protocol: 'ws', start: node('contenders/ws-proxy.js') },
  ];
  if (find('/usr/sbin/haproxy') !== undefined) {
    list.push({ name: 'HAProxy (raw TCP)', protocol: 'tcp', start: haproxy });
  } else if (find('socat') !== undefined) {
    list.push({ name: 'socat (raw TCP)', protocol: 'tcp', start: socat });
  } else {
    settings.skip('no raw TCP proxy: neither haproxy nor socat is installed');
  }
  if (find('websockify') === undefined) settings.skip('websockify is not installed');
  else list.push({ name: 'websockify', protocol: 'ws', start: websockify });
  return list;
}

/** Proxies in front of a server. */
async function proxies(settings: Settings, target: Contender): Promise<Contender[]> {
  const all: Contender[] = [];
  for (const { name, protocol, start: begin } of present(settings)) {
    const { pid, port } = await begin(target.port);
    await answers(port);
    all.push({ name, protocol, port, pids: [pid, ...target.pids] });
  }
  return all;
}

/** Resolves when a connection is accepted. */
export async function answers(port: number): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch (error) {
      if (attempt === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 25));
    } finally {
      socket.destroy();
    }
  }
}

/** Ends contenders, and what they started. */
export async function endAll(contenders: readonly Contender[]): Promise<void> {
  for (const { pids } of [...contenders].reverse()) await stop(pids[0] ?? 0);
}

/**
 * Has a server of that style measured, plain and wrapped, and before `epoll-level` the proxies, too;
 * ends them all afterwards. The plain one comes first.
 */
export async function withLineup(
  settings: Settings,
  style: Style,
  measure: (all: readonly Contender[]) => void,
): Promise<void> {
  const target = await direct(style);
  const own = [target, await wrapped(style)];
  const others = style === 'epoll-level' ? await proxies(settings, target) : [];
  const all = [...own, ...others];
  measure(all);
  await endAll(all);
}
