// The opening handshake on a socket: reads until the codec has decided.
import type { Socket } from 'node:net';

import { type Codec, type Handshake, loadCodec, type Policy } from '../codec.js';
import { nextChunk } from './chunk.js';

export type Accepted = Extract<Handshake, { outcome: 'accepted' }>;
export type Refused = Extract<Handshake, { outcome: 'refused' }>;

/** What came of it. `head` are all bytes that were looked at; the socket does not have them any more. */
export type Opening =
  /** The answer was not sent yet; `rest` follows the head: frames, perhaps. */
  | { outcome: 'accepted'; handshake: Accepted; rest: Buffer }
  | { outcome: 'refused'; handshake: Refused; head: Buffer }
  /** The client left first. The socket is closed. */
  | { outcome: 'gone' };

let codec: Codec | undefined;

/**
 * Reads a request head from a socket that nobody else reads, after the bytes `head`. There is no
 * deadline here: who sets one destroys the socket, and that is `gone`.
 */
export async function readOpening(
  socket: Socket,
  policy: Policy,
  head: Buffer = Buffer.alloc(0),
): Promise<Opening> {
  for (let seen = head; ; ) {
    const handshake = judge(seen, policy);
    if (handshake.outcome === 'accepted') {
      return { outcome: 'accepted', handshake, rest: seen.subarray(handshake.headSize) };
    }
    if (handshake.outcome === 'refused') return { outcome: 'refused', handshake, head: seen };
    const chunk = await nextChunk(socket);
    if (chunk === undefined) {
      // It may have left the other direction open.
      socket.destroy();
      return { outcome: 'gone' };
    }
    seen = Buffer.concat([seen, chunk]);
  }
}

/** What the codec says of a head, of which all bytes are shown from the first one. */
export function judge(head: Buffer, policy: Policy): Handshake {
  codec ??= loadCodec();
  return codec.negotiate(head, policy);
}

/** The head of a request that Node's parser has already read, as text that the codec can judge. */
export function headOf(request: {
  method?: string | undefined;
  url?: string | undefined;
  httpVersion: string;
  rawHeaders: readonly string[];
}): Buffer {
  const { method = '', url = '', httpVersion, rawHeaders } = request;
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    text += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  }
  return Buffer.from(`${text}\r\n`, 'latin1');
}
