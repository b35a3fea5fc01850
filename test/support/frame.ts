// Frames as a client writes them (RFC 6455 section 5.2), right or deliberately wrong.
import type { Random } from './random.js';

export const Opcode = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const;

export interface Frame {
  opcode?: number;
  fin?: boolean;
  /** The three reserved bits, as a number from 0 to 7. */
  rsv?: number;
  /** The masking key; null leaves the frame unmasked, which a server must refuse. */
  mask?: Uint8Array | null;
  payload?: Uint8Array;
  /** Bits of the length field; the shortest form when absent, any other is a violation. */
  form?: 7 | 16 | 64;
  /** The length that the header tells, when it is not the payload's. */
  length?: bigint;
}

const defaultMask = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** The bytes of a frame: final, binary, masked and empty unless told otherwise. */
export function frame(description: Frame = {}): Buffer {
  const { opcode = Opcode.binary, fin = true, rsv = 0, mask = defaultMask } = description;
  const payload = description.payload ?? Buffer.alloc(0);
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const lengthField = lengthOf(description.length ?? BigInt(payload.length), description.form);
  lengthField[0] = (lengthField[0] ?? 0) | (mask === null ? 0 : 0x80);
  const body = Buffer.from(payload);
  if (mask !== null) {
    for (let i = 0; i < body.length; i += 1) body[i] = (body[i] ?? 0) ^ (mask[i & 3] ?? 0);
  }
  return Buffer.concat([Buffer.of(first), lengthField, mask ?? Buffer.alloc(0), body]);
}

function lengthOf(length: bigint, form?: 7 | 16 | 64): Buffer {
  const bits = form ?? (length < 126n ? 7 : length < 65536n ? 16 : 64);
  if (bits === 7) return Buffer.of(Number(length));
  const field = Buffer.alloc(bits === 16 ? 3 : 9, bits === 16 ? 126 : 127);
  if (bits === 16) field.writeUInt16BE(Number(length), 1);
  else field.writeBigUInt64BE(length, 1);
  return field;
}

/** A Close frame; without a code its payload is empty. */
export function closeFrame(code?: number, reason = ''): Buffer {
  const payload = Buffer.alloc(code === undefined ? 0 : 2);
  if (code !== undefined) payload.writeUInt16BE(code);
  return frame({ opcode: Opcode.close, payload: Buffer.concat([payload, Buffer.from(reason)]) });
}

export function ping(payload = ''): Buffer {
  return frame({ opcode: Opcode.ping, payload: Buffer.from(payload) });
}

/** A masking key that differs from frame to frame. */
export function randomMask(random: Random): Buffer {
  return random.bytes(4);
}
