// The backend of a proxy without workers: an engine in this process.
import type { Socket } from 'node:net';
import type { Logger } from 'pino';

import type { Address } from './address.js';
import type { Backend } from './backend.js';
import { Engine, type EngineSettings } from './engine.js';
import { Metrics } from './metrics.js';
import type { Sessions } from './sessions.js';
import type { TlsMaterial } from './tls.js';

export class LocalBackend implements Backend {
  readonly #metrics = new Metrics();
  readonly #engine: Engine;

  constructor(
    settings: EngineSettings,
    sessions: Sessions,
    private readonly log: Logger,
  ) {
    this.#engine = new Engine(settings, {
      log,
      metrics: this.#metrics,
      admit: async () => sessions.admit(),
      release: () => sessions.release(),
    });
  }

  accept(socket: Socket, number: number): void {
    this.#engine.accept(socket, number);
  }

  setTargets(addresses: readonly Address[]): void {
    this.#engine.setTargets(addresses);
  }

  reloadTls(material: TlsMaterial): void {
    this.#engine.reloadTls(material);
  }

  drain(): Promise<void> {
    return this.#engine.drain();
  }

  goAway(): Promise<void> {
    return this.#engine.goAway();
  }

  async metrics(): Promise<readonly object[]> {
    return [await this.#metrics.snapshot()];
  }

  async restart(): Promise<void> {
    this.log.warn('there are no workers to replace: start with --workers for that');
  }
}
