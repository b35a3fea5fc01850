// The port of --metrics: bound with the others, before privileges go; what it shows comes later.
import type { Address } from './address.js';
import type { Backend } from './backend.js';
import { listenOn } from './listener.js';
import { Metrics } from './metrics.js';
import { createMetricsServer, metricsHost } from './metrics-server.js';

export class MetricsPort {
  #backend: Backend | undefined;
  #healthy = () => false;

  private constructor() {}

  /**
   * Listens, without keeping the process alive; see listenOn(). Throws a LaunchError.
   */
  static async open(address: Address, mode: number): Promise<MetricsPort> {
    const port = new MetricsPort();
    const server = createMetricsServer({
      collect: async () => Metrics.merge((await port.#backend?.metrics()) ?? []),
      healthy: () => port.#healthy(),
    });
    server.unref();
    await listenOn(server, 'path' in address ? address : { host: metricsHost, ...address }, mode);
    return port;
  }

  /** What to show from now on. */
  show(backend: Backend, healthy: () => boolean): void {
    this.#backend = backend;
    this.#healthy = healthy;
  }
}
