// Drives the addon's receiver as wsproxy does: each chunk is decoded in its own memory.
import type { Receiver } from '../../src/codec.js';

/** The payload in these chunks, up to a Close frame or a violation. The chunks are overwritten. */
export function decodeAll(receiver: Receiver, chunks: Iterable<Buffer>): Buffer {
  const payload: Buffer[] = [];
  for (const chunk of chunks) {
    const produced = receiver.decode(chunk);
    payload.push(Buffer.from(chunk.subarray(0, produced)));
  }
  return Buffer.concat(payload);
}

/** The same for base64, whose waiting characters can make a small chunk's payload the larger one. */
export function decodeAllApart(receiver: Receiver, chunks: Iterable<Buffer>): Buffer {
  const payload: Buffer[] = [];
  for (const chunk of chunks) {
    const room = Buffer.alloc(chunk.length + 2);
    payload.push(room.subarray(0, receiver.decode(chunk, room)));
  }
  return Buffer.concat(payload);
}

/** Cuts copies of `bytes` into pieces of these sizes, over and over. */
export function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? bytes.length;
    yield Buffer.from(bytes.subarray(at, at + size));
    at += size;
  }
}
