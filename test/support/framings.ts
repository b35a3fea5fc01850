// The ways in which a client may legally put the same payload into frames, and frames into segments.
//
// Each is meant to catch a server that assumes something about the two: that a segment is a frame,
// that a frame is a message, that what is readable is payload.
import { frame, Opcode, ping, randomMask } from './frame.js';
import type { Random } from './random.js';

export interface Framing {
  name: string;
  /** What to write, one segment after the other. */
  segments(payload: Buffer, random: Random): Buffer[];
  /** Let the server take what is no whole header before more is sent, as far as that can be told. */
  stepwise?: true;
}

const pong = frame({ opcode: Opcode.pong, payload: Buffer.from('unasked for') });

/** Cuts `bytes` into pieces of `low` to `high` bytes. */
function pieces(bytes: Buffer, random: Random, low: number, high: number): Buffer[] {
  const result: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = random.between(low, high);
    result.push(bytes.subarray(at, at + size));
    at += size;
  }
  return result;
}

function masked(payload: Buffer, random: Random): Buffer {
  return frame({ payload, mask: randomMask(random) });
}

/** A fragmented binary message of these payloads, with `between` before every fragment. */
function message(parts: readonly Buffer[], random: Random, between: () => Buffer[]): Buffer[] {
  return parts.flatMap((payload, index) => [
    ...between(),
    frame({
      opcode: index === 0 ? Opcode.binary : Opcode.continuation,
      fin: index === parts.length - 1,
      mask: randomMask(random),
      payload,
    }),
  ]);
}

export const oneFrame: Framing = {
  name: 'one frame',
  segments: (payload, random) => [masked(payload, random)],
};

const oneByteSegments: Framing = {
  name: 'segments of one byte',
  segments(payload, random) {
    const frames = pieces(payload, random, 1, 200).flatMap((part) => [masked(part, random), pong]);
    return [...Buffer.concat(frames)].map((byte) => Buffer.of(byte));
  },
};

const manyFramesPerSegment: Framing = {
  name: 'many frames per segment',
  segments(payload, random) {
    const frames = pieces(payload, random, 1, 9).map((part) => masked(part, random));
    return [Buffer.concat(frames)];
  },
};

const controlFramesInsideMessages: Framing = {
  name: 'control frames inside messages',
  segments(payload, random) {
    const parts = pieces(payload, random, 1, 300);
    return message(parts, random, () => [ping('x'.repeat(random.between(0, 125))), pong]);
  },
};

const emptyFrames: Framing = {
  name: 'empty frames',
  segments(payload, random) {
    const nothing = Buffer.alloc(0);
    const empty = () => masked(nothing, random);
    return pieces(payload, random, 1, 300).flatMap((part) => [
      empty(),
      ...message([nothing, part, nothing, nothing], random, () => []),
      Buffer.concat([empty(), empty(), empty()]),
    ]);
  },
};

/** The header of each form of length, cut behind each of its bytes. */
const splitHeaders: Framing = {
  name: 'a header split at every byte',
  stepwise: true,
  segments(payload, random) {
    const forms = [
      { header: 6, size: 100 },
      { header: 8, size: 200 },
      { header: 14, size: 65536 },
    ];
    const segments: Buffer[] = [];
    let at = 0;
    for (const { header, size } of forms) {
      for (let cut = 1; cut <= header && at < payload.length; cut += 1) {
        const bytes = masked(payload.subarray(at, at + size), random);
        segments.push(bytes.subarray(0, cut), bytes.subarray(cut));
        at += size;
      }
    }
    if (at < payload.length) segments.push(masked(payload.subarray(at), random));
    return segments;
  },
};

/** The payload that splitHeaders needs to come by all its cuts. */
export const splitHeadersSize = 6 * 100 + 8 * 200 + 14 * 65536;

/** Anything legal, cut anywhere. */
export const atRandom: Framing = {
  name: 'anything at random',
  segments(payload, random) {
    const control = () =>
      random.once(3) ? [random.once(2) ? pong : ping('p'.repeat(random.between(0, 125)))] : [];
    const frames = pieces(payload, random, 1, 3000).flatMap((part) =>
      message(pieces(part, random, 0, random.between(1, 1500)), random, control),
    );
    return pieces(Buffer.concat(frames), random, 1, random.between(2, 4000));
  },
};

export const framings: readonly Framing[] = [
  oneFrame,
  oneByteSegments,
  manyFramesPerSegment,
  controlFramesInsideMessages,
  emptyFrames,
  splitHeaders,
  atRandom,
];
