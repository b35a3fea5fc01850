// What goes through the proxy: every byte, in every way to write it, and the end of each direction.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';

import { readResponse, requestText, WebSocketClient } from '../support/client.js';
import { closeFrame, frame, Opcode } from '../support/frame.js';
import { framings, oneFrame } from '../support/framings.js';
import { HixieClient } from '../support/hixie.js';
import { generate, summary } from '../support/payload.js';
import { tcp, websocket } from '../support/transport.js';
import { Wire } from '../support/wire.js';
import { WsProxy } from './proxy.js';
import { echoServer, targetServer } from './target.js';

/** A client and its target, with the proxy between them. */
async function stage(t: TestContext, ...options: string[]) {
  const target = await targetServer(t);
  const proxy = await WsProxy.start(t, [...options, 0, `127.0.0.1:${target.port}`]);
  const client = await WebSocketClient.connect({ port: proxy.port });
  t.after(() => client.wire.destroy());
  return { proxy, client, server: await target.next() };
}

describe('bytes arrive as they were sent', () => {
  test('in whatever way they are framed', async (t) => {
    const target = await targetServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    for (const framing of framings) {
      await t.test(`with ${framing.name}`, async () => {
        const client = await websocket(framing).connect({ port: proxy.port });
        const server = await target.next();
        const size = framing.stepwise ? 2000 : 100_000;
        const [up, down] = [generate(size, 1), generate(size, 2)];
        const sending = client.send(up).then(() => client.finish());
        await server.write(down);
        assert.equal(summary(await client.receive(size)), summary(down));
        assert.equal(summary(await server.rest()), summary(up));
        await sending;
        server.end();
        await client.ended();
      });
    }
  });

  test('100 MB in both directions at once', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    const client = await websocket(oneFrame).connect({ port: proxy.port });
    const piece = generate(1_000_000);
    const sending = (async () => {
      for (let i = 0; i < 100; i += 1) await client.send(piece);
    })();
    for (let i = 0; i < 100; i += 1) {
      assert.ok((await client.receive(piece.length)).equals(piece), `megabyte ${i}`);
    }
    await sending;
    client.wire.destroy();
  });

  test('frames to the client are binary, and no larger than 64 KiB', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    await client.send(generate(500_000));
    await client.receive(500_000);
    for (const { opcode, length } of client.reader.frames) {
      assert.equal(opcode, Opcode.binary);
      assert.ok(length <= 65_536);
    }
    client.wire.destroy();
  });

  test('text frames with --text, a split character in one message', async (t) => {
    const { client, server } = await stage(t, '--text');
    const bytes = Buffer.from('a€b');
    await server.write(bytes.subarray(0, 2));
    await client.receive(2);
    await server.write(bytes.subarray(2));
    await client.receive(3);
    assert.deepEqual(client.reader.texts, ['a€b']);
    client.wire.destroy();
  });

  test('text frames from the client', async (t) => {
    const target = await targetServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    await client.wire.write(frame({ opcode: Opcode.text, payload: Buffer.from('grüße') }));
    await client.close(1000);
    assert.equal((await (await target.next()).rest()).toString(), 'grüße');
    client.wire.destroy();
  });

  for (const version of [75, 76] as const) {
    test(`of a Hixie-${version} client, on the same port`, async (t) => {
      const target = await echoServer(t);
      const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
      const client = await HixieClient.connect({ port: proxy.port }, version);
      const payload = generate(10_000);
      await client.send(payload);
      assert.ok((await client.receive(payload.length)).equals(payload));
      await client.wire.write(Buffer.of(0xff, 0x00));
      await client.closed();
    });
  }
});

describe('the end', () => {
  test('of the client is a FIN for the target, which may go on', async (t) => {
    const { proxy, client, server } = await stage(t);
    await client.send('last words');
    await client.close(3001, 'done');
    assert.equal((await server.rest()).toString(), 'last words');
    await server.write('answer');
    assert.equal((await client.receive(6)).toString(), 'answer');
    server.end();
    assert.equal(await client.closed(), 3001, 'the client’s code is repeated');
    await client.ended();
    await proxy.logged(/closed by the client, code 3001: done; 10 bytes received, 6 sent/);
  });

  test('of the target is a Close frame, and the client may go on until its own', async (t) => {
    const { proxy, client, server } = await stage(t);
    server.end();
    assert.equal(await client.closed(), 1000);
    await client.send('not yet');
    await client.close(1000);
    assert.equal((await server.rest()).toString(), 'not yet');
    await client.ended();
    await proxy.logged(/closed by the target/);
  });

  test('of a target that closes at once loses nothing', async (t) => {
    const payload = generate(5_000_000);
    const target = await targetServer(t, (socket) => socket.end(payload));
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    const client = await websocket().connect({ port: proxy.port });
    await client.wire.filled();
    assert.equal(summary(await client.rest()), summary(payload));
    await client.finish();
    await client.ended();
  });

  test('of a client whose target is slow loses nothing', async (t) => {
    const { client, server } = await stage(t);
    const payload = generate(3_000_000);
    const sending = client.send(payload).then(() => client.close(1000));
    await client.closed(); // The proxy waits five seconds for the target, and not longer.
    assert.equal(summary(await server.rest()), summary(payload));
    await sending;
    client.wire.destroy();
  });

  test('without a Close frame is an end as well', async (t) => {
    const target = await targetServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    await client.wire.write(frame({ payload: Buffer.from('whole') }));
    await client.wire.write(frame({ payload: Buffer.from('a part') }).subarray(0, 5));
    client.wire.end();
    const server = await target.next();
    assert.equal((await server.rest()).toString(), 'whole');
    server.end();
    assert.equal(await client.closed(), 1000);
  });

  test('by a reset is one for the target', async (t) => {
    const { proxy, client, server } = await stage(t);
    await client.send('x');
    await server.chunk();
    client.wire.reset();
    await assert.rejects(server.rest(), /ECONNRESET/);
    await proxy.logged(/reset by the client/);
  });

  test('by a reset after its Close costs the target nothing', async (t) => {
    const target = await targetServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    const server = await target.next();
    const payload = generate(30_000);
    await client.send(payload);
    await client.close(1001);
    await client.wire.consumed();
    client.wire.reset();
    assert.equal(summary(await server.rest()), summary(payload));
    await proxy.logged(/closed by the client, code 1001/);
  });

  test('by a violation is told to both sides', async (t) => {
    const { proxy, client, server } = await stage(t);
    // The proxy knows that it is connected, too.
    await server.write('ready');
    await client.receive(5);
    await client.wire.write(frame({ mask: null, payload: Buffer.from('x') }));
    assert.equal(await client.closed(), 1002);
    await client.ended();
    await assert.rejects(server.rest(), /ECONNRESET/);
    await proxy.logged(/frame without a mask/);
  });

  test('by text that is none is 1007', async (t) => {
    const target = await targetServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    await client.wire.write(frame({ opcode: Opcode.text, payload: Buffer.of(0xff) }));
    assert.equal(await client.closed(), 1007);
    client.wire.destroy();
  });

  test('by a target that breaks is 1011 with a reason', async (t) => {
    const { client, server } = await stage(t);
    await server.write('before');
    await client.receive(6);
    server.reset();
    assert.equal(await client.closed(), 1011);
    assert.equal(client.reader.closeReason, 'the target broke the connection');
    await client.close(1011);
    await client.ended();
  });
});

test('a target that refuses is 1011 with a reason that names no address', async (t) => {
  const gone = await targetServer(t);
  const proxy = await WsProxy.start(t, [0, `127.0.0.1:1`]);
  const client = await WebSocketClient.connect({ port: proxy.port });
  assert.equal(await client.closed(), 1011);
  assert.equal(client.reader.closeReason, 'the target refuses connections');
  await proxy.logged(/no connection to 127\.0\.0\.1:1: .*ECONNREFUSED/);
  assert.equal(gone.sockets.length, 0);
  client.wire.destroy();
});

test('pings are answered, the newest at least, while bytes flow', async (t) => {
  const target = await echoServer(t);
  const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
  const client = await WebSocketClient.connect({ port: proxy.port });
  await client.ping('one');
  assert.equal(await client.pong(), 'one');
  const pings = ['two', 'three'].map((text) =>
    frame({ opcode: Opcode.ping, payload: Buffer.from(text) }),
  );
  await client.wire.write(Buffer.concat([...pings, frame({ payload: Buffer.from('data') })]));
  assert.equal((await client.receive(4)).toString(), 'data');
  assert.ok(client.reader.pongs.map(String).includes('three'));
  client.wire.destroy();
});

test('what the client sends along with its handshake is not lost', async (t) => {
  const target = await targetServer(t);
  const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
  const wire = await Wire.connect({ port: proxy.port });
  const head = requestText({ port: proxy.port });
  await wire.write(
    Buffer.concat([Buffer.from(head), frame({ payload: Buffer.from('early') }), closeFrame(1000)]),
  );
  assert.equal((await readResponse(wire)).status, 101);
  assert.equal((await (await target.next()).rest()).toString(), 'early');
  wire.destroy();
});

test('a plain TCP client is refused', async (t) => {
  const target = await targetServer(t);
  const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
  const client = await tcp.connect({ port: proxy.port });
  await client.send(Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'));
  assert.match((await client.rest()).toString(), /^HTTP\/1\.1 400 /);
  assert.equal(target.sockets.length, 0);
});
