// A recorded frame as text: one JavaScript string, in a script that is ASCII throughout.
//
// All recorded traffic goes through here, so bytes are looked up rather than decided upon: whatever
// the byte, its text is stored as four characters, of which the next byte's overwrites the excess.

export type RecordingEncoding = 'binary' | 'base64';

// Some hundred KiB are enough for what a connection reads at once, and stay in the CPU's cache.
const piece = 32 * 1024;
const scratch = new Uint8Array(4 * piece);
const scratchView = new DataView(scratch.buffer);

const texts = Array.from({ length: 256 }, (_, byte) => textOf(byte));
const lengths = Uint8Array.from(texts, (text) => text.length);
const words = Uint32Array.from(texts, (text) =>
  Buffer.from(text.padEnd(4), 'latin1').readUInt32LE(0),
);

function textOf(byte: number): string {
  const character = String.fromCharCode(byte);
  const short: Record<string, string> = { '\n': 'n', '\r': 'r', '\t': 't', "'": "'", '\\': '\\' };
  if (character in short) return `\\${short[character]}`;
  // A recording may be pasted into a page, where `<` could begin the end of the script.
  if (byte >= 0x20 && byte < 0x7f && character !== '<') return character;
  return `\\x${byte.toString(16).padStart(2, '0')}`;
}

/** The line of a frame that was sent `time` ms (whole ones) after the start of the recording. */
export function frameText(
  toClient: boolean,
  time: number,
  payload: Uint8Array,
  encoding: RecordingEncoding,
): Buffer {
  const brace = toClient ? '{' : '}';
  const body = encoding === 'base64' ? [base64(payload)] : escaped(payload);
  const head = `'${brace}${encoding === 'base64' && !toClient ? quads(time) : time}${brace}`;
  return Buffer.concat([Buffer.from(head), ...body, Buffer.from("',\n")]);
}

// noVNC's playback page looks for the payload behind a `{`, so of a client's frame it decodes time
// and all. It does not play what comes out, but it gives up unless that is whole groups of base64.
function quads(time: number): string {
  const digits = String(time);
  return digits.padStart(Math.ceil(digits.length / 4) * 4, '0');
}

function base64(payload: Uint8Array): Buffer {
  const { buffer, byteOffset, byteLength } = payload;
  return Buffer.from(Buffer.from(buffer, byteOffset, byteLength).toString('base64'));
}

function escaped(payload: Uint8Array): Buffer[] {
  const texts: Buffer[] = [];
  for (let from = 0; from < payload.length; from += piece) {
    const size = escapeInto(payload.subarray(from, from + piece));
    texts.push(Buffer.from(scratch.subarray(0, size)));
  }
  return texts;
}

function escapeInto(bytes: Uint8Array): number {
  let at = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i] ?? 0;
    scratchView.setUint32(at, words[byte] ?? 0, true);
    at += lengths[byte] ?? 0;
  }
  return at;
}
