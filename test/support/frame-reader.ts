// What a server sends, read as strictly as RFC 6455 allows: the server is ours, and a lenient reader
// would let it get away with something.
import { Opcode } from './frame.js';

export class Violation extends Error {
  readonly code = 'ERR_SERVER_VIOLATION';
}

function demand(condition: boolean, rule: string): void {
  if (!condition) throw new Violation(`the server broke a rule: ${rule}`);
}

export interface Header {
  opcode: number;
  fin: boolean;
  length: number;
}

/** A frame header at the front of `bytes`, or undefined when more are needed. */
function parseHeader(bytes: Buffer): { header: Header; size: number } | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  const opcode = first & 0x0f;
  const fin = (first & 0x80) !== 0;
  const form = second & 0x7f;
  const size = form === 126 ? 4 : form === 127 ? 10 : 2;
  demand((first & 0x70) === 0, 'reserved bits are 0');
  demand((second & 0x80) === 0, 'frames to the client are not masked');
  demand(Object.values<number>(Opcode).includes(opcode), `opcode ${opcode} is not reserved`);
  demand(opcode < 8 || (fin && form < 126), 'control frames are short and whole');
  if (bytes.length < size) return undefined;
  const long = form === 127 ? bytes.readBigUInt64BE(2) : 0n;
  const length = form === 126 ? bytes.readUInt16BE(2) : form === 127 ? Number(long) : form;
  demand(form !== 126 || length > 125, 'a length is in its shortest form');
  demand(form !== 127 || (length > 65535 && long < 1n << 63n), 'a length is in its shortest form');
  return { header: { opcode, fin, length }, size };
}

/** Splits a byte stream into payload and control frames; throws a Violation at anything wrong. */
export class FrameReader {
  /** Headers of all data frames, in order. */
  readonly frames: Header[] = [];
  /** Payloads of text messages that are complete. */
  readonly texts: string[] = [];
  readonly pings: Buffer[] = [];
  readonly pongs: Buffer[] = [];
  /** The code of the server's Close frame; 1005 when it had none. */
  closeCode: number | undefined;
  closeReason = '';
  #header: Header | undefined;
  #missing = 0;
  #front: Buffer = Buffer.alloc(0);
  #message: 'none' | 'text' | 'binary' = 'none';
  #text: Buffer[] = [];

  /** Takes wire bytes; returns the payload of data frames among them. */
  push(bytes: Buffer): Buffer[] {
    const payload: Buffer[] = [];
    let rest = this.#front.length > 0 ? Buffer.concat([this.#front, bytes]) : bytes;
    this.#front = Buffer.alloc(0);
    for (;;) {
      demand(rest.length === 0 || this.closeCode === undefined, 'nothing follows a Close frame');
      if (this.#header === undefined) {
        const parsed = parseHeader(rest);
        if (parsed === undefined) break;
        this.#open(parsed.header);
        rest = rest.subarray(parsed.size);
      }
      const header = this.#header;
      if (header === undefined) break;
      if (header.opcode >= 8) {
        if (rest.length < header.length) break;
        this.#control(header.opcode, Buffer.from(rest.subarray(0, header.length)));
        rest = rest.subarray(header.length);
      } else {
        const part = rest.subarray(0, this.#missing);
        this.#missing -= part.length;
        rest = rest.subarray(part.length);
        if (part.length > 0) payload.push(part);
        if (this.#message === 'text') this.#text.push(part);
        if (this.#missing > 0) break;
        if (header.fin) this.#finish();
      }
      this.#header = undefined;
    }
    this.#front = rest;
    return payload;
  }

  /** True when no frame is half received: the only state in which a stream may decently end. */
  get atBoundary(): boolean {
    return this.#header === undefined && this.#front.length === 0;
  }

  #open(header: Header): void {
    this.#header = header;
    if (header.opcode >= 8) return;
    this.frames.push(header);
    this.#missing = header.length;
    const continues = header.opcode === Opcode.continuation;
    demand(continues === (this.#message !== 'none'), 'a continuation continues a message');
    demand(header.length > 0, 'a byte stream has no use for empty frames');
    if (!continues) this.#message = header.opcode === Opcode.text ? 'text' : 'binary';
  }

  #finish(): void {
    if (this.#message === 'text') {
      const text = Buffer.concat(this.#text);
      try {
        this.texts.push(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text));
      } catch {
        demand(false, 'text messages are UTF-8');
      }
      this.#text = [];
    }
    this.#message = 'none';
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === Opcode.ping) this.pings.push(payload);
    if (opcode === Opcode.pong) this.pongs.push(payload);
    if (opcode !== Opcode.close) return;
    demand(payload.length !== 1, 'a Close frame has no payload or a whole code');
    this.closeCode = payload.length === 0 ? 1005 : payload.readUInt16BE(0);
    this.closeReason = payload.subarray(2).toString('utf8');
    const code = this.closeCode;
    const legal = (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1006) || code >= 3000;
    demand(legal && code < 5000, `close code ${code} may be sent`);
  }
}
