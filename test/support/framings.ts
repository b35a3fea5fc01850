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
  /** The subprotocol that it is for: with base64 the segments hold the payload's base64 form. */
  subprotocol?: 'base64';
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

/** A fragmented message of these payloads, with `between` before every fragment. */
function message(
  parts: readonly Buffer[],
  random: Random,
  between: () => Buffer[],
  opcode: number = Opcode.binary,
): Buffer[] {
  return parts.flatMap((payload, index) => [
    ...between(),
    frame({
      opcode: index === 0 ? opcode : Opcode.continuation,
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

export const manyFramesPerSegment: Framing = {
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

/** Now and then a control frame. */
function control(random: Random): Buffer[] {
  return random.once(3) ? [random.once(2) ? pong : ping('p'.repeat(random.between(0, 125)))] : [];
}

function anyFrames(payload: Buffer, random: Random): Buffer {
  const frames = pieces(payload, random, 1, 3000).flatMap((part) =>
    message(pieces(part, random, 0, random.between(1, 1500)), random, () => control(random)),
  );
  return Buffer.concat(frames);
}

/** Anything legal, cut anywhere. */
export const atRandom: Framing = {
  name: 'anything at random',
  segments: (payload, random) =>
    pieces(anyFrames(payload, random), random, 1, random.between(2, 4000)),
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

// Of what follows, all payload is in the last segment: what the server's calls return must then be
// what they return for one segment of TCP.

/** A frame for each byte, as far as that is affordable, and pongs between. */
const framePerByte: Framing = {
  name: 'a frame for each byte, in one segment',
  segments(payload, random) {
    const bytes = pieces(payload.subarray(0, 200), random, 1, 1);
    const others = pieces(payload.subarray(200), random, 1000, 65536);
    const frames = [...bytes, ...others].flatMap((part) => [masked(part, random), pong]);
    return [Buffer.concat(frames)];
  },
};

/** What wakes a server in vain comes first, segment by segment. */
const vainSegments: Framing = {
  name: 'segments without payload before the one with all of it',
  segments(payload, random) {
    const empty = masked(Buffer.alloc(0), random);
    const junk = Buffer.concat([empty, ping('are you there'), pong, empty, pong]);
    const bytes = masked(payload, random);
    const header = bytes.length - payload.length;
    const cut = random.between(1, header);
    return [...pieces(junk, random, 1, 40), bytes.subarray(0, cut), bytes.subarray(cut)];
  },
};

const anyFramesAtOnce: Framing = {
  name: 'frames at random in one segment',
  segments: (payload, random) => [anyFrames(payload, random)],
};

/** Fragments that end inside of quads, with line ends and control frames between. */
const base64Fragments: Framing = {
  name: 'base64 cut anywhere, in one segment',
  subprotocol: 'base64',
  segments(payload, random) {
    const text = payload.toString('base64').replaceAll(/.{1,76}/g, '$&\r\n');
    const parts = pieces(Buffer.from(text), random, 1, random.between(1, 4000));
    return [Buffer.concat(message(parts, random, () => control(random), Opcode.text))];
  },
};

/** Framings whose payload arrives at once. */
export const arrivals: readonly Framing[] = [
  oneFrame,
  framePerByte,
  vainSegments,
  anyFramesAtOnce,
  base64Fragments,
];

/** Enough where only what the server sends matters. */
export const encodings: readonly Framing[] = [oneFrame, base64Fragments];
