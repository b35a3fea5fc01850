// Where the log goes and how it looks, as users say it.
import type { LogLevel } from '../launcher/environment.js';
import { parseAddress } from '../proxy/address.js';

/** The system's own log, or a collector that is sent datagrams. */
export type SyslogOptions = { kind: 'local' } | { kind: 'remote'; host: string; port: number };

export interface LogOptions {
  /** The least important lines that are written; `quiet` means warnings and errors only. */
  level: LogLevel;
  format: 'text' | 'json';
  /** Absent: standard error, unless `syslog` is there. */
  file?: string;
  syslog?: SyslogOptions;
}

const syslogPort = 514;

/**
 * Reads the value of `--syslog[=HOST[:PORT]]`; without a value ('') it is the local log. Returns
 * undefined for what is no address.
 */
export function parseSyslog(text: string): SyslogOptions | undefined {
  if (text === '') return { kind: 'local' };
  // What is no address with a port may be one without.
  const address = parseAddress(text) ?? parseAddress(`${text}:${syslogPort}`);
  if (address === undefined || 'path' in address || address.host === undefined) return undefined;
  return { kind: 'remote', host: address.host, port: address.port };
}
