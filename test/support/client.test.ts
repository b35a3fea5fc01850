// The test client and its framings against another implementation: what they send is legal, and
// what they receive they understand. Otherwise the tests of the shim would prove nothing.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocketServer } from 'ws';
import { WebSocketClient } from './client.js';
import { within } from './deadline.js';
import { frame, Opcode } from './frame.js';
import { FrameReader, Violation } from './frame-reader.js';
import { framings, splitHeadersSize } from './framings.js';
import { generate } from './payload.js';
import { websocket } from './transport.js';

async function oracle(t: { after(done: () => void): void }) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { server, port };
}

for (const framing of framings) {
  test(`ws understands: ${framing.name}`, async (t) => {
    const { server, port } = await oracle(t);
    const chunks: Buffer[] = [];
    const closed = new Promise<number>((resolve, reject) => {
      server.once('connection', (peer) => {
        peer.on('message', (data: Buffer) => chunks.push(data));
        peer.on('error', reject);
        peer.on('close', resolve);
      });
    });
    const size = framing.stepwise ? splitHeadersSize : 4000;
    const payload = generate(size);
    const client = await websocket(framing).connect({ port });
    await client.send(payload);
    await client.finish();
    await client.ended();
    client.wire.end();
    assert.equal(await within('the end of it', closed), 1000);
    assert.deepEqual(Buffer.concat(chunks), payload);
    client.wire.destroy();
  });
}

test('the client understands ws', async (t) => {
  const { server, port } = await oracle(t);
  server.once('connection', (peer) => {
    peer.send('pære');
    for (const size of [1, 125, 126, 65535, 65536, 1_000_000]) peer.send(generate(size));
    peer.ping('are you there');
    peer.close(4321, 'bye');
  });
  const client = await WebSocketClient.connect({ port });
  const expected: Buffer[] = [Buffer.from('pære')];
  for (const size of [1, 125, 126, 65535, 65536, 1_000_000]) expected.push(generate(size));
  assert.deepEqual(await client.rest(), Buffer.concat(expected));
  assert.deepEqual(client.reader.texts, ['pære']);
  assert.deepEqual(client.reader.pings, [Buffer.from('are you there')]);
  assert.equal(client.reader.closeCode, 4321);
  assert.equal(client.reader.closeReason, 'bye');
  client.wire.destroy();
});

const violations: Record<string, Buffer> = {
  'a masked frame': frame({ payload: Buffer.from('x') }),
  'a reserved bit': frame({ mask: null, rsv: 4, payload: Buffer.from('x') }),
  'a reserved opcode': frame({ mask: null, opcode: 3, payload: Buffer.from('x') }),
  'an empty frame': frame({ mask: null }),
  'a long ping': frame({ mask: null, opcode: Opcode.ping, payload: Buffer.alloc(126) }),
  'half a ping': frame({ mask: null, opcode: Opcode.ping, fin: false }),
  'a length that is too long': frame({ mask: null, form: 16, payload: Buffer.alloc(125) }),
  'a length that is far too long': frame({ mask: null, form: 64, payload: Buffer.alloc(65535) }),
  'a stray continuation': frame({ mask: null, opcode: 0, payload: Buffer.from('x') }),
  'text that is not UTF-8': frame({ mask: null, opcode: 1, payload: Buffer.of(0xc3) }),
  'a close code for nobody': frame({ mask: null, opcode: 8, payload: Buffer.of(3, 0xee) }),
  'a frame after Close': Buffer.concat([
    frame({ mask: null, opcode: Opcode.close }),
    frame({ mask: null, payload: Buffer.from('x') }),
  ]),
};

for (const [name, bytes] of Object.entries(violations)) {
  test(`the client does not put up with ${name}`, () => {
    assert.throws(() => new FrameReader().push(bytes), Violation);
    const reader = new FrameReader();
    assert.throws(() => [...bytes].map((byte) => reader.push(Buffer.of(byte))), Violation);
  });
}
