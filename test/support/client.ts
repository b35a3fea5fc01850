// A WebSocket client that holds every byte in its hands. Not a library's, because a library neither
// sends what is wrong nor sends what is right in all the ways that are legal.
import { createHash, randomBytes } from 'node:crypto';
import { ByteQueue } from './byte-queue.js';
import { closeFrame, frame, Opcode } from './frame.js';
import { FrameReader } from './frame-reader.js';
import { type Endpoint, Wire } from './wire.js';

export interface Request {
  method?: string;
  path?: string;
  version?: string;
  /** Added to the usual headers; undefined removes one. */
  headers?: Record<string, string | undefined>;
}

export interface Response {
  status: number;
  headers: Map<string, string>;
  body: Buffer;
}

/** The text of an opening handshake (RFC 6455 section 4.1), changed as the test wants. */
export function requestText(endpoint: Endpoint, request: Request = {}, key = newKey()): string {
  const host = endpoint.host ?? '127.0.0.1';
  const headers: Record<string, string | undefined> = {
    Host: `${host.includes(':') ? `[${host}]` : host}:${endpoint.port}`,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...request.headers,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  const { method = 'GET', path = '/', version = 'HTTP/1.1' } = request;
  return `${[`${method} ${path} ${version}`, ...lines].join('\r\n')}\r\n\r\n`;
}

export function newKey(): string {
  return randomBytes(16).toString('base64');
}

/** What Sec-WebSocket-Accept must be (RFC 6455 section 4.2.2). */
export function acceptFor(key: string): string {
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

/** Reads an HTTP response head; what follows it is the body so far. */
export async function readResponse(wire: Wire): Promise<Response> {
  let bytes = Buffer.alloc(0);
  let end = -1;
  while (end < 0) {
    const chunk = await wire.chunk();
    if (chunk === null) throw new Error(`the server closed without an answer: ${bytes}`);
    bytes = Buffer.concat([bytes, chunk]);
    end = bytes.indexOf('\r\n\r\n');
  }
  return { ...parseHead(bytes.toString('latin1', 0, end)), body: bytes.subarray(end + 4) };
}

/** The status line and the header fields of a response; header names in lower case. */
export function parseHead(head: string): Omit<Response, 'body'> {
  const [first = '', ...lines] = head.split('\r\n');
  const status = /^HTTP\/1\.1 (\d{3}) [^\r\n]+$/.exec(first);
  if (status === null) throw new Error(`not a status line: ${first}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const header = /^([\w-]+): ?(.*)$/.exec(line);
    if (header === null) throw new Error(`not a header: ${line}`);
    headers.set(String(header[1]).toLowerCase(), String(header[2]));
  }
  return { status: Number(status[1]), headers };
}

export class WebSocketClient {
  readonly reader = new FrameReader();
  #payload = new ByteQueue();
  #ended = false;

  private constructor(
    readonly wire: Wire,
    readonly response: Response,
  ) {
    this.#take(response.body);
  }

  /** Connects and shakes hands; throws when the server does not accept, or not properly. */
  static async connect(endpoint: Endpoint, request: Request = {}): Promise<WebSocketClient> {
    const wire = await Wire.connect(endpoint);
    const key = newKey();
    await wire.write(requestText(endpoint, request, key));
    return WebSocketClient.accepted(wire, request.headers?.['Sec-WebSocket-Key'] ?? key);
  }

  /** Takes over a connection whose request was sent with this key. */
  static async accepted(wire: Wire, key: string): Promise<WebSocketClient> {
    const response = await readResponse(wire);
    const { status, headers, body } = response;
    if (status !== 101) throw new Error(`refused with ${status}: ${body}`);
    if (headers.get('sec-websocket-accept') !== acceptFor(key)) throw new Error('wrong accept');
    if (headers.get('upgrade')?.toLowerCase() !== 'websocket') throw new Error('no Upgrade');
    if (headers.get('connection')?.toLowerCase() !== 'upgrade') throw new Error('no Connection');
    return new WebSocketClient(wire, response);
  }

  get subprotocol(): string | undefined {
    return this.response.headers.get('sec-websocket-protocol');
  }

  /** Sends `payload` as one binary frame. */
  send(payload: Uint8Array | string): Promise<void> {
    return this.wire.write(frame({ payload: Buffer.from(payload) }));
  }

  ping(payload = ''): Promise<void> {
    return this.wire.write(frame({ opcode: Opcode.ping, payload: Buffer.from(payload) }));
  }

  /** Sends a Close frame. */
  close(code?: number, reason?: string): Promise<void> {
    return this.wire.write(closeFrame(code, reason));
  }

  /** Payload bytes: exactly `size`. Throws when the stream ends before. */
  async receive(size: number): Promise<Buffer> {
    while (this.#payload.size < size) {
      if (!(await this.advance())) {
        throw new Error(`the stream ended after ${this.#payload.size} of ${size} bytes`);
      }
    }
    return this.#payload.take(size);
  }

  /** The payload of a pong that has not been asked for yet. */
  async pong(): Promise<string> {
    for (;;) {
      const pong = this.reader.pongs.shift();
      if (pong !== undefined) return pong.toString('latin1');
      if (!(await this.advance())) throw new Error('the stream ended without a pong');
    }
  }

  /** Waits for the server's Close frame and returns its code, 1006 at FIN without one. */
  async closed(): Promise<number> {
    while (this.reader.closeCode === undefined) {
      if (!(await this.advance())) return 1006;
    }
    return this.reader.closeCode;
  }

  /** Payload up to the server's Close frame (or its FIN). */
  async rest(): Promise<Buffer> {
    await this.closed();
    return this.#payload.take();
  }

  /** Waits for the server's FIN. */
  async ended(): Promise<void> {
    while (await this.advance());
  }

  /** Takes what comes next from the wire. False at FIN, which must not come inside a frame. */
  async advance(): Promise<boolean> {
    if (this.#ended) return false;
    const bytes = await this.wire.chunk();
    if (bytes !== null) {
      this.#take(bytes);
      return true;
    }
    this.#ended = true;
    if (!this.reader.atBoundary) throw new Error('the server closed inside a frame');
    return false;
  }

  #take(bytes: Buffer): void {
    for (const part of this.reader.push(bytes)) this.#payload.push(part);
  }
}
