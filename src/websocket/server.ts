// A server whose clients are streams of bytes: the building block for programs that want to be
// reached by browsers and think in streams, not in messages.
//
//     const server = new WebSocketServer();
//     server.on('connection', (stream) => stream.pipe(createUpperCase()).pipe(stream));
//     server.listen(8080);
import { EventEmitter, once } from 'node:events';
import type { Server as HttpServer, IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type ListenOptions, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

import type { Policy } from '../codec.js';
import { Waiting } from './deadline.js';
import { linger } from './linger.js';
import { listensOnLoopback } from './loopback.js';
import { headOf, type Opening, type Refused, readOpening } from './opening.js';
import { refusal } from './refusal.js';
import { defaultCloseTimeout, type StreamOptions, WebSocketStream } from './stream.js';

export interface WebSocketServerOptions extends Omit<Policy, 'loopback' | 'secure'>, StreamOptions {
  /** Serve the upgrades of this HTTP server (or HTTPS server); others stay its own. */
  server?: HttpServer;
  /** Milliseconds from connecting to a complete handshake. Default: 10 000. */
  handshakeTimeout?: number;
  /** Handshakes that may go on at once; when there are more, the oldest goes. Default: 1024. */
  maxPending?: number;
  /** Clients that may be connected at once; more are refused with 503. Default: no limit. */
  maxConnections?: number;
}

interface Events {
  /** A client whose handshake is complete. */
  connection: [stream: WebSocketStream];
  /** A client that was refused, or that left or was too slow (status 0). */
  refused: [status: number, reason: string, socket: Socket];
  listening: [];
  close: [];
  error: [error: Error];
}

/** 8 KiB of head are read at most, whatever `maxHeaderSize` an HTTP server has. */
export class WebSocketServer extends EventEmitter<Events> {
  readonly #options: WebSocketServerOptions;
  readonly #server = createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: true,
    highWaterMark: 128 * 1024,
  });
  readonly #waiting: Waiting;
  readonly #streams = new Set<WebSocketStream>();

  constructor(options: WebSocketServerOptions = {}) {
    super();
    this.#options = options;
    const { handshakeTimeout = 10_000, maxPending = 1024, server } = options;
    this.#waiting = new Waiting(handshakeTimeout, maxPending, (socket, why) => {
      this.emit('refused', 0, why === 'crowd' ? 'too many handshakes' : 'too slow', socket);
    });
    this.#server.on('connection', (socket) => this.handleConnection(socket));
    for (const event of ['listening', 'close'] as const) {
      this.#server.on(event, () => this.emit(event));
    }
    // Why it does not listen is what listen() rejects with.
    this.#server.on('error', (error) => {
      if (this.#server.listening) this.emit('error', error);
    });
    server?.on('upgrade', this.#onUpgrade);
  }

  /** Clients that are connected. */
  get streams(): ReadonlySet<WebSocketStream> {
    return this.#streams;
  }

  /** Starts to listen, as net.Server does; resolves when it does, rejects when it cannot. */
  async listen(options: number | ListenOptions): Promise<void> {
    // A number alone is a port.
    this.#server.listen(typeof options === 'number' ? { port: options } : options);
    await once(this.#server, 'listening');
  }

  /** Where it listens; a string for a Unix socket, null when it does not. */
  address(): AddressInfo | string | null {
    return this.#server.address();
  }

  /** Takes a connection that somebody else accepted, TLS included, before anything was read. */
  handleConnection(socket: Socket): void {
    void this.#open(socket);
  }

  /** Takes a request from the event 'upgrade' of an HTTP server. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Node's servers give nothing else; the type allows for servers on other streams.
    void this.#open(socket as Socket, Buffer.concat([headOf(request), head]));
  }

  /**
   * Takes nobody new, tells every client (Close 1001), and resolves when all are gone: those that
   * do not answer are dropped after `closeTimeout`. An HTTP server stays open.
   */
  async close(): Promise<void> {
    this.#options.server?.off('upgrade', this.#onUpgrade);
    const closed = this.#server.listening ? once(this.#server, 'close') : undefined;
    this.#server.close();
    this.#waiting.clear();
    const { closeTimeout = defaultCloseTimeout } = this.#options;
    const late = setTimeout(() => {
      for (const { socket } of this.#streams) socket.destroy();
    }, closeTimeout);
    await Promise.all([...this.#streams].map(sendAway));
    clearTimeout(late);
    await closed;
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    this.handleUpgrade(request, socket, head);
  };

  async #open(socket: Socket, head?: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy());
    this.#waiting.add(socket);
    const opening = await readOpening(socket, this.#policy(socket), head);
    this.#waiting.delete(socket);
    this.#decide(socket, opening);
  }

  #decide(socket: Socket, opening: Opening): void {
    if (opening.outcome === 'gone') return void socket.destroy();
    const { maxConnections = Number.POSITIVE_INFINITY } = this.#options;
    if (opening.outcome === 'refused') {
      this.#refuse(socket, opening.handshake);
    } else if (this.#streams.size >= maxConnections) {
      const reason = 'Too many clients are connected.';
      this.#refuse(socket, { status: 503, reason, answer: refusal(503, reason) });
    } else {
      const stream = new WebSocketStream(socket, opening.handshake, opening.rest, this.#options);
      this.#streams.add(stream);
      stream.once('close', () => this.#streams.delete(stream));
      this.emit('connection', stream);
    }
  }

  #refuse(
    socket: Socket,
    { status, reason, answer }: Pick<Refused, 'status' | 'reason' | 'answer'>,
  ) {
    socket.write(answer);
    linger(socket);
    this.emit('refused', status, reason, socket);
  }

  #policy(socket: Socket): Policy {
    const { origins, hosts, path, subprotocol, server } = this.#options;
    return {
      ...(origins === undefined ? {} : { origins }),
      ...(hosts === undefined ? {} : { hosts }),
      ...(path === undefined ? {} : { path }),
      ...(subprotocol === undefined ? {} : { subprotocol }),
      loopback: listensOnLoopback((server ?? this.#server).address()),
      secure: 'encrypted' in socket,
    };
  }
}

// However it leaves, it is gone.
function sendAway(stream: WebSocketStream): Promise<void> {
  return new Promise((resolve) => {
    stream.once('close', resolve).on('error', () => undefined);
    stream.close(1001);
    stream.resume();
  });
}
