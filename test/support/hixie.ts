// A client of the two drafts from before RFC 6455: draft-hixie-thewebsocketprotocol-75 and -76.
//
// Frames are 00 … ff around text, so bytes travel as base64. Version 76 adds a challenge to the
// handshake, and ff 00 to close.
import { createHash } from 'node:crypto';
import { requestText } from './client.js';
import { elapse } from './deadline.js';
import { type Endpoint, Wire } from './wire.js';

// The example of draft 76, section 1.3: two keys with spaces, the bytes after the head, the answer.
const key1 = '4 @1  46546xW%0l 1 5';
const key2 = '12998 5 Y3 1  .P00';
const key3 = '^n:ds[4U';

/** The number that the digits of a key make, divided by its spaces (section 5.2). */
function keyNumber(key: string): number {
  return Number(key.replaceAll(/[^0-9]/g, '')) / key.replaceAll(/[^ ]/g, '').length;
}

function challengeAnswer(): string {
  const challenge = Buffer.alloc(16);
  challenge.writeUInt32BE(keyNumber(key1), 0);
  challenge.writeUInt32BE(keyNumber(key2), 4);
  challenge.write(key3, 8, 'latin1');
  return createHash('md5').update(challenge).digest().toString('latin1');
}

export class HixieClient {
  #front: Buffer = Buffer.alloc(0);

  private constructor(readonly wire: Wire) {}

  /** `pause`: how long, in milliseconds, the bytes after the head of version 76 come later. */
  static async connect(endpoint: Endpoint, version: 75 | 76, pause = 0): Promise<HixieClient> {
    const wire = await Wire.connect(endpoint);
    const origin = `http://127.0.0.1:${endpoint.port}`;
    const keys = version === 76 ? { 'Sec-WebSocket-Key1': key1, 'Sec-WebSocket-Key2': key2 } : {};
    const head = requestText(endpoint, {
      path: '/demo?x=1',
      headers: {
        Upgrade: 'WebSocket',
        Origin: origin,
        'Sec-WebSocket-Key': undefined,
        'Sec-WebSocket-Version': undefined,
        ...keys,
      },
    });
    const body = version === 76 ? key3 : '';
    await wire.write(head + (pause > 0 ? '' : body));
    if (pause > 0) await elapse(pause).then(() => wire.write(body));
    const client = new HixieClient(wire);
    const answer = await client.#until('\r\n\r\n');
    const prefix = version === 76 ? 'Sec-' : '';
    if (!/^HTTP\/1\.1 101 Web ?Socket Protocol Handshake\r\n/i.test(answer)) {
      throw new Error(`not the status line that the draft demands: ${answer}`);
    }
    if (!answer.includes(`\r\n${prefix}WebSocket-Origin: ${origin}\r\n`)) {
      throw new Error(`no origin: ${answer}`);
    }
    const location = `ws://127.0.0.1:${endpoint.port}/demo?x=1`;
    if (!answer.includes(`\r\n${prefix}WebSocket-Location: ${location}\r\n`)) {
      throw new Error(`no location: ${answer}`);
    }
    if (version === 76 && (await client.#take(16)).toString('latin1') !== challengeAnswer()) {
      throw new Error('the challenge was not met');
    }
    return client;
  }

  static frame(payload: Uint8Array): Buffer {
    const text = Buffer.from(payload).toString('base64');
    return Buffer.concat([Buffer.of(0x00), Buffer.from(text), Buffer.of(0xff)]);
  }

  send(payload: Uint8Array): Promise<void> {
    return this.wire.write(HixieClient.frame(payload));
  }

  /** Payload of whole frames, until there are `size` bytes of it. */
  async receive(size: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let have = 0; have < size; have += parts.at(-1)?.length ?? 0) {
      const [type] = await this.#take(1);
      if (type !== 0x00) throw new Error(`a frame of type ${type}`);
      parts.push(Buffer.from(await this.#until('\xff'), 'base64'));
    }
    return Buffer.concat(parts);
  }

  /** Waits for ff 00 and the server's FIN. */
  async closed(): Promise<void> {
    const rest = Buffer.concat([this.#front, await this.wire.rest()]);
    if (rest.toString('hex') !== 'ff00') throw new Error(`not a close: ${rest.toString('hex')}`);
  }

  async #more(): Promise<void> {
    const bytes = await this.wire.chunk();
    if (bytes === null) throw new Error('the stream ended early');
    this.#front = Buffer.concat([this.#front, bytes]);
  }

  async #take(size: number): Promise<Buffer> {
    while (this.#front.length < size) await this.#more();
    const taken = this.#front.subarray(0, size);
    this.#front = this.#front.subarray(size);
    return taken;
  }

  /** Bytes up to and without `end`, which is taken too. */
  async #until(end: string): Promise<string> {
    const mark = Buffer.from(end, 'latin1');
    while (!this.#front.includes(mark)) await this.#more();
    const text = await this.#take(this.#front.indexOf(mark));
    await this.#take(mark.length);
    return text.toString('latin1') + (end.length > 1 ? '\r\n' : '');
  }
}
