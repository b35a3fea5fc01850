// What holds unless somebody asks for something else.
import type { Address } from './address.js';
import type { ProxyOptions } from './options.js';

export const defaults = {
  /** Seconds. */
  handshakeTimeout: 10,
  connectTimeout: 10,
  maxPending: 1024,
  maxConnections: 65_536,
  /** Whoever may use a Unix socket must be let in on purpose. */
  sourceMode: 0o600,
} as const;

/** A proxy from here to there. */
export function defaultOptions(source: Address, target: Address): ProxyOptions {
  const { handshakeTimeout, connectTimeout, maxPending, maxConnections, sourceMode } = defaults;
  return {
    source,
    sourceMode,
    client: { text: false, handshakeTimeout, maxPending, maxConnections },
    target: { address: target, connectTimeout },
    process: { daemon: false, runOnce: false },
    log: { level: 'info', traffic: false, format: 'text' },
  };
}
