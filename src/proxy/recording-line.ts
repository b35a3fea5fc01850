// One line of a recording: a part of a JavaScript program, read for what it says and never run.
//
// Our own recordings are ASCII. Those of old versions of websockify may have been written as Python
// writes a string: in either kind of quotes, with printable characters beyond ASCII as they are.

export type RecordingLine =
  | { kind: 'blank' }
  /** `var VNC_frame_<name> = '<value>';` */
  | { kind: 'variable'; name: string; value: string }
  /** `var VNC_frame_data = [` */
  | { kind: 'start' }
  /** `'EOF'];` */
  | { kind: 'end' }
  /** `payload` is as the file has it: bytes, or the text of bytes in base64. */
  | { kind: 'frame'; toClient: boolean; time: number; payload: Buffer };

const doubleQuote = 0x22;
const singleQuote = 0x27;
const backslash = 0x5c;

const x = 0x78;
const u = 0x75;
const zero = 0x30;

// What a character stands for behind a backslash, and as a hexadecimal digit; -1 if for nothing.
const escapes = new Int16Array(256).fill(-1);
const digits = new Int16Array(256).fill(-1);
for (const itself of '\'"\\/`') escapes[itself.charCodeAt(0)] = itself.charCodeAt(0);
for (const [letter, value] of Object.entries({ n: 10, r: 13, t: 9, b: 8, f: 12, v: 11, 0: 0 })) {
  escapes[letter.charCodeAt(0)] = value;
}
for (const [value, digit] of [...'0123456789abcdef'].entries()) {
  digits[digit.charCodeAt(0)] = value;
  digits[digit.toUpperCase().charCodeAt(0)] = value;
}

/** What a line (without its newline) says; undefined if it is of no recording. */
export function parseLine(line: Buffer): RecordingLine | undefined {
  const first = line.findIndex((byte) => byte > 0x20);
  if (first === -1) return { kind: 'blank' };
  const quote = line[first];
  if (quote === singleQuote || quote === doubleQuote) return parseString(line.subarray(first));
  return parseStatement(line.toString('latin1').trim());
}

function parseStatement(text: string): RecordingLine | undefined {
  if (/^\] ?;?$/.test(text)) return { kind: 'end' };
  if (/^var VNC_frame_data ?= ?\[$/.test(text)) return { kind: 'start' };
  const [, name, value] = /^var VNC_frame_(\w+) ?= ?(?:'(.*)'|".*");?$/.exec(text) ?? [];
  return name === undefined ? undefined : { kind: 'variable', name, value: value ?? '' };
}

function parseString(line: Buffer): RecordingLine | undefined {
  const string = unquote(line);
  if (string === undefined) return undefined;
  const { characters, rest } = string;
  const after = /^\s*(?:,\s*)?(\]\s*;?\s*)?$/.exec(rest);
  if (after === null) return undefined;
  const head = characters.toString('latin1', 0, 32);
  if (head === 'EOF') return { kind: 'end' };
  const [all, brace, time] = /^([{}])(-?\d{1,15})\1/.exec(head) ?? [];
  if (all === undefined) return undefined;
  const payload = characters.subarray(all.length);
  return { kind: 'frame', toClient: brace === '{', time: Number(time), payload };
}

// The string that begins a line, a byte for each of its characters, and what follows it.
function unquote(line: Buffer): { characters: Buffer; rest: string } | undefined {
  const quote = line[0];
  const out = Buffer.allocUnsafe(line.length);
  let size = 0;
  for (let at = 1; at < line.length; ) {
    const byte = line[at] ?? 0;
    if (byte === quote) {
      return { characters: out.subarray(0, size), rest: line.toString('latin1', at + 1) };
    }
    if (byte !== backslash && byte < 0x80) {
      out[size++] = byte;
      at += 1;
      continue;
    }
    const value = byte === backslash ? escapeAt(line, at) : characterAt(line, at);
    if (value < 0) return undefined;
    out[size++] = value;
    at += byte === backslash ? escapeLength(line, at) : 2;
  }
  return undefined;
}

// The byte that an escape stands for. A character of more than a byte is nobody's payload, so of
// `\uNNNN` the first two digits are zeros.
function escapeAt(line: Buffer, at: number): number {
  const letter = line[at + 1] ?? 0;
  if (letter === x) return hexadecimalAt(line, at + 2);
  if (letter !== u) return escapes[letter] ?? -1;
  return line[at + 2] === zero && line[at + 3] === zero ? hexadecimalAt(line, at + 4) : -1;
}

function escapeLength(line: Buffer, at: number): number {
  const letter = line[at + 1];
  if (letter === x) return 4;
  return letter === u ? 6 : 2;
}

function hexadecimalAt(line: Buffer, at: number): number {
  const high = digits[line[at] ?? 0] ?? -1;
  const low = digits[line[at + 1] ?? 0] ?? -1;
  // Negative if one of them is.
  return (high << 4) | low;
}

// UTF-8 has the characters from 0x80 to 0xff as two bytes.
function characterAt(line: Buffer, at: number): number {
  const first = line[at] ?? 0;
  const second = line[at + 1] ?? 0;
  const isPair = (first === 0xc2 || first === 0xc3) && (second & 0xc0) === 0x80;
  return isPair ? ((first & 3) << 6) | (second & 0x3f) : -1;
}
