// A stream of the library as any Duplex: what it reads, what it writes, and who holds up whom.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { createGunzip, createGzip, gunzipSync } from 'node:zlib';
import { elapse, eventually, within } from '../support/deadline.js';
import { closeFrame, frame, Opcode } from '../support/frame.js';
import { atRandom } from '../support/framings.js';
import { HixieClient } from '../support/hixie.js';
import { generate, summary } from '../support/payload.js';
import { Random, seedOfThisRun } from '../support/random.js';
import { websocket } from '../support/transport.js';
import { listening, nextStream, pair, readAll } from './listen.js';

test('what was agreed on can be asked for', async (t) => {
  const offer = { headers: { 'Sec-WebSocket-Protocol': 'chat, binary' }, path: '/room?key=secret' };
  const { stream, client } = await pair(t, {}, offer);
  assert.equal(stream.subprotocol, 'binary');
  assert.equal(stream.path, '/room');
  assert.equal(stream.handshake.dialect, 'rfc6455');
  assert.equal(client.subprotocol, 'binary');
  assert.equal(stream.peerClose, undefined);
});

test('it can be piped into itself', async (t) => {
  const { server, port } = await listening(t);
  server.on('connection', (stream) => stream.pipe(stream));
  const seed = seedOfThisRun();
  const client = await websocket(atRandom, seed).connect({ port });
  const payload = generate(300_000, seed);
  const sending = client.send(payload).then(() => client.finish());
  assert.equal(summary(await client.rest()), summary(payload));
  await sending;
  await client.ended();
});

test('it can be part of a pipeline', async (t) => {
  const { stream, client } = await pair(t, { closeTimeout: 50 });
  const done = pipeline(stream, createGzip(), stream);
  const payload = generate(100_000);
  await client.send(payload.subarray(0, 50_000));
  await client.send(payload.subarray(50_000));
  await client.close();
  assert.ok(gunzipSync(await client.rest()).equals(payload));
  await done;
  await client.ended();
});

test('it can be iterated over, to the end', async (t) => {
  const { stream, client } = await pair(t);
  const payload = generate(200_000);
  const sending = client.send(payload).then(() => client.close(1000));
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part);
  assert.ok(Buffer.concat(parts).equals(payload));
  await sending;
});

test('leaving an iteration closes it', async (t) => {
  const { stream, client } = await pair(t);
  await client.send('one');
  for await (const part of stream) {
    assert.equal(String(part), 'one');
    break;
  }
  assert.ok(stream.destroyed);
  assert.equal(await client.closed(), 1000);
});

test('what is sent together with the handshake, or with Close, is read', async (t) => {
  const { server, port } = await listening(t);
  const stream = nextStream(server);
  const client = await websocket().connect({ port });
  await client.wire.write(
    Buffer.concat([frame({ payload: Buffer.from('last') }), closeFrame(1000)]),
  );
  assert.equal(String(await readAll(await stream)), 'last');
});

test('a write is one binary frame, a large one several of at most 64 KiB', async (t) => {
  const { stream, client } = await pair(t);
  stream.write('small');
  assert.equal(String(await client.receive(5)), 'small');
  const payload = generate(200_000);
  stream.write(payload);
  assert.ok((await client.receive(payload.length)).equals(payload));
  const lengths = client.reader.frames.map(({ length }) => length);
  assert.deepEqual(lengths, [5, 65_536, 65_536, 65_536, 200_000 - 3 * 65_536]);
  for (const { opcode, fin } of client.reader.frames) {
    assert.equal(opcode, Opcode.binary);
    assert.ok(fin);
  }
});

test('a write of nothing sends nothing', async (t) => {
  const { stream, client } = await pair(t);
  for (const nothing of ['', Buffer.alloc(0), new Uint8Array()]) {
    await new Promise((resolve) => stream.write(nothing, resolve));
  }
  stream.write('x');
  await client.receive(1);
  assert.equal(client.reader.frames.length, 1);
});

test('with text it sends text, whose characters are whole', async (t) => {
  const { stream, client } = await pair(t, { text: true });
  const text = Buffer.from('Grüße, 世界 😀');
  const random = new Random(seedOfThisRun());
  for (let at = 0; at < text.length; ) {
    const size = random.between(1, 3);
    stream.write(text.subarray(at, at + size));
    at += size;
  }
  stream.end();
  assert.ok((await client.rest()).equals(text));
  assert.equal(client.reader.texts.join(''), String(text));
  assert.ok(client.reader.frames.every(({ opcode }) => opcode !== Opcode.binary));
});

test('of the subprotocol base64 it is the same bytes', async (t) => {
  const offer = { headers: { 'Sec-WebSocket-Protocol': 'base64' } };
  const { stream, client } = await pair(t, {}, offer);
  const payload = generate(200_001);
  stream.end(payload);
  await client.rest();
  const received = Buffer.concat(client.reader.texts.map((text) => Buffer.from(text, 'base64')));
  assert.ok(received.equals(payload));
  for (const byte of frame({ opcode: Opcode.text, payload: Buffer.from('Z3LDvMOfZQ==') })) {
    await client.wire.write(Buffer.of(byte));
  }
  await client.close();
  assert.equal(String(await readAll(stream)), 'grüße');
});

test('of a Hixie client it is the same bytes', async (t) => {
  const { server, port } = await listening(t, { heartbeat: 5, closeTimeout: 50 });
  const accepted = nextStream(server);
  const client = await HixieClient.connect({ port }, 76);
  const stream = await accepted;
  assert.equal(stream.handshake.dialect, 'hixie');
  await client.send(Buffer.from('ping'));
  assert.equal(String((await once(stream, 'data'))[0]), 'ping');
  // There are no pings in that draft, and longer than a heartbeat nothing is said.
  await elapse(30);
  const payload = generate(100_000);
  stream.write(payload);
  assert.ok((await client.receive(payload.length)).equals(payload));
  stream.end();
  await client.closed();
});

test('a client that does not read holds up the writer, until it reads', async (t) => {
  const { stream, client } = await pair(t);
  const chunk = generate(100_000);
  let written = 0;
  const writeAll = () => {
    let goesOn = true;
    for (; goesOn && written < 1000; written += 1) goesOn = stream.write(chunk);
    return goesOn;
  };
  while (writeAll() === false && stream.writableNeedDrain) {
    const drained = await Promise.race([once(stream, 'drain'), elapse(300)]);
    if (drained === undefined) break;
  }
  assert.ok(written < 1000, 'write() returned false before all was written');
  assert.ok(stream.writableLength < 1_000_000);
  assert.ok(stream.socket.writableLength < 1_000_000);
  const sent = written;
  const drained = once(stream, 'drain');
  for (let i = 0; i < sent; i += 1) assert.ok((await client.receive(chunk.length)).equals(chunk));
  await within('drain', drained);
});

test('a program that does not read holds up the client, and gets all when it reads', async (t) => {
  const { stream, client } = await pair(t);
  const payload = generate(20_000_000);
  let sent = false;
  const sending = client.send(payload).then(() => {
    sent = true;
  });
  await eventually('the stream is full', () => stream.socket.isPaused());
  assert.ok(stream.readableLength < 300_000);
  assert.ok(!sent);
  const received = readAll(stream);
  await sending;
  await client.close();
  assert.equal(summary(await received), summary(payload));
});

test('a stream of any source ends with it', async (t) => {
  const { stream, client } = await pair(t);
  Readable.from(['a', 'b', 'c']).pipe(new PassThrough()).pipe(stream);
  assert.equal(String(await client.rest()), 'abc');
  assert.equal(await client.closed(), 1000);
});

test('traffic can be watched', async (t) => {
  const { stream, client } = await pair(t);
  const seen: [number, number][] = [];
  stream.watch = (payload, wire) => seen.push([payload, wire]);
  const ended = once(stream.resume(), 'end');
  await client.ping('hello');
  assert.equal(await client.pong(), 'hello');
  await client.send('four');
  await client.close();
  await within('the end', ended);
  assert.equal(
    seen.reduce((sum, [payload]) => sum + payload, 0),
    4,
  );
  assert.equal(
    seen.reduce((sum, [, wire]) => sum + wire, 0),
    11 + 10 + 6,
  );
});

test('decompresses what a client compressed', async (t) => {
  const { stream, client } = await pair(t);
  const unpacked = buffer(stream.pipe(createGunzip()));
  const packed = createGzip();
  packed.end(generate(500_000));
  for await (const part of packed) await client.send(part);
  await client.close();
  assert.equal(summary(await unpacked), summary(generate(500_000)));
});
