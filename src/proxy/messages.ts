// What the main process and its workers say to each other. A socket travels with `socket`.
import type { Address } from './address.js';
import type { EngineSettings } from './engine-settings.js';
import type { TlsMaterial } from './tls.js';

export type ToWorker =
  | { kind: 'start'; settings: EngineSettings }
  | { kind: 'socket'; number: number }
  | { kind: 'targets'; addresses: readonly Address[] }
  | { kind: 'tls'; material: TlsMaterial }
  | { kind: 'admitted'; id: number; granted: boolean }
  | { kind: 'metrics'; id: number }
  /** End with the last client; with the last session; tell the clients to leave and then end. */
  | { kind: 'retire' }
  | { kind: 'drain' }
  | { kind: 'goAway' };

export type FromWorker =
  | { kind: 'ready' }
  /** May there be one more session? */
  | { kind: 'admit'; id: number }
  | { kind: 'released' }
  | { kind: 'metrics'; id: number; snapshot: object };
