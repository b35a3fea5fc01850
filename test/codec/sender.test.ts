// What the addon's sender writes, read by readers that know nothing of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCodec } from '../../src/codec.js';
import { Opcode } from '../support/frame.js';
import { FrameReader } from '../support/frame-reader.js';
import { generate } from '../support/payload.js';
import { Random, seedOfThisRun } from '../support/random.js';

const codec = loadCodec();
const seed = seedOfThisRun();
const rounds = 40;

/** Any size, now and then one that takes several frames. */
function anySize(random: Random): number {
  const [low, high] = random.once(4) ? [60_000, 300_000] : [0, 300];
  return random.between(low, high);
}

function anyPayload(random: Random): Buffer {
  return generate(anySize(random), random.between(1, 2 ** 31));
}

test(`binary: every write is whole frames of at most 64 KiB (seed ${seed})`, () => {
  const random = new Random(seed);
  const sender = new codec.Sender('rfc6455', 'binary', false);
  const reader = new FrameReader();
  for (let round = 0; round < rounds; round += 1) {
    const payload = anyPayload(random);
    const wire = sender.encode(payload);
    assert.ok(Buffer.concat(reader.push(wire)).equals(payload));
    assert.ok(reader.atBoundary);
    assert.equal(wire.length === 0, payload.length === 0);
  }
  for (const { opcode, length, fin } of reader.frames) {
    assert.ok(opcode === Opcode.binary && fin && length <= 65_536);
  }
});

test(`text: messages are whole characters, wherever writes cut them (seed ${seed})`, () => {
  const random = new Random(seed);
  const sender = new codec.Sender('rfc6455', 'binary', true);
  const reader = new FrameReader();
  const text = Buffer.from('aé€😀'.repeat(60_000));
  const parts: Buffer[] = [];
  for (let at = 0; at < text.length; ) {
    const size = 1 + anySize(random);
    parts.push(...reader.push(sender.encode(text.subarray(at, at + size))));
    assert.ok(reader.atBoundary);
    at += size;
  }
  assert.ok(Buffer.concat(parts).equals(text));
  assert.equal(reader.texts.join(''), String(text));
  assert.ok(reader.frames.every(({ opcode }) => opcode !== Opcode.binary));
});

test(`base64: every write is one text message of its own (seed ${seed})`, () => {
  const random = new Random(seed);
  for (const text of [false, true]) {
    const sender = new codec.Sender('rfc6455', 'base64', text);
    const reader = new FrameReader();
    for (let round = 0; round < rounds; round += 1) {
      const payload = anyPayload(random);
      reader.push(sender.encode(payload));
      const [message = ''] = reader.texts.splice(0);
      assert.equal(message, payload.toString('base64'));
      assert.ok(reader.atBoundary);
    }
  }
});

test(`Hixie: every write is one frame of base64 (seed ${seed})`, () => {
  const random = new Random(seed);
  const sender = new codec.Sender('hixie', 'base64', false);
  for (let round = 0; round < rounds; round += 1) {
    const payload = anyPayload(random);
    const wire = sender.encode(payload);
    if (payload.length === 0) {
      assert.equal(wire.length, 0);
      continue;
    }
    assert.equal(wire[0], 0x00);
    assert.equal(wire.at(-1), 0xff);
    assert.equal(wire.subarray(1, -1).toString('latin1'), payload.toString('base64'));
  }
});

test('the payload is left as it was, and the frame is a copy', () => {
  const payload = generate(1000);
  const before = Buffer.from(payload);
  for (const encoding of ['binary', 'base64'] as const) {
    const wire = new codec.Sender('rfc6455', encoding, true).encode(payload);
    const sent = Buffer.from(wire);
    assert.ok(payload.equals(before));
    payload.fill(0);
    assert.ok(wire.equals(sent));
    before.copy(payload);
  }
});

test('a ping has its payload, of at most 125 bytes', () => {
  for (const size of [0, 1, 125]) {
    const reader = new FrameReader();
    reader.push(codec.pingFrame(generate(size)));
    assert.deepEqual(reader.pings, [generate(size)]);
  }
  assert.throws(() => codec.pingFrame(Buffer.alloc(126)), RangeError);
});
