// Which listeners can be reached from this machine alone. Their clients are guarded against DNS
// rebinding: see `loopback` of Policy.
import type { AddressInfo } from 'node:net';

/** Whether an address (no name but localhost) is a loopback one. */
export function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  return plain === 'localhost' || /^127\.\d+\.\d+\.\d+$/.test(plain) || plain === '::1';
}

/** The same of what address() of a server returns; false for Unix sockets. */
export function listensOnLoopback(address: AddressInfo | string | null): boolean {
  return address !== null && typeof address === 'object' && isLoopback(address.address);
}
