// The opening handshake and the frames towards the client, judged by the client of the package ws.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { loadCodec, opcode } from '../../src/codec.js';
import { codecServer } from './server.js';

const codec = loadCodec();

function header(opcode: number, fin: boolean, length: number): Buffer {
  const output = Buffer.alloc(10);
  return output.subarray(0, codec.frameHeader(output, opcode, fin, length));
}

test('the client of ws accepts the answer, in each version that it speaks', async () => {
  await using server = await codecServer({ path: '/some/path', loopback: true });
  for (const protocolVersion of [13, 8]) {
    const session = server.nextSession();
    const client = server.connect([], { protocolVersion });
    await once(client, 'open');
    assert.equal(client.protocol, '');
    assert.equal(client.extensions, '', 'compression is declined');
    assert.equal((await session).handshake.target, '/some/path');
    client.close();
    await once(client, 'close');
  }
});

test('subprotocols are agreed with the client of ws', async () => {
  const cases = [
    { offered: ['binary'], agreed: 'binary', encoding: 'binary' },
    { offered: ['base64', 'binary'], agreed: 'binary', encoding: 'binary' },
    { offered: ['chat', 'base64'], agreed: 'base64', encoding: 'base64' },
    { offered: ['chat', 'superchat'], agreed: 'chat', encoding: 'binary' },
  ];
  await using server = await codecServer({});
  for (const { offered, agreed, encoding } of cases) {
    const session = server.nextSession();
    const client = server.connect(offered);
    await once(client, 'open');
    assert.equal(client.protocol, agreed);
    assert.equal((await session).handshake.encoding, encoding);
    client.close();
    await once(client, 'close');
  }
});

test('a refusal is a complete HTTP answer', async () => {
  await using server = await codecServer({ path: '/elsewhere' });
  const client = server.connect();
  client.on('error', () => {}); // ws reports the refusal a second time when it is torn down
  const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage];
  assert.equal(response.statusCode, 404);
  assert.equal(response.headers.connection, 'close');
  assert.equal(response.headers['content-type'], 'text/plain');
  assert.match(await text(response), /path/);
  client.terminate();
});

test('a page from elsewhere is refused, until its origin is listed', async () => {
  const origin = 'https://pages.example.org';
  {
    await using server = await codecServer({});
    const client = server.connect([], { origin });
    client.on('error', () => {});
    const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage];
    assert.equal(response.statusCode, 403);
    client.terminate();
  }
  await using server = await codecServer({ origins: '*.example.org' });
  const client = server.connect([], { origin });
  await once(client, 'open');
  client.terminate();
});

test('the client of ws reads the frames that we write', async () => {
  await using server = await codecServer({});
  const session = server.nextSession();
  const client = server.connect();
  await once(client, 'open');
  const { socket } = await session;
  for (const size of [0, 1, 125, 126, 127, 0xffff, 0x10000, 1 << 20]) {
    const payload = Buffer.alloc(size, 'x');
    socket.write(header(opcode.binary, true, size));
    socket.write(payload);
    const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
    assert.deepEqual(data, payload);
    assert.equal(isBinary, true);
  }
  socket.write(Buffer.concat([header(opcode.text, false, 2), Buffer.of(0xe2, 0x82)]));
  socket.write(Buffer.concat([header(opcode.continuation, true, 1), Buffer.of(0xac)]));
  const [data, isBinary] = (await once(client, 'message')) as [Buffer, boolean];
  assert.equal(data.toString(), '€');
  assert.equal(isBinary, false);

  socket.write(codec.pongFrame(Buffer.from('answer')));
  assert.deepEqual(await once(client, 'pong'), [Buffer.from('answer')]);
  socket.write(codec.closeFrame('rfc6455', 1001, 'going away'));
  assert.deepEqual(await once(client, 'close'), [1001, Buffer.from('going away')]);
});

test('Hixie closes with two bytes', () => {
  assert.deepEqual(codec.closeFrame('hixie', 1000, 'unheard'), Buffer.of(0xff, 0x00));
});
