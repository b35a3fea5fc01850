// Clients that others wrote agree with the library's server.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { eventually, within } from '../support/deadline.js';
import { generate, summary } from '../support/payload.js';
import { listening, nextStream, readAll } from './listen.js';

test('the client of ws: messages of all sizes, pings, and a Close from each side', async (t) => {
  const { server, port } = await listening(t);
  for (const size of [1, 125, 126, 65_535, 65_536, 65_537, 1_000_000]) {
    const accepted = nextStream(server);
    const client = new WebSocket(`ws://127.0.0.1:${port}/some/path`, ['binary']);
    await once(client, 'open');
    const stream = await accepted;
    assert.equal(stream.path, '/some/path');
    const payload = generate(size, size);
    const parts: Buffer[] = [];
    client.on('message', (data: Buffer) => parts.push(data));
    client.send(payload, { binary: true });
    const pong = once(client, 'pong');
    client.ping('ping');
    stream.pipe(stream, { end: false });
    assert.equal(String((await pong)[0]), 'ping');
    await eventually('all came back', () => Buffer.concat(parts).length === size);
    assert.equal(summary(Buffer.concat(parts)), summary(payload));
    const closed = once(client, 'close');
    if (size % 2 === 0) client.close(4000, 'from the client');
    else stream.close(4001, 'from the server');
    stream.once('end', () => stream.end());
    const [code, reason] = await within('Close', closed);
    assert.equal(code, size % 2 === 0 ? 4000 : 4001);
    assert.equal(String(reason), size % 2 === 0 ? 'from the client' : 'from the server');
  }
});

test('the client of ws: text both ways', async (t) => {
  const { server, port } = await listening(t, { text: true });
  server.on('connection', (stream) => stream.pipe(stream));
  const client = new WebSocket(`ws://127.0.0.1:${port}/`);
  await once(client, 'open');
  client.send('grüße 😀');
  const [data, isBinary] = await once(client, 'message');
  assert.equal(String(data), 'grüße 😀');
  assert.equal(isBinary, false);
  client.terminate();
});

const skip = 'WebSocket' in globalThis ? false : 'this Node has no global WebSocket';

test('the global WebSocket of Node', { skip }, async (t) => {
  const { server, port } = await listening(t);
  const accepted = nextStream(server);
  const client = new globalThis.WebSocket(`ws://127.0.0.1:${port}/`, 'binary');
  client.binaryType = 'arraybuffer';
  await within('open', once(client, 'open'));
  const stream = await accepted;
  const payload = generate(200_000);
  const received: Buffer[] = [];
  client.addEventListener('message', ({ data }) => received.push(Buffer.from(data)));
  client.send(payload);
  stream.write(payload);
  await eventually('all came', () => Buffer.concat(received).length === payload.length);
  assert.equal(summary(Buffer.concat(received)), summary(payload));
  const read = readAll(stream);
  const closed = once(client, 'close');
  client.close(3000, 'done');
  assert.equal(summary(await read), summary(payload));
  assert.deepEqual(stream.peerClose, { code: 3000, reason: 'done' });
  stream.end();
  await within('close', closed);
});
