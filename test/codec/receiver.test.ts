// The receiver through the addon: properties over arbitrary traffic, and the package ws as an
// independent writer of frames.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadCodec } from '../../src/codec.js';
import { closeFrame, frame, Opcode, ping } from '../support/frame.js';
import { cut, decodeAll, decodeAllApart } from './decode.js';
import { codecServer } from './server.js';

const codec = loadCodec();

const bytes = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));

const sizes = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 });

/** A message in fragments: its payload and its wire bytes, pings between the fragments included. */
const message = fc
  .record({
    parts: fc.array(bytes(200), { minLength: 1, maxLength: 4 }),
    mask: bytes(4).filter((mask) => mask.length === 4),
    pings: fc.boolean(),
  })
  .map(({ parts, mask, pings }) => ({
    payload: Buffer.concat(parts),
    wire: Buffer.concat(
      parts.flatMap((payload, index) => [
        frame({
          opcode: index === 0 ? Opcode.binary : Opcode.continuation,
          fin: index === parts.length - 1,
          mask,
          payload,
        }),
        pings ? ping('are you there?') : Buffer.alloc(0),
      ]),
    ),
  }));

test('any payload in any framing and any split is the same bytes', () => {
  fc.assert(
    fc.property(fc.array(message), sizes, (messages, chunkSizes) => {
      const wire = Buffer.concat(messages.map((each) => each.wire));
      const receiver = new codec.Receiver('rfc6455', 'binary');
      const payload = decodeAll(receiver, cut(wire, chunkSizes));
      assert.deepEqual(payload, Buffer.concat(messages.map((each) => each.payload)));
      assert.equal(receiver.phase, 'header');
    }),
  );
});

test('base64 in any split is the same bytes', () => {
  fc.assert(
    fc.property(fc.array(bytes(50)), sizes, fc.boolean(), (payloads, chunkSizes, hixie) => {
      const wire = payloads.map((payload) => {
        const text = Buffer.from(payload.toString('base64'));
        if (!hixie) return frame({ opcode: Opcode.text, payload: text });
        return Buffer.concat([Buffer.of(0x00), text, Buffer.of(0xff)]);
      });
      const receiver = new codec.Receiver(hixie ? 'hixie' : 'rfc6455', 'base64');
      const chunks = cut(Buffer.concat(wire), chunkSizes);
      assert.deepEqual(decodeAllApart(receiver, chunks), Buffer.concat(payloads));
      assert.equal(receiver.phase, 'header');
    }),
  );
});

test('random bytes never do more than end the connection', () => {
  fc.assert(
    fc.property(bytes(300), sizes, (wire, chunkSizes) => {
      const whole = new codec.Receiver('rfc6455', 'binary');
      const split = new codec.Receiver('rfc6455', 'binary');
      const payload = decodeAll(whole, [Buffer.from(wire)]);
      assert.deepEqual(decodeAll(split, cut(wire, chunkSizes)), payload);
      assert.equal(split.phase, whole.phase);
      assert.equal(split.failure, whole.failure);
      assert.equal(split.closeCode, whole.closeCode);
    }),
    { numRuns: 500 },
  );
});

test('a ping is taken once, the newest one', () => {
  const receiver = new codec.Receiver('rfc6455', 'binary');
  assert.equal(receiver.takePing(), undefined);
  receiver.decode(Buffer.concat([ping('old'), ping('new')]));
  assert.deepEqual(receiver.takePing(), Buffer.from('new'));
  assert.equal(receiver.takePing(), undefined);
});

test('a Close frame is told with its code and reason', () => {
  const receiver = new codec.Receiver('rfc6455', 'binary');
  assert.equal(receiver.closeCode, undefined);
  const chunk = Buffer.concat([closeFrame(4000, 'genug für heute'), frame()]);
  assert.equal(receiver.decode(chunk), 0);
  assert.equal(receiver.phase, 'closed');
  assert.equal(receiver.closeCode, 4000);
  assert.equal(receiver.closeReason, 'genug für heute');
  assert.equal(receiver.consumed, chunk.length - frame().length);
});

test('a violation is told with the code to send and a reason for the log', () => {
  const receiver = new codec.Receiver('rfc6455', 'binary');
  assert.equal(receiver.failure, undefined);
  assert.equal(receiver.decode(frame({ mask: null, payload: Buffer.from('x') })), 0);
  assert.equal(receiver.phase, 'failed');
  assert.equal(receiver.closeCode, 1002);
  assert.match(receiver.failure ?? '', /mask/);
});

test('what the client of ws sends over a socket arrives as it was sent', async () => {
  await using server = await codecServer({});
  for (const size of [0, 1, 125, 126, 0xffff, 0x10000, 1 << 20]) {
    const client = server.connect();
    const received = server.nextSession();
    await once(client, 'open');
    const payload = Buffer.alloc(size, `payload of ${size} bytes, `);
    client.send(payload.subarray(0, size / 3), { fin: false });
    const pong = once(client, 'pong');
    client.ping('between');
    client.send(payload.subarray(size / 3), { fin: true });
    client.send('and a text: € 😀');
    assert.deepEqual(await pong, [Buffer.from('between')]);
    client.close(3000, 'done');
    const session = await received;
    await session.ended;
    assert.deepEqual(session.payload(), Buffer.concat([payload, Buffer.from('and a text: € 😀')]));
    assert.equal(session.receiver.closeCode, 3000);
    assert.equal(session.receiver.closeReason, 'done');
  }
});
