// Where a wrapped command's server tells on which private address it listens: a Unix socket, to
// which the shim in the server writes one line (native/shim/relocation.h).
//
// The server may have changed its user before it listens, so every user of this machine may connect.
// A key, which only the command's own processes know, tells the server from everybody else.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';

import { LaunchError } from '../errors.js';
import { formatAddress, type TcpAddress } from './address.js';

/** The longest line, in bytes. */
const longest = 256;

/** How long a line may take, in milliseconds. */
const patience = 2000;

/** A server with more listeners than that is reached by the newest. */
const most = 8;

/** The longest path of a Unix socket (sun_path in unix(7), without its NUL). */
const longestPath = 107;

export class ReportChannel {
  /** Where the server listens, the newest first. */
  addresses: readonly TcpAddress[] = [];
  /** Called when these have changed. */
  onChange: (() => void) | undefined;

  private readonly key = randomBytes(16).toString('hex');
  private readonly connections = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly folder: string,
    private readonly log: Logger,
  ) {
    server.on('connection', (socket) => this.receive(socket));
  }

  /** Opens a channel in a folder of its own. Throws a LaunchError when the folder's path is too long. */
  static async open(log: Logger): Promise<ReportChannel> {
    const folder = mkdtempSync(join(resolve(tmpdir()), 'wsproxy-'));
    const channel = new ReportChannel(createServer({ allowHalfOpen: true }), folder, log);
    try {
      await channel.listen();
    } catch (error) {
      await channel.close();
      throw error;
    }
    return channel;
  }

  /** What the shim needs to report here. */
  get variables(): { WSWRAP_MOVE_REPORT: string; WSWRAP_MOVE_KEY: string } {
    return { WSWRAP_MOVE_REPORT: this.path, WSWRAP_MOVE_KEY: this.key };
  }

  /** Forgets the addresses: who listened there is gone, and the next to get such a port is anybody. */
  forget(): void {
    this.addresses = [];
    this.onChange?.();
  }

  /** Closes the channel and removes its folder. Does nothing when that is done. */
  async close(): Promise<void> {
    for (const socket of this.connections) socket.destroy();
    if (this.server.listening) await once(this.server.close(), 'close');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get path(): string {
    return join(this.folder, 'report');
  }

  private async listen(): Promise<void> {
    // Node cuts off what is too long, and listens somewhere else.
    if (Buffer.byteLength(this.path) > longestPath) {
      throw new LaunchError(
        'PATH_TOO_LONG',
        `${this.path}: too long for the path of a Unix socket`,
        'set TMPDIR to a folder with a shorter path',
      );
    }
    chmodSync(this.folder, 0o711);
    await once(this.server.listen(this.path), 'listening');
    chmodSync(this.path, 0o666);
  }

  private receive(socket: Socket): void {
    this.connections.add(socket);
    const late = setTimeout(() => socket.destroy(), patience);
    let text = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end < 0 && text.length < longest) return;
      socket.destroy();
      if (end < 0 || !this.take(text.slice(0, end))) {
        this.log.warn('ignored a report of an address that does not come from the command');
      }
    });
    socket.on('end', () => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(late);
      this.connections.delete(socket);
    });
  }

  // False for what does not come from the shim.
  private take(line: string): boolean {
    const fields = /^([0-9a-f]+) (127\.0\.0\.1|::1) (\d{1,5}) (\d{1,10})$/.exec(line);
    const [, key = '', host = '', digits = '', pid = ''] = fields ?? [];
    const port = Number(digits);
    if (!this.isKey(key) || port === 0 || port > 65535) return false;
    const address = { host, port };
    const text = formatAddress(address);
    this.log.info({ server: Number(pid) }, `the command's server listens on ${text}`);
    const others = this.addresses.filter((other) => formatAddress(other) !== text);
    this.addresses = [address, ...others].slice(0, most);
    this.onChange?.();
    return true;
  }

  private isKey(text: string): boolean {
    const [given, right] = [Buffer.from(text), Buffer.from(this.key)];
    return given.length === right.length && timingSafeEqual(given, right);
  }
}
