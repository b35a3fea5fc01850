// A model of a TCP connection against the shim: at random, the client sends a segment or the server
// makes a call, and after each of these it is known exactly what a TCP connection would answer.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { frame, Opcode, ping, randomMask } from '../support/frame.js';
import { framings } from '../support/framings.js';
import { generate, hash } from '../support/payload.js';
import { listener, Puppet } from '../support/puppet.js';
import { Random, seedOfThisRun } from '../support/random.js';

/** Segments, and how much payload can be read when so many of them have been sent. */
interface Script {
  segments: Buffer[];
  readable: number[];
}

/** For each number of wire bytes, how many bytes of data frames' payload are among them. */
function payloadAt(wire: Buffer): number[] {
  const counts = [0];
  let seen = 0;
  for (let at = 0; at < wire.length; ) {
    const form = wire.readUInt8(at + 1) & 0x7f;
    const size = form === 127 ? 14 : form === 126 ? 8 : 6;
    const length =
      form === 127
        ? Number(wire.readBigUInt64BE(at + 2))
        : form === 126
          ? wire.readUInt16BE(at + 2)
          : form;
    const isData = (wire.readUInt8(at) & 0x08) === 0;
    for (let i = 0; i < size; i += 1) counts.push(seen);
    for (let i = 0; i < length; i += 1) counts.push(isData ? ++seen : seen);
    at += size + length;
  }
  return counts;
}

function script(segments: Buffer[], readableAt: (characters: number) => number): Script {
  const counts = payloadAt(Buffer.concat(segments));
  const readable = [0];
  let sent = 0;
  for (const segment of segments) {
    sent += segment.length;
    readable.push(readableAt(counts[sent] ?? assert.fail()));
  }
  return { segments, readable };
}

function plainScript(payload: Buffer, random: Random): Script {
  const usable = framings.filter((framing) => !framing.stepwise);
  const framing = usable[random.between(0, usable.length - 1)] ?? assert.fail();
  return script(framing.segments(payload, random), (characters) => characters);
}

// One stream of base64 in messages that are cut anywhere.
function base64Script(payload: Buffer, random: Random): Script {
  const characters = Buffer.from(payload.toString('base64'));
  const frames: Buffer[] = [];
  for (let at = 0; at < characters.length; ) {
    const size = random.between(0, random.once(4) ? 300 : 7);
    const part = characters.subarray(at, at + size);
    frames.push(frame({ opcode: Opcode.text, mask: randomMask(random), payload: part }));
    if (random.once(5)) frames.push(ping());
    at += size;
  }
  const wire = Buffer.concat(frames);
  const segments: Buffer[] = [];
  for (let at = 0; at < wire.length; at += segments.at(-1)?.length ?? 0) {
    segments.push(wire.subarray(at, at + random.between(1, 60)));
  }
  // A character delivers the byte that it completes; padding completes none.
  return script(segments, (count) => Math.min(Math.floor((count * 3) / 4), payload.length));
}

/** What the puppet shows of these bytes. */
function shown(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  if (bytes.length <= 200 && /^[\x21-\x7e]+$/.test(text)) return `text:${text}`;
  return `data:${bytes.length}:${hash(bytes)}`;
}

class Model {
  #sent = 0;
  #taken = 0;
  #arriving: number;

  constructor(
    readonly puppet: Puppet,
    readonly fd: number,
    readonly epfd: number,
    readonly payload: Buffer,
    readonly script: Script,
    readonly random: Random,
    arrived: number,
  ) {
    this.#arriving = arrived;
  }

  get #waiting(): number {
    return (this.script.readable[this.#sent] ?? assert.fail()) - this.#taken;
  }

  get over(): boolean {
    return this.#sent === this.script.segments.length && this.#waiting === 0;
  }

  /** Sends the next segments, at least one while there are any. */
  async send(client: WebSocketClient): Promise<void> {
    for (let count = this.random.between(1, 6); count > 0; count -= 1) {
      const segment = this.script.segments[this.#sent];
      if (segment === undefined) break;
      await client.wire.write(segment);
      this.#sent += 1;
      this.#arriving += segment.length;
    }
    // Congestion control may hold small segments back for a moment.
    while ((await this.puppet.aside('bytes-received', this.fd)).result < this.#arriving);
  }

  /** Makes one call, and knows its answer. */
  async call(): Promise<void> {
    const { fd, epfd, random } = this;
    const size = random.between(1, random.once(3) ? 5000 : 20);
    const ready = this.#waiting > 0;
    switch (random.between(1, 9)) {
      case 1:
        return this.#taking(size, 'read', fd, size);
      case 2:
        return this.#taking(size, 'recv', fd, size, 'dontwait');
      case 3:
        return this.#taking(size + 3, 'readv', fd, 1, 0, size, 2);
      case 4:
        return this.#taking(size + 1, 'recvmsg', fd, 0, size, 1);
      case 5:
        return this.#peeking(size);
      case 6:
        return this.#counting();
      case 7:
        return this.#equal(ready ? `1 ${fd}:in` : `0 ${fd}:`, 'poll', ready ? 5000 : 0, `${fd}:in`);
      case 8:
        return this.#equal(ready ? '1 0x9:in' : '0 ', 'epoll_wait', epfd, 4, ready ? 5000 : 0);
      default: {
        const told = ready ? `1 r:${fd} w: e:` : '0 r: w: e:';
        return this.#equal(told, 'select', ready ? 5000 : 0, `r:${fd}`);
      }
    }
  }

  async #equal(told: string, ...request: [string, ...(string | number)[]]): Promise<void> {
    const { result, detail } = await this.puppet.call(...request);
    assert.equal(`${result} ${detail}`, told);
  }

  async #taking(size: number, ...request: [string, ...(string | number)[]]): Promise<void> {
    const { result, error, detail } = await this.puppet.call(...request);
    const expected = this.payload.subarray(
      this.#taken,
      this.#taken + Math.min(size, this.#waiting),
    );
    if (expected.length === 0) return assert.equal(error, 'EAGAIN');
    assert.equal(result, expected.length, 'no more is there, or no more was asked for');
    assert.equal(detail.split(' ')[0], shown(expected));
    this.#taken += result;
  }

  async #peeking(size: number): Promise<void> {
    const { result, error, detail } = await this.puppet.call(
      'recv',
      this.fd,
      size,
      'peek+dontwait',
    );
    if (this.#waiting === 0) return assert.equal(error, 'EAGAIN');
    assert.ok(result >= 1 && result <= Math.min(size, this.#waiting), `${result} bytes`);
    assert.equal(detail, shown(this.payload.subarray(this.#taken, this.#taken + result)));
  }

  // FIONREAD may count less than there is, but not nothing.
  async #counting(): Promise<void> {
    const count = Number((await this.puppet.call('fionread', this.fd)).detail);
    assert.ok(count <= this.#waiting, `${count} of ${this.#waiting} bytes`);
    assert.equal(count > 0, this.#waiting > 0);
  }
}

async function play(t: TestContext, seed: number, subprotocol?: string): Promise<void> {
  const random = new Random(seed);
  const puppet = await Puppet.start(t, { wrapped: true });
  const headers = { 'Sec-WebSocket-Protocol': subprotocol };
  const connecting = WebSocketClient.connect(puppet.server, { headers });
  const fd = await puppet.must('accept', listener);
  const client = await connecting;
  t.after(() => client.wire.destroy());
  await puppet.must('setfl', fd, 'nonblock');
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 9);
  const payload = generate(random.between(1, 4000), seed);
  const make = subprotocol === 'base64' ? base64Script : plainScript;
  const arrived = await puppet.must('bytes-received', fd);
  const model = new Model(puppet, fd, epfd, payload, make(payload, random), random, arrived);
  try {
    while (!model.over) {
      if (random.once(3)) await model.send(client);
      else await model.call();
    }
  } catch (error) {
    throw new Error(`${error}\n${puppet.transcript.slice(-12).join('\n')}`, { cause: error });
  }
  await client.close(1000);
  assert.equal((await puppet.call('poll', 10_000, `${fd}:in`)).result, 1);
  assert.equal((await puppet.call('read', fd, 10)).result, 0);
}

for (const subprotocol of ['binary', 'base64']) {
  for (let i = 0; i < 12; i += 1) {
    const seed = seedOfThisRun() + i;
    test(`the stream is that of TCP (${subprotocol}, WSWRAP_TEST_SEED=${seed})`, (t) =>
      play(t, seed, subprotocol));
  }
}
