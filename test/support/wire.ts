// A TCP connection of a test: every write is a segment of its own, and nothing is read ahead of
// what the test asks for (a test that does not read is a slow reader).
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { compile } from './compile.js';
import { within } from './deadline.js';
import { native } from './targets.js';

export interface Endpoint {
  port: number;
  host?: string;
}

/** One end of a connection: address and port. */
type End = [string, number];

// Bytes that the kernel has for the socket on `own`, and that nobody read; 0 if it is closed.
function receiveQueue(own: End, peer: End): number {
  if (own[0] === '' || peer[0] === '') return 0;
  const program = compile({
    name: 'receive-queue',
    sources: ['test/clients/receive-queue.c'],
    target: native,
  });
  return Number(execFileSync(program, [...own, ...peer].map(String), { encoding: 'utf8' }));
}

export class Wire {
  readonly socket: Socket;
  /** How often the peer was sent something that it may notice now or later. */
  sent = 0;
  /** How often something was taken from the peer, or looked for. */
  taken = 0;
  #broken: NodeJS.ErrnoException | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', (error) => {
      this.#broken = error;
    });
  }

  static async connect({ port, host = '127.0.0.1' }: Endpoint): Promise<Wire> {
    const socket = connect({ port, host, allowHalfOpen: true, noDelay: true });
    const wire = new Wire(socket);
    await within(`a connection to ${host}:${port}`, once(socket, 'connect'));
    return wire;
  }

  /** The server's side of a connection that was accepted, paused. */
  static of(socket: Socket): Wire {
    return new Wire(socket);
  }

  /** Sends one segment (if it fits one); resolves when the kernel has taken all of it. */
  async write(bytes: Uint8Array | string): Promise<void> {
    this.sent += 1;
    await new Promise<void>((resolve, reject) => {
      this.socket.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    // One turn of the event loop, so that the peer may see this segment alone.
    await new Promise((resolve) => setImmediate(resolve));
  }

  async writeAll(segments: Iterable<Uint8Array>): Promise<void> {
    for (const segment of segments) await this.write(segment);
  }

  #own(): End {
    return [this.socket.localAddress ?? '', this.socket.localPort ?? 0];
  }

  #peer(): End {
    return [this.socket.remoteAddress ?? '', this.socket.remotePort ?? 0];
  }

  /** Bytes that have arrived at the peer, and that it has not read. */
  unreadByPeer(): number {
    return receiveQueue(this.#peer(), this.#own());
  }

  /** Waits, but not long, until the peer has taken what was sent from its kernel. */
  async consumed(): Promise<void> {
    for (let i = 0; i < 100 && this.unreadByPeer() > 0; i += 1) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  /** Waits until the peer seems to have filled all buffers towards a client that does not read. */
  async filled(): Promise<void> {
    const [own, peer] = [this.#own(), this.#peer()];
    let size = 0;
    for (let since = performance.now(), looks = 0; ; looks += 1) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const now = receiveQueue(own, peer);
      if (now === 0 || now !== size) [since, looks] = [performance.now(), 0];
      if (looks >= 2 && performance.now() - since >= 50) return;
      size = now;
    }
  }

  /** The next bytes, or null at the peer's FIN. Throws the socket's error when it was reset. */
  async chunk(): Promise<Buffer | null> {
    for (;;) {
      this.taken += 1;
      const bytes: Buffer | null = this.socket.read();
      if (bytes !== null) return bytes;
      if (this.#broken !== undefined) throw this.#broken;
      if (this.socket.readableEnded || this.socket.closed) return null;
      await within('bytes, an end or an error from the server', this.#news());
    }
  }

  // Resolves at whatever may change the answer of chunk().
  #news(): Promise<void> {
    return new Promise((resolve) => {
      const events = ['readable', 'end', 'close', 'error'] as const;
      const done = () => {
        for (const event of events) this.socket.off(event, done);
        resolve();
      };
      for (const event of events) this.socket.on(event, done);
    });
  }

  /** Everything up to the peer's FIN. */
  async rest(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let bytes = await this.chunk(); bytes !== null; bytes = await this.chunk()) {
      chunks.push(bytes);
    }
    return Buffer.concat(chunks);
  }

  /** Sends FIN; reading goes on. */
  end(): void {
    this.sent += 1;
    this.socket.end();
  }

  /** Sends RST. */
  reset(): void {
    this.sent += 1;
    this.socket.resetAndDestroy();
  }

  destroy(): void {
    this.sent += 1;
    this.socket.destroy();
  }
}
