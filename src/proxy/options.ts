// What the command line comes to. Plain data: worker processes are sent it as it is.
import type { LogOptions } from '../log/options.js';
import type { Address } from './address.js';
import type { Identity } from './identity.js';

/** Who may connect, and how it is spoken to. Lists are comma separated, as in Policy. */
export interface ClientOptions {
  origins?: string;
  hosts?: string;
  path?: string;
  subprotocol?: string;
  text: boolean;
  /** Seconds, all of them. */
  handshakeTimeout: number;
  heartbeat?: number;
  maxPending: number;
  maxConnections: number;
}

/** Where clients' connections lead. */
export interface TargetOptions {
  /** Absent: the server that a command starts, or none (a page server). */
  address?: Address;
  /** Seconds for all addresses of a name together. */
  connectTimeout: number;
  proxyProtocol?: 1 | 2;
  tls?: { verify: boolean; cafile?: string };
}

/** How the port speaks TLS. */
export interface TlsOptions {
  cert: string;
  /** Absent: in the same file. */
  key?: string;
  passwordFile?: string;
  minVersion?: 'TLSv1.2' | 'TLSv1.3';
  ciphers?: string;
  verifyClient: boolean;
  cafile?: string;
  only: boolean;
}

export interface PageOptions {
  /** Absent: the page of `wsproxy launch`. */
  folder?: string;
  listing: boolean;
}

export interface ProcessOptions {
  workers?: number;
  daemon: boolean;
  pidFile?: string;
  /** Who to become. */
  identity?: Identity;
  runOnce: boolean;
  /** Seconds after which nobody can connect any more. */
  timeout?: number;
  /** Seconds without a session after which it ends. */
  idleTimeout?: number;
  metrics?: Address;
}

export interface CommandOptions {
  words: readonly string[];
  mode: 'exit' | 'ignore' | 'respawn';
}

/** `traffic`: the signs of `-v`, a line for each connection and second. */
export type ProxyLogOptions = LogOptions & { traffic: boolean };

export interface ProxyOptions {
  source: Address;
  /** Permissions of a Unix socket. */
  sourceMode: number;
  client: ClientOptions;
  target: TargetOptions;
  tls?: TlsOptions;
  pages?: PageOptions;
  record?: string;
  process: ProcessOptions;
  command?: CommandOptions;
  log: ProxyLogOptions;
}
