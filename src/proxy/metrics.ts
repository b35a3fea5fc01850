// Numbers for those who watch many servers: what Prometheus collects.
//
// Payload is counted with every chunk, so that must cost nothing: plain numbers, which are brought to
// prom-client when somebody looks. All else happens once in a connection.
import {
  AggregatorRegistry,
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  Registry,
} from 'prom-client';

import type { Dialect, Encoding } from '../codec.js';

/** Who ended a session. */
export type SessionEnd = 'client' | 'target' | 'error' | 'shutdown';

// Sessions last from one request to a working day, in seconds.
const durations = [0.1, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600];

export class Metrics {
  readonly #registry = new Registry();
  readonly #register = { registers: [this.#registry] };
  #received = 0;
  #sent = 0;
  #openConnections = 0;
  #openSessions = 0;

  readonly #connections = new Counter({
    name: 'wsproxy_connections_total',
    help: 'Connections that were accepted.',
    ...this.#register,
  });
  readonly #sessions = new Counter({
    name: 'wsproxy_sessions_total',
    help: 'WebSocket sessions that were opened.',
    labelNames: ['kind', 'encoding', 'secure'] as const,
    ...this.#register,
  });
  readonly #durations = new Histogram({
    name: 'wsproxy_session_seconds',
    help: 'How long sessions lasted, by who ended them.',
    labelNames: ['reason'] as const,
    buckets: durations,
    ...this.#register,
  });
  readonly #refusals = new Counter({
    name: 'wsproxy_refused_total',
    help: 'Connections that were refused, by reason.',
    labelNames: ['reason'] as const,
    ...this.#register,
  });
  readonly #targetFailures = new Counter({
    name: 'wsproxy_target_failures_total',
    help: 'Sessions whose target could not be reached.',
    ...this.#register,
  });

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    this.#gauge('wsproxy_connections', 'Connections that are open.', () => this.#openConnections);
    this.#gauge('wsproxy_sessions', 'WebSocket sessions that are open.', () => this.#openSessions);
    this.#total('wsproxy_received_bytes_total', 'Payload from clients.', () => this.#received);
    this.#total('wsproxy_sent_bytes_total', 'Payload to clients.', () => this.#sent);
  }

  /** A socket was accepted. */
  connectionOpened(): void {
    this.#openConnections += 1;
    this.#connections.inc();
  }

  /** A socket that was accepted is closed. */
  connectionClosed(): void {
    this.#openConnections -= 1;
  }

  /** A handshake succeeded. */
  sessionOpened(kind: Dialect, encoding: Encoding, secure: boolean): void {
    this.#openSessions += 1;
    this.#sessions.inc({ kind, encoding, secure: String(secure) });
  }

  /** A session is over, after so many seconds. */
  sessionClosed(seconds: number, reason: SessionEnd): void {
    this.#openSessions -= 1;
    this.#durations.observe({ reason }, seconds);
  }

  /** A connection came to nothing. `reason` is one of a small set: each value is kept for ever. */
  refused(reason: string): void {
    this.#refusals.inc({ reason });
  }

  /** Payload bytes came from a client. */
  received(bytes: number): void {
    this.#received += bytes;
  }

  /** Payload bytes went to a client. */
  sent(bytes: number): void {
    this.#sent += bytes;
  }

  /** The target of a session could not be reached. */
  targetFailed(): void {
    this.#targetFailures.inc();
  }

  /** The numbers of this process as plain data, which can be sent to another one. */
  async snapshot(): Promise<object> {
    return this.#registry.getMetricsAsJSON();
  }

  /** The numbers of several processes as one: Prometheus's text format. */
  static merge(snapshots: readonly object[]): Promise<string> {
    return AggregatorRegistry.aggregate([...snapshots]).metrics();
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      collect() {
        this.set(value());
      },
      ...this.#register,
    });
  }

  #total(name: string, help: string, value: () => number): void {
    new Counter({
      name,
      help,
      collect() {
        this.reset();
        this.inc(value());
      },
      ...this.#register,
    });
  }
}
