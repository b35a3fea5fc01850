// One WebSocket client as a stream of bytes: what a TCP connection would be to a Node program.
//
// A Close frame is a FIN for one direction (RFC 6455 has only one for both): the client's is the end
// of what can be read, and writing goes on until end() sends ours. Frames are decoded in the chunk
// that the socket gave; what is written is copied once, behind a header, so that a frame is one write.
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

import { type Codec, loadCodec, opcode, type Receiver, type Sender } from '../codec.js';
import { errnoOf } from '../errors.js';
import { WebSocketError } from './error.js';
import { largestHeader, largestPayload, releaseFrame, takeFrame } from './frame-pool.js';
import { linger } from './linger.js';
import type { Accepted } from './opening.js';

export interface StreamOptions {
  /** Send text frames instead of binary ones. */
  text?: boolean;
  /** Ping a client that was silent for so many milliseconds; drop it after two unanswered pings. */
  heartbeat?: number;
  /** How long, in milliseconds, to wait for the second Close frame of a connection. Default: 5000. */
  closeTimeout?: number;
}

/** RFC 6455 section 7.1.5 and 7.1.6. */
export interface Close {
  code: number;
  reason: string;
}

/** What a client's chunk held, for whoever watches the traffic. */
export type Watch = (payload: number, wire: number) => void;

/** Milliseconds. */
export const defaultCloseTimeout = 5000;
const missedPings = 2;
// How long a client may take nothing of what it is to read before its Close frame.
const patience = 60_000;

let codec: Codec | undefined;

/**
 * A Duplex. What is written is used at once, unless an earlier write is still going on. 'end' comes at the client's Close frame or FIN, 'error' with a WebSocketError when it
 * broke the protocol (it was told so), or with the socket's own error. destroy() tells the client,
 * too: Close 1011 if there is an error, else 1000.
 */
export class WebSocketStream extends Duplex {
  /** The client's Close frame, once it came. */
  peerClose: Close | undefined;
  /** Called for each chunk from the client, also for those without payload. */
  watch: Watch | undefined;
  readonly #codec: Codec;
  readonly #receiver: Receiver;
  readonly #sender: Sender | undefined;
  readonly #closeTimeout: number;
  #close: Close | undefined;
  #closeSent = false;
  #ended = false;
  #hungUp = false;
  #closeTimer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #heard = true;
  #unanswered = 0;

  /**
   * Takes over a socket whose client was accepted: sends the answer. `early` are bytes that came
   * after the head. The socket should have been made with allowHalfOpen.
   */
  constructor(
    readonly socket: Socket,
    readonly handshake: Accepted,
    early: Buffer,
    { text = false, heartbeat, closeTimeout = defaultCloseTimeout }: StreamOptions = {},
  ) {
    // One more than a chunk of a socket, so that none of these alone counts as a jam.
    super({ highWaterMark: largestPayload + 1 });
    codec ??= loadCodec();
    const { dialect, encoding } = handshake;
    this.#codec = codec;
    this.#receiver = new codec.Receiver(dialect, encoding);
    if (text || encoding === 'base64') this.#sender = new codec.Sender(dialect, encoding, text);
    this.#closeTimeout = closeTimeout;
    socket.allowHalfOpen = true;
    socket.setTimeout(0);
    // Who has said its last word may break the connection: what it said counts.
    socket.on('error', (error) => (this.#ended ? this.#discard() : this.destroy(error)));
    socket.on('close', () => this.#discard());
    socket.on('drain', () => this.#answerPing());
    socket.on('end', this.#onEnd);
    socket.write(handshake.answer);
    if (early.length > 0) socket.unshift(early);
    socket.on('data', this.#receive);
    socket.resume();
    if (heartbeat !== undefined && dialect === 'rfc6455') {
      this.#heartbeat = setInterval(() => this.#beat(), heartbeat);
    }
    if (socket.destroyed) this.destroy();
  }

  /** The subprotocol that was agreed on, or an empty string. */
  get subprotocol(): string {
    return this.handshake.subprotocol;
  }

  /** The request's path, without its query. */
  get path(): string {
    return this.handshake.target;
  }

  /** Like end(), with a close code and reason (of at most 123 bytes) of one's own. */
  close(code = 1000, reason = ''): void {
    this.#close ??= { code, reason };
    this.end();
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    if (chunk.length === 0 || this.#closeSent) done();
    else if (this.#sender === undefined) this.#writeFrames(chunk, done);
    else this.socket.write(this.#sender.encode(chunk), () => done());
  }

  // The chunk is copied, once, so that whoever wrote it may use its memory again.
  #writeFrames(chunk: Buffer, done: () => void): void {
    for (let start = 0; start < chunk.length; start += largestPayload) {
      const end = Math.min(start + largestPayload, chunk.length);
      const frame = takeFrame(end - start);
      const size = this.#codec.frameHeader(frame, opcode.binary, true, end - start);
      frame.copyWithin(largestHeader - size, 0, size);
      chunk.copy(frame, largestHeader, start, end);
      this.socket.write(frame.subarray(largestHeader - size, largestHeader + end - start), () => {
        releaseFrame(frame);
        if (end === chunk.length) done();
      });
    }
  }

  // Finished is what the kernel has: a slow client is to get all that was written.
  override _final(done: (error?: Error | null) => void): void {
    this.#sendClose({ code: 1000, reason: '' }, () => {
      done();
      this.#awaitClose();
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearInterval(this.#heartbeat);
    clearTimeout(this.#closeTimer);
    if (!this.socket.destroyed) {
      this.#sendClose({ code: closeCodeOf(error), reason: '' });
      this.#hangUp();
    }
    done(error);
  }

  readonly #receive = (chunk: Buffer): void => {
    this.#heard = true;
    if (this.peerClose !== undefined) return;
    const receiver = this.#receiver;
    const size = receiver.decode(chunk);
    this.watch?.(size, chunk.length);
    if (size > 0 && !this.push(size === chunk.length ? chunk : chunk.subarray(0, size))) {
      this.socket.pause();
    }
    this.#answerPing();
    if (this.#closeSent) this.#closeTimer?.refresh();
    const { phase } = receiver;
    if (phase === 'closed') {
      this.peerClose = { code: receiver.closeCode ?? 1005, reason: receiver.closeReason };
      this.#onEnd();
    } else if (phase === 'failed') {
      const { closeCode = 1002, failure = '' } = receiver;
      this.destroy(new WebSocketError('ERR_WEBSOCKET_PROTOCOL', closeCode, failure));
    }
  };

  // The client will send no more payload; what is left is our own Close.
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.push(null);
    this.socket.resume();
    this.#awaitClose();
  };

  // Whoever is to say Close next, the client or the program, has so long. A client that still sends
  // is given more.
  #awaitClose(): void {
    if (this.destroyed) return;
    if (this.#ended && this.#closeSent) {
      this.#giveUp();
      return;
    }
    this.#closeTimer ??= setTimeout(() => this.#giveUp(), this.#closeTimeout);
    this.#closeTimer.refresh();
  }

  // Nothing more goes over the wire, but what the client sent is not lost to a slow reader.
  #giveUp(): void {
    this.#sendClose({ code: 1000, reason: '' }, () => {
      this.#hangUp();
      this.#discard();
    });
  }

  #hangUp(): void {
    if (this.#hungUp) return;
    this.#hungUp = true;
    this.socket.off('data', this.#receive).off('end', this.#onEnd);
    linger(this.socket);
  }

  #discard(): void {
    if (this.readableEnded || !this.#ended) this.destroy();
    else this.once('end', () => this.destroy());
  }

  // `onSent` is called when the kernel has the Close frame, and so all that comes before it.
  #sendClose(fallback: Close, onSent: () => void = () => undefined): void {
    const { socket } = this;
    if (this.#closeSent) {
      if (socket.writableLength === 0) onSent();
      return;
    }
    this.#closeSent = true;
    const { code, reason } = this.#close ?? this.peerClose ?? fallback;
    socket.setTimeout(patience, () => socket.destroy());
    socket.write(this.#codec.closeFrame(this.handshake.dialect, code, reason), () => {
      socket.setTimeout(0);
      onSent();
    });
  }

  // Only the newest ping needs an answer, and none while the client does not read: it could make us
  // keep any number of them.
  #answerPing(): void {
    if (this.#closeSent || this.socket.writableNeedDrain) return;
    const ping = this.#receiver.takePing();
    if (ping !== undefined) this.socket.write(this.#codec.pongFrame(ping));
  }

  // A client that we do not listen to cannot be heard, and one that does not read gets no ping.
  #beat(): void {
    const { socket } = this;
    if (this.#heard) {
      this.#heard = false;
      this.#unanswered = 0;
      return;
    }
    if (this.#closeSent || socket.isPaused() || socket.writableNeedDrain) return;
    if (this.#unanswered === missedPings) {
      const silence = 'the client answers no pings';
      this.destroy(new WebSocketError('ERR_WEBSOCKET_TIMEOUT', 1011, silence));
      return;
    }
    this.#unanswered += 1;
    socket.write(this.#codec.pingFrame(Buffer.alloc(0)));
  }
}

// Whoever leaves an iteration has read enough, which is no error.
function closeCodeOf(error: Error | null): number {
  if (error instanceof WebSocketError) return error.closeCode;
  return error === null || errnoOf(error) === 'ABORT_ERR' ? 1000 : 1011;
}
