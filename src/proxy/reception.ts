// Everything between accept and a session: which protocol a client speaks, TLS, the handshake, pages,
// and the time and room that all of this may take. Nobody is served before it is known what they want.
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';

import type { Policy } from '../codec.js';
import { closed } from '../websocket/closed.js';
import { Waiting } from '../websocket/deadline.js';
import { linger } from '../websocket/linger.js';
import { type Accepted, headOf, judge, type Opening, readOpening } from '../websocket/opening.js';
import { refusal } from '../websocket/refusal.js';
import { formatAddress, plainAddress } from './address.js';
import { policyAnswer, sniff } from './sniff.js';
import type { TlsPort } from './tls.js';

/** A connection, from accept on. */
export interface Client {
  number: number;
  /** `192.0.2.1:40000`, or `unix`. */
  peer: string;
  secure: boolean;
  log: Logger;
}

export interface ReceptionSettings {
  policy: Policy;
  /** Milliseconds from accept to a complete handshake, TLS included. */
  handshakeTimeout: number;
  maxPending: number;
  tlsOnly: boolean;
}

export interface Services {
  log: Logger;
  tls?: TlsPort;
  pages?: RequestListener;
  /** A client that is to be refused or dropped; `kind` is for counting. */
  onRefused(kind: Refusal): void;
  /** A client whose handshake is complete, and not answered yet. */
  onAccepted(client: Client, socket: Socket, handshake: Accepted, early: Buffer): void;
}

export type Refusal = 'silent' | 'slow' | 'crowd' | 'tls' | 'http';

// A client that says nothing at all is not kept for as long as one that is slow.
const silence = 3000;
// What a page may take to be read, without any progress.
const pageTimeout = 60_000;

// These mean that a request is fine, but not for WebSocket.
const mayBePage = new Set([404, 405, 426]);

export class Reception {
  readonly #waiting: Waiting;
  readonly #clients = new WeakMap<Socket, Client>();
  readonly #pages = createServer({ maxHeaderSize: 8192 });
  readonly #readers = new Set<Socket>();
  /** The answer to the newest request of a page reader. */
  readonly #answers = new WeakMap<Socket, ServerResponse>();
  #retiring = false;

  constructor(
    private readonly settings: ReceptionSettings,
    private readonly services: Services,
  ) {
    const { handshakeTimeout, maxPending } = settings;
    this.#waiting = new Waiting(handshakeTimeout, maxPending, (socket, why) => {
      // A browser keeps connections for its next request; that one does not come is no news.
      if (this.#readers.has(socket)) return;
      const slow = why === 'deadline';
      this.#drop(socket, slow ? 'slow' : 'crowd', slow ? 'too slow' : 'too many handshakes');
    });
    this.#pages.setTimeout(pageTimeout);
    this.#pages.on('request', (request, response) => {
      this.#servePage(request, response).catch((error) => this.#fail(request.socket, error));
    });
    this.#pages.on('upgrade', (request, socket, head) => {
      // What http.Server was given are sockets, and it gives nothing else.
      const same = socket as Socket;
      this.#upgrade(request, same, head).catch((error) => this.#fail(same, error));
    });
  }

  /** Takes a socket that was just accepted, paused, with allowHalfOpen. */
  accept(socket: Socket, number: number): void {
    const { remoteAddress, remotePort = 0 } = socket;
    const peer =
      remoteAddress === undefined
        ? 'unix'
        : formatAddress({ host: plainAddress(remoteAddress), port: remotePort });
    const log = this.services.log.child({ connection: number, peer });
    socket.on('error', (error) => log.debug(`connection failed: ${error.message}`));
    const client: Client = { number, peer, secure: false, log };
    this.#clients.set(socket, client);
    log.debug('connected');
    this.#waiting.add(socket);
    this.#receive(socket, client).catch((error) => this.#fail(socket, error));
  }

  /** Connections on which pages are read are closed with the next page. */
  retire(): void {
    this.#retiring = true;
  }

  /** Drops everybody who has not completed a handshake, readers of pages included. */
  close(): void {
    this.#waiting.clear();
    for (const socket of this.#readers) socket.destroy();
  }

  async #receive(socket: Socket, client: Client): Promise<void> {
    socket.setTimeout(silence, () => this.#drop(socket, 'silent', 'nothing came for 3 s'));
    const kind = await sniff(socket);
    socket.setTimeout(0).removeAllListeners('timeout');
    if (kind === 'gone') return this.#leave(socket, client);
    if (kind === 'tls') return this.#secure(socket, client);
    if (this.settings.tlsOnly) {
      const reason = 'This port speaks TLS only: use wss:// or https://.';
      return this.#refuse(socket, client, 'tls', reason, refusal(403, reason));
    }
    if (kind === 'flash') {
      client.log.info('a Flash policy request was answered');
      this.#waiting.delete(socket);
      socket.write(policyAnswer);
      return linger(socket);
    }
    await this.#negotiate(socket, client);
  }

  async #secure(raw: Socket, client: Client): Promise<void> {
    const { tls } = this.services;
    if (tls === undefined) {
      return this.#drop(raw, 'tls', 'it speaks TLS, and there is no certificate: give --cert FILE');
    }
    const socket = await tls.secure(raw);
    if (socket instanceof Error) {
      // OpenSSL's own message has addresses and line numbers around that.
      const why = 'reason' in socket ? socket.reason : socket.message;
      return this.#drop(raw, 'tls', `TLS failed: ${why}`);
    }
    socket.on('error', (error) => client.log.debug(`TLS failed: ${error.message}`));
    raw.once('close', () => socket.destroy());
    socket.allowHalfOpen = true;
    this.#clients.set(socket, { ...client, secure: true });
    // The time goes on: it is that of the connection.
    await this.#negotiate(socket, { ...client, secure: true }, raw);
  }

  async #negotiate(socket: Socket, client: Client, raw: Socket = socket): Promise<void> {
    const policy = { ...this.settings.policy, secure: client.secure };
    const opening = await readOpening(socket, policy);
    this.#waiting.delete(raw);
    if (opening.outcome === 'refused' && this.#wantsPage(opening)) {
      socket.unshift(opening.head);
      this.#readers.add(socket);
      // The head may not be whole.
      this.#waiting.add(socket);
      socket.once('close', () => this.#readers.delete(socket));
      this.#pages.emit('connection', socket);
      socket.resume();
      return;
    }
    this.#settle(socket, client, opening);
  }

  #wantsPage({ handshake }: Extract<Opening, { outcome: 'refused' }>): boolean {
    return (
      this.services.pages !== undefined && !handshake.upgrade && mayBePage.has(handshake.status)
    );
  }

  #settle(socket: Socket, client: Client, opening: Opening): void {
    if (opening.outcome === 'gone') {
      this.#leave(socket, client);
    } else if (opening.outcome === 'accepted') {
      this.services.onAccepted(client, socket, opening.handshake, opening.rest);
    } else {
      const { status, reason, answer } = opening.handshake;
      this.#refuse(socket, client, 'http', `${status} ${reason}`, answer);
    }
  }

  // One page after the other, or a client that asks for many at once would open as many files.
  // Between two requests the time for a handshake runs again.
  async #servePage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request;
    this.#waiting.delete(socket);
    const before = this.#answers.get(socket);
    this.#answers.set(socket, response);
    response.once('close', () => {
      if (!socket.destroyed && this.#answers.get(socket) === response) this.#waiting.add(socket);
    });
    if (this.#retiring) response.shouldKeepAlive = false;
    await closed(before);
    const client = this.#clients.get(socket);
    if (client === undefined || socket.destroyed) return void socket.destroy();
    const { log } = client;
    const [path = ''] = (request.url ?? '').split('?');
    response.once('finish', () => log.debug(`${request.method} ${path} ${response.statusCode}`));
    if (this.#mayRead(request, response, client)) this.services.pages?.(request, response);
  }

  // Only the first request of a connection was judged, and that before its Host if it was no GET.
  #mayRead(request: IncomingMessage, response: ServerResponse, client: Client): boolean {
    const { method } = request;
    // Others have no answer that could tell anything.
    if (method !== 'GET' && method !== 'HEAD') return true;
    const { url, httpVersion, rawHeaders } = request;
    const head = headOf({ method: 'GET', url, httpVersion, rawHeaders });
    const verdict = judge(head, this.settings.policy);
    if (verdict.outcome !== 'refused' || mayBePage.has(verdict.status)) return true;
    const { status, reason } = verdict;
    client.log.info(`refused: ${status} ${reason}`);
    this.services.onRefused('http');
    response
      .writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', Connection: 'close' })
      .end(`${reason}\n`);
    return false;
  }

  // A reverse proxy may use a connection for a page first.
  async #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const client = this.#clients.get(socket);
    if (client === undefined) return void socket.destroy();
    socket.setTimeout(0);
    this.#waiting.add(socket);
    await closed(this.#answers.get(socket));
    this.#readers.delete(socket);
    const policy = { ...this.settings.policy, secure: client.secure };
    const opening = await readOpening(socket, policy, Buffer.concat([headOf(request), head]));
    this.#waiting.delete(socket);
    this.#settle(socket, client, opening);
  }

  #refuse(socket: Socket, { log }: Client, kind: Refusal, reason: string, answer: Buffer): void {
    log.info(`refused: ${reason}`);
    this.services.onRefused(kind);
    this.#waiting.delete(socket);
    socket.write(answer);
    linger(socket);
  }

  #drop(socket: Socket, kind: Refusal, why: string): void {
    this.#clients.get(socket)?.log.info(`dropped: ${why}`);
    this.services.onRefused(kind);
    socket.destroy();
  }

  // One connection's trouble is nobody else's.
  #fail(socket: Socket, error: unknown): void {
    (this.#clients.get(socket) ?? this.services).log.error(error, 'this should not happen');
    socket.destroy();
  }

  #leave(socket: Socket, { log }: Client): void {
    log.debug('left before it said what it wants');
    socket.destroy();
  }
}
