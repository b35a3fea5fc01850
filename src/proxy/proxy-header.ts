// The PROXY protocol (HAProxy's specification, versions 1 and 2): tells the target who the client is,
// before its first byte.
import { isIPv4, isIPv6 } from 'node:net';

import { plainAddress } from './address.js';

/** The two ends of a client's connection. Absent addresses: it came through a Unix socket. */
export interface Ends {
  remoteAddress?: string | undefined;
  remotePort?: number | undefined;
  localAddress?: string | undefined;
  localPort?: number | undefined;
}

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

/** The header for a client's connection. */
export function proxyHeader(version: 1 | 2, ends: Ends): Buffer {
  const source = plain(ends.remoteAddress);
  const destination = plain(ends.localAddress);
  const family = familyOf(source, destination);
  const { remotePort = 0, localPort = 0 } = ends;
  if (version === 1) {
    const text =
      family === undefined
        ? 'UNKNOWN'
        : `TCP${family} ${source} ${destination} ${remotePort} ${localPort}`;
    return Buffer.from(`PROXY ${text}\r\n`);
  }
  // LOCAL: no addresses, and the target uses those of the connection itself.
  if (family === undefined) return Buffer.concat([signature, Buffer.of(0x20, 0, 0, 0)]);
  const addresses = Buffer.concat([bytesOf(source, family), bytesOf(destination, family)]);
  const rest = Buffer.alloc(8);
  rest.writeUInt8(0x21, 0);
  rest.writeUInt8(family === 4 ? 0x11 : 0x21, 1);
  rest.writeUInt16BE(addresses.length + 4, 2);
  rest.writeUInt16BE(remotePort, 4);
  rest.writeUInt16BE(localPort, 6);
  return Buffer.concat([signature, rest.subarray(0, 4), addresses, rest.subarray(4)]);
}

// A zone means nothing elsewhere.
function plain(address = ''): string {
  return plainAddress(address).replace(/%.*$/, '');
}

function familyOf(source: string, destination: string): 4 | 6 | undefined {
  if (isIPv4(source) && isIPv4(destination)) return 4;
  return isIPv6(source) && isIPv6(destination) ? 6 : undefined;
}

function bytesOf(address: string, family: 4 | 6): Buffer {
  if (family === 4) return Buffer.from(address.split('.').map(Number));
  // `::` stands for as many zero groups as are missing; the last 32 bits may be written as IPv4.
  const text = address.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...[a, b, c, d]: string[]) =>
    [Number(a) * 256 + Number(b), Number(c) * 256 + Number(d)].map((n) => n.toString(16)).join(':'),
  );
  const [head = '', tail] = text.split('::');
  const groups = (part = '') => (part === '' ? [] : part.split(':'));
  const [first, last] = [groups(head), groups(tail)];
  const zeros = Array.from({ length: 8 - first.length - last.length }, () => '0');
  const bytes = Buffer.alloc(16);
  for (const [i, group] of [...first, ...zeros, ...last].entries()) {
    bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2);
  }
  return bytes;
}
