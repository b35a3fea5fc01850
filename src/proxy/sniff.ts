// What a client wants, by its first bytes: one port serves them all.
import type { Socket } from 'node:net';

import { nextChunk } from '../websocket/chunk.js';

export type Kind =
  /** TLS, or the hello of SSL version 2 that old TLS clients begin with. */
  | 'tls'
  /** Flash asks for a policy. */
  | 'flash'
  /** A request, or something that will be refused as one. */
  | 'http'
  /** It left without a word. The socket is closed. */
  | 'gone';

/** What a Flash client sends before it connects to a port for good; a NUL may follow. */
export const policyRequest = Buffer.from('<policy-file-request/>');

/** The answer to it, to the byte: whoever is allowed by the policy of WebSocket may connect. */
export const policyAnswer =
  '<cross-domain-policy><allow-access-from domain="*" to-ports="*" /></cross-domain-policy>\n';

const tlsHandshake = 0x16;
const sslHello = 0x80;

/** Looks at the first bytes and leaves them with the socket. */
export async function sniff(socket: Socket): Promise<Kind> {
  let seen = Buffer.alloc(0);
  for (;;) {
    const chunk = await nextChunk(socket);
    if (chunk === undefined) {
      socket.destroy();
      return 'gone';
    }
    seen = Buffer.concat([seen, chunk]);
    const kind = kindOf(seen);
    if (kind === undefined) continue;
    socket.unshift(seen);
    return kind;
  }
}

function kindOf(seen: Buffer): Kind | undefined {
  if (seen[0] === tlsHandshake || seen[0] === sslHello) return 'tls';
  const size = Math.min(seen.length, policyRequest.length);
  if (!seen.subarray(0, size).equals(policyRequest.subarray(0, size))) return 'http';
  return size === policyRequest.length ? 'flash' : undefined;
}
