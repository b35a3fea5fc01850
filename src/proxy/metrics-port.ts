// The port of --metrics: bound with the others, before privileges go; what it shows comes later.
import { once } from 'node:events';

import { LaunchError } from '../errors.js';
import { type Address, formatAddress } from './address.js';
import type { Backend } from './backend.js';
import { Metrics } from './metrics.js';
import { createMetricsServer, metricsHost } from './metrics-server.js';

export class MetricsPort {
  #backend: Backend | undefined;
  #healthy = () => false;

  private constructor() {}

  /** Listens, without keeping the process alive. Throws a LaunchError. */
  static async open(address: Address): Promise<MetricsPort> {
    const port = new MetricsPort();
    const server = createMetricsServer({
      collect: async () => Metrics.merge((await port.#backend?.metrics()) ?? []),
      healthy: () => port.#healthy(),
    });
    server.unref();
    server.listen('path' in address ? address : { host: metricsHost, ...address });
    try {
      await once(server, 'listening');
    } catch (error) {
      throw new LaunchError(
        'CANNOT_LISTEN',
        `cannot listen on ${formatAddress(address)} for --metrics: ${String(error)}`,
        'choose another port for it',
        undefined,
        { cause: error },
      );
    }
    return port;
  }

  /** What to show from now on. */
  show(backend: Backend, healthy: () => boolean): void {
    this.#backend = backend;
    this.#healthy = healthy;
  }
}
