// What RFB clients say (RFC 6143 sections 7.1 to 7.5), from a stream of bytes.
//
// Never more than one message without its variable part is kept: the lists of SetEncodings and the
// text of ClientCutText are skipped as they come, whatever length they announce.
import { type PixelFormat, readPixelFormat } from './pixel-format.js';

export type Message =
  | { type: 'version'; text: string }
  | { type: 'security'; choice: number }
  | { type: 'init' }
  | { type: 'pixelFormat'; format: PixelFormat }
  | {
      type: 'updateRequest';
      incremental: boolean;
      x: number;
      y: number;
      width: number;
      height: number;
    }
  | { type: 'key'; down: boolean; keysym: number }
  | { type: 'pointer'; buttons: number; x: number; y: number };

/** The client said something that cannot be followed; the connection is of no more use. */
export class RfbError extends Error {
  override readonly name = 'RfbError';
  readonly code = 'RFB_PROTOCOL';
}

type State = 'version' | 'security' | 'init' | 'messages';

const maxCutText = 16 * 1024 * 1024;

export class RfbParser {
  private state: State = 'version';
  private pending = Buffer.alloc(0);
  private toSkip = 0;

  /** Takes the next bytes and returns the messages that they complete. Throws an RfbError. */
  *parse(chunk: Buffer): Generator<Message> {
    let bytes = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk]);
    for (;;) {
      const skipped = Math.min(this.toSkip, bytes.length);
      this.toSkip -= skipped;
      bytes = bytes.subarray(skipped);
      const size = this.nextSize(bytes);
      if (size === undefined || bytes.length < size) break;
      const message = this.read(bytes.subarray(0, size));
      bytes = bytes.subarray(size);
      if (message !== undefined) yield message;
    }
    // A copy: the chunk belongs to the socket, and may be large.
    this.pending = Buffer.from(bytes);
  }

  // Size of the next message without its variable part.
  private nextSize(bytes: Buffer): number | undefined {
    if (this.toSkip > 0) return undefined;
    if (this.state === 'version') return 12;
    if (this.state === 'security' || this.state === 'init') return 1;
    const type = bytes[0];
    if (type === undefined) return undefined;
    const size = messageSizes.get(type);
    if (size === undefined) throw new RfbError(`unknown message type ${type}`);
    return size;
  }

  private read(bytes: Buffer): Message | undefined {
    switch (this.state) {
      case 'version':
        this.state = 'security';
        return { type: 'version', text: bytes.toString('latin1') };
      case 'security':
        this.state = 'init';
        return { type: 'security', choice: bytes.readUInt8(0) };
      case 'init':
        this.state = 'messages';
        return { type: 'init' };
      case 'messages':
        return this.readMessage(bytes);
    }
  }

  private readMessage(bytes: Buffer): Message | undefined {
    switch (bytes[0]) {
      case SET_PIXEL_FORMAT: {
        const format = readPixelFormat(bytes.subarray(4));
        if (format === undefined) throw new RfbError('unsupported pixel format');
        return { type: 'pixelFormat', format };
      }
      case SET_ENCODINGS:
        // Raw encoding is always allowed, and all that is sent.
        this.toSkip = 4 * bytes.readUInt16BE(2);
        return undefined;
      case FRAMEBUFFER_UPDATE_REQUEST:
        return {
          type: 'updateRequest',
          incremental: bytes[1] !== 0,
          x: bytes.readUInt16BE(2),
          y: bytes.readUInt16BE(4),
          width: bytes.readUInt16BE(6),
          height: bytes.readUInt16BE(8),
        };
      case KEY_EVENT:
        return { type: 'key', down: bytes[1] !== 0, keysym: bytes.readUInt32BE(4) };
      case POINTER_EVENT:
        return {
          type: 'pointer',
          buttons: bytes.readUInt8(1),
          x: bytes.readUInt16BE(2),
          y: bytes.readUInt16BE(4),
        };
      default:
        this.toSkip = bytes.readUInt32BE(4);
        if (this.toSkip > maxCutText) throw new RfbError('too much text in the clipboard');
        return undefined;
    }
  }
}

const SET_PIXEL_FORMAT = 0;
const SET_ENCODINGS = 2;
const FRAMEBUFFER_UPDATE_REQUEST = 3;
const KEY_EVENT = 4;
const POINTER_EVENT = 5;
const CLIENT_CUT_TEXT = 6;

const messageSizes = new Map([
  [SET_PIXEL_FORMAT, 20],
  [SET_ENCODINGS, 4],
  [FRAMEBUFFER_UPDATE_REQUEST, 10],
  [KEY_EVENT, 8],
  [POINTER_EVENT, 6],
  [CLIENT_CUT_TEXT, 8],
]);
