// Where to listen and where to connect: a TCP address or a Unix socket, as users write them.
import { isIPv6 } from 'node:net';

export interface TcpAddress {
  /** A name or an address without brackets; absent: every address of this machine. */
  host?: string;
  port: number;
}

/** The path of a Unix socket. */
export interface UnixAddress {
  path: string;
}

export type Address = TcpAddress | UnixAddress;

/**
 * Reads `[HOST:]PORT` or `unix:PATH`. An IPv6 address may stand in brackets, as in a URL; without
 * them the last colon ends it. Returns undefined for anything else.
 */
export function parseAddress(text: string): Address | undefined {
  if (text.startsWith('unix:')) return text.length > 5 ? { path: text.slice(5) } : undefined;
  const parts = /^(?:(?:\[([0-9a-f:.%]+)\]|([^[\]\s/]*)):)?(\d{1,5})$/i.exec(text);
  const port = Number(parts?.[3] ?? Number.NaN);
  if (parts === null || port > 65535) return undefined;
  const [, bracketed, plain] = parts;
  if (bracketed !== undefined && !isIPv6(bracketed)) return undefined;
  if (plain?.includes(':') && !isIPv6(plain)) return undefined;
  const host = bracketed ?? plain ?? '';
  return host === '' || host === '*' ? { port } : { host, port };
}

/** The text that parseAddress() reads. */
export function formatAddress(address: Address): string {
  if ('path' in address) return `unix:${address.path}`;
  const { host = '*', port } = address;
  return `${isIPv6(host) ? `[${host}]` : host}:${port}`;
}

/** An IPv4 address as such: a socket for both families calls it ::ffff:192.0.2.1. */
export function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '');
}
