// The backend of a proxy without workers: an engine in this process.
import type { Socket } from 'node:net';
import type { Logger } from 'pino';

import type { Address } from './address.js';
import type { Backend } from './backend.js';
import { Engine } from './engine.js';
import type { EngineSettings } from './engine-settings.js';
import { type Meter, openMeter } from './meter.js';
import type { Sessions } from './sessions.js';
import type { TlsMaterial } from './tls.js';

export class LocalBackend implements Backend {
  private constructor(
    private readonly engine: Engine,
    private readonly meter: Meter,
    private readonly log: Logger,
  ) {}

  /** Throws what Engine.open() throws. */
  static async open(
    settings: EngineSettings,
    sessions: Sessions,
    log: Logger,
  ): Promise<LocalBackend> {
    const meter = await openMeter(settings.options);
    const engine = await Engine.open(settings, {
      log,
      meter,
      admit: async () => sessions.admit(),
      release: () => sessions.release(),
    });
    return new LocalBackend(engine, meter, log);
  }

  accept(socket: Socket, number: number): void {
    this.engine.accept(socket, number);
  }

  setTargets(addresses: readonly Address[]): void {
    this.engine.setTargets(addresses);
  }

  reloadTls(material: TlsMaterial): void {
    this.engine.reloadTls(material);
  }

  drain(): Promise<void> {
    return this.engine.drain();
  }

  goAway(): Promise<void> {
    return this.engine.goAway();
  }

  async metrics(): Promise<readonly object[]> {
    return [await this.meter.snapshot()];
  }

  async restart(): Promise<void> {
    this.log.warn('there are no workers to replace: start with --workers for that');
  }
}
