// One process's share of the proxy: takes accepted sockets and makes sessions of them.
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from 'pino';

import { closed } from '../websocket/closed.js';
import { linger } from '../websocket/linger.js';
import type { Accepted } from '../websocket/opening.js';
import { refusal } from '../websocket/refusal.js';
import { WebSocketStream } from '../websocket/stream.js';
import type { Address } from './address.js';
import { type EngineSettings, openPages, policyOf, targetSettings } from './engine-settings.js';
import { prepareMemory } from './memory.js';
import type { Meter } from './meter.js';
import { observe } from './observation.js';
import { type Client, Reception } from './reception.js';
import { type Ending, relay } from './session.js';
import { connectTarget, type TargetSettings } from './target.js';
import { type TlsMaterial, TlsPort } from './tls.js';

/** What all processes share. */
export interface Shared {
  log: Logger;
  meter: Meter;
  /** Counts a session; false when there are as many as there may be. */
  admit(): Promise<boolean>;
  /** Counts its end. */
  release(): void;
}

const goingAway = { code: 1001, reason: 'the server is going away' };
// How long clients have to answer that, in milliseconds, before their connections are closed.
const patience = 5000;

export class Engine {
  readonly #reception: Reception;
  readonly #tls: TlsPort | undefined;
  readonly #target: TargetSettings;
  readonly #streams = new Set<WebSocketStream>();
  // One for each stream, and for each client that is about to have one.
  readonly #sessions = new Set<Promise<void>>();
  readonly #sockets = new Set<Socket>();
  readonly #targets = new Set<Socket>();
  #leaving = false;
  #addresses: readonly Address[] = [];
  #waiters: (() => void)[] = [];

  private constructor(
    private readonly settings: EngineSettings,
    private readonly shared: Shared,
    pages: RequestListener | undefined,
  ) {
    const { options, tls } = settings;
    const { client } = options;
    if (tls !== undefined) this.#tls = new TlsPort(tls);
    if (options.target.address !== undefined) this.#addresses = [options.target.address];
    this.#target = targetSettings(settings);
    this.#reception = new Reception(
      {
        policy: policyOf(settings),
        handshakeTimeout: client.handshakeTimeout * 1000,
        maxPending: client.maxPending,
        tlsOnly: options.tls?.only ?? false,
      },
      {
        log: shared.log,
        ...(this.#tls === undefined ? {} : { tls: this.#tls }),
        ...(pages === undefined ? {} : { pages }),
        onRefused: (kind) => shared.meter.refused(kind),
        onAccepted: (client, socket, ...opening) => {
          const session = this.#begin(client, socket, ...opening)
            .catch((error) => {
              client.log.error(error, 'this should not happen');
              socket.destroy();
            })
            .finally(() => this.#sessions.delete(session));
          this.#sessions.add(session);
        },
      },
    );
  }

  /** Throws a LaunchError when there is no folder of pages to be read. */
  static async open(settings: EngineSettings, shared: Shared): Promise<Engine> {
    prepareMemory();
    return new Engine(settings, shared, await openPages(settings.options));
  }

  /** Takes a socket that was just accepted. `number` is the connection's. */
  accept(socket: Socket, number: number): void {
    const { meter } = this.shared;
    meter.connectionOpened();
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      meter.connectionClosed();
    });
    this.#reception.accept(socket, number);
  }

  /** Where a command's server listens now. */
  setTargets(addresses: readonly Address[]): void {
    this.#addresses = addresses;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** From now on TLS handshakes use another certificate. */
  reloadTls(material: TlsMaterial): void {
    this.#tls?.reload(material);
  }

  /** Resolves when the last of the clients has left, those included that are still in their handshake. */
  async retire(): Promise<void> {
    this.#reception.retire();
    while (this.#sockets.size > 0) {
      await Promise.all(Array.from(this.#sockets, closed));
    }
    await this.drain();
  }

  /** Resolves when the last of the sessions has ended by itself. Nobody new gets in. */
  async drain(): Promise<void> {
    this.#reception.close();
    while (this.#sessions.size > 0) await Promise.all(this.#sessions);
  }

  /** Tells all clients to leave, and resolves when they have, or were made to. */
  async goAway(): Promise<void> {
    this.#leaving = true;
    for (const stream of this.#streams) dismiss(stream);
    const late = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
      for (const target of this.#targets) target.destroy();
    }, patience);
    await this.drain();
    clearTimeout(late);
  }

  async #begin(client: Client, socket: Socket, handshake: Accepted, early: Buffer): Promise<void> {
    const { options } = this.settings;
    const { address } = options.target;
    if (address === undefined && options.command === undefined) {
      return this.#refuse(client, socket, 404, 'There are only pages here, no WebSocket.');
    }
    if (!(await this.shared.admit())) {
      return this.#refuse(client, socket, 503, 'Too many clients are connected.');
    }
    const { text, heartbeat } = options.client;
    const stream = new WebSocketStream(socket, handshake, early, {
      text,
      ...(heartbeat === undefined ? {} : { heartbeat: heartbeat * 1000 }),
    });
    const { dialect, encoding, target, subprotocol } = handshake;
    const { log, secure } = client;
    const how = [dialect, encoding, ...(secure ? ['TLS'] : [])].join(', ');
    log.info(`opened, path "${target}", subprotocol "${subprotocol}" (${how})`);
    this.#streams.add(stream);
    if (this.#leaving) dismiss(stream);
    try {
      await this.#converse(client, stream);
    } finally {
      this.#streams.delete(stream);
      this.shared.release();
    }
  }

  async #converse(client: Client, stream: WebSocketStream): Promise<void> {
    const { meter } = this.shared;
    const { dialect, encoding } = stream.handshake;
    const start = performance.now();
    meter.sessionOpened(dialect, encoding, client.secure);
    const ending = await this.#connectAndRelay(client, stream);
    const seconds = (performance.now() - start) / 1000;
    meter.sessionClosed(seconds, this.#leaving ? 'shutdown' : ending.by);
    const { why, received, sent } = ending;
    client.log.info(`${why}; ${received} bytes received, ${sent} sent, ${seconds.toFixed(1)} s`);
  }

  async #connectAndRelay(client: Client, stream: WebSocketStream): Promise<Ending> {
    const observation = observe(client, stream, this.settings, this.shared.meter);
    const gone = new AbortController();
    const abort = () => gone.abort();
    stream.once('close', abort).on('error', abort);
    try {
      const addresses = await this.#whereabouts();
      const target = await connectTarget(addresses, stream.socket, this.#target, gone.signal);
      stream.off('close', abort).off('error', abort);
      this.#targets.add(target);
      target.once('close', () => this.#targets.delete(target));
      return await relay(stream, target, observation.observer);
    } catch (error) {
      return await this.#fail(client, stream, error);
    } finally {
      await observation.close();
    }
  }

  async #fail(client: Client, stream: WebSocketStream, error: unknown): Promise<Ending> {
    const why = error instanceof Error ? error.message : String(error);
    const reason = error instanceof Error && 'reason' in error ? String(error.reason) : why;
    if (!stream.destroyed) {
      this.shared.meter.targetFailed();
      client.log.warn(why);
      stream.on('error', () => undefined);
      stream.close(1011, reason);
      stream.resume();
      await closed(stream);
    }
    return { by: 'error', why: reason, received: 0, sent: 0 };
  }

  // A command may take its time until its server listens.
  async #whereabouts(): Promise<readonly Address[]> {
    if (this.#addresses.length > 0) return this.#addresses;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.#target.timeout);
      this.#waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return this.#addresses;
  }

  #refuse({ log }: Client, socket: Socket, status: number, reason: string): void {
    log.info(`refused: ${status} ${reason}`);
    this.shared.meter.refused('http');
    socket.write(refusal(status, reason));
    linger(socket);
  }
}

function dismiss(stream: WebSocketStream): void {
  stream.close(goingAway.code, goingAway.reason);
  stream.resume();
}
