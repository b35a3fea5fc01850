// The typed face of the addon's codec: the protocol without any I/O.
import { loadAddon } from './native.js';

/** How frames are delimited: RFC 6455, or the drafts Hixie-75 and Hixie-76. */
export type Dialect = 'rfc6455' | 'hixie';

/** How payload is written inside of frames, in both directions. */
export type Encoding = 'binary' | 'base64';

/** The opcodes of data frames (RFC 6455 section 5.2). */
export const opcode = { continuation: 0, text: 1, binary: 2 } as const;

/** What the operator allows. Lists are comma separated. */
export interface Policy {
  /**
   * Origins beyond the default (none, or one whose host equals Host's host): exact origins, hosts,
   * `*.example.org`, or `*`.
   */
  origins?: string;
  /** Names that Host may have when `loopback`, beyond the loopback ones. */
  hosts?: string;
  /** The only path accepted; absent: any. */
  path?: string;
  /** The only subprotocol spoken; absent: binary, else base64, else the first one offered. */
  subprotocol?: string;
  /** The listener is bound to a loopback address: guard against DNS rebinding. */
  loopback?: boolean;
  /** The client came through TLS. */
  secure?: boolean;
}

/** What to do with a client after its first bytes. */
export type Handshake =
  /** More bytes are needed. */
  | { outcome: 'partial' }
  /** Send `answer`; frames follow after `headSize` bytes. */
  | {
      outcome: 'accepted';
      status: number;
      answer: Buffer;
      target: string;
      dialect: Dialect;
      encoding: Encoding;
      /** The one answered, or an empty string. */
      subprotocol: string;
      headSize: number;
    }
  /** Send `answer`, then close. `reason` is its body, for the log. */
  | {
      outcome: 'refused';
      status: number;
      answer: Buffer;
      target: string;
      reason: string;
      /** The request was readable and asks for WebSocket; false may mean a request for a page. */
      upgrade: boolean;
    };

/** Decodes what one client sends. */
export interface Receiver {
  /**
   * Decodes `input` into `output`, which is the same memory unless given (then it must not start
   * inside of `input`). Returns how many bytes of payload are at the start of `output`; `consumed`
   * tells how much of `input` was used up: all of it, if `output` is as large, and the client has
   * neither closed nor failed.
   */
  decode(input: Uint8Array, output?: Uint8Array): number;
  /** How many bytes of `input` the last call used up. */
  readonly consumed: number;
  /** Where in a frame the next byte is, or why there is none. */
  readonly phase: 'header' | 'payload' | 'control' | 'closed' | 'failed';
  /** Closed: the client's close code, or 1005. Failed: the one to send. */
  readonly closeCode: number | undefined;
  /** Closed: the client's reason. */
  readonly closeReason: string;
  /** Failed: what the client did wrong. */
  readonly failure: string | undefined;
  /** The payload of the newest ping that nobody answered; it counts as answered from then on. */
  takePing(): Buffer | undefined;
}

/** Frames what goes to one client. */
export interface Sender {
  /** Whole frames around a copy of `payload`, in the encoding that was agreed on. */
  encode(payload: Uint8Array): Buffer;
}

/** Every function throws a TypeError or RangeError for arguments that it cannot use. */
export interface Codec {
  Receiver: new (dialect: Dialect, encoding: Encoding) => Receiver;
  /** `text`: text frames, which never split a character that the payload does not split. */
  Sender: new (
    dialect: Dialect,
    encoding: Encoding,
    text: boolean,
  ) => Sender;
  /** Decides on the head of a request, of which all bytes are shown from the first one. */
  negotiate(head: Uint8Array, policy: Policy): Handshake;
  /**
   * Writes the header of an unmasked frame with `length` bytes of payload to `output`, which holds
   * at least 10 bytes. Returns its size.
   */
  frameHeader(output: Uint8Array, opcode: number, fin: boolean, length: number): number;
  /** A Close frame; code 1005 means one without payload, and Hixie has neither code nor reason. */
  closeFrame(dialect: Dialect, code: number, reason: string): Buffer;
  /** A ping with this payload, of at most 125 bytes. */
  pingFrame(payload: Uint8Array): Buffer;
  /** The answer to a ping with this payload, of at most 125 bytes. */
  pongFrame(payload: Uint8Array): Buffer;
}

/** Loads the codec. Throws a LaunchError if the addon is not built. */
export function loadCodec(): Codec {
  return loadAddon<{ codec: Codec }>().codec;
}
