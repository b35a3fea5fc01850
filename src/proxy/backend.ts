// What serves the accepted sockets: this process, or several others. The main line need not know.
import type { Socket } from 'node:net';

import type { Address } from './address.js';
import type { TlsMaterial } from './tls.js';

export interface Backend {
  accept(socket: Socket, number: number): void;
  setTargets(addresses: readonly Address[]): void;
  reloadTls(material: TlsMaterial): void;
  /** Resolves when all sessions have ended by themselves. Nobody new gets in. */
  drain(): Promise<void>;
  /** Tells all clients to leave; resolves when they have, or were made to. */
  goAway(): Promise<void>;
  /** A snapshot of Metrics for each process. */
  metrics(): Promise<readonly object[]>;
  /** Serves new clients with new processes, and lets the old ones end with their sessions. */
  restart(): Promise<void>;
}
