// Servers that forbid themselves all but a few system calls (seccomp(2)). Any other call, be it the
// shim's, would kill them: then the server's parent says so. That they serve all kinds of clients
// under their filters is the business of matrix.test.ts.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { frame, Opcode, ping } from '../support/frame.js';
import { atRandom, framings, oneFrame, splitHeadersSize } from '../support/framings.js';
import { childrenOf, statusOf } from '../support/kernel.js';
import {
  confined,
  confinedLoosely,
  confinedMore,
  confinedPoll,
  confinedStrictly,
  type Loop,
  type ServerWords,
  words,
} from '../support/loops.js';
import { generate, summary } from '../support/payload.js';
import { type ServerOptions, serve } from '../support/server.js';
import { type Transport, tcp, websocket } from '../support/transport.js';
import { Wire } from '../support/wire.js';

const loops = [confined, confinedPoll, confinedMore, confinedStrictly];

type Mode = ServerWords['mode'];

function start(t: TestContext, loop: Loop, mode: Mode, options: Partial<ServerOptions> = {}) {
  return serve(t, loop.program(), words({ mode }), { wrapped: true, ...options });
}

for (const loop of loops) {
  test(`${loop.name} is confined`, async (t) => {
    const server = await start(t, loop, 'echo');
    const client = await WebSocketClient.connect(server);
    t.after(() => client.wire.destroy());
    await client.send('hello');
    assert.equal((await client.receive(5)).toString(), 'hello');
    const [child = 0] = childrenOf(server.pid);
    assert.equal(statusOf(child, 'Seccomp'), loop === confinedStrictly ? '1' : '2');
  });

  test(`${loop.name} answers pings while it waits`, async (t) => {
    const server = await start(t, loop, 'echo');
    const client = await WebSocketClient.connect(server);
    t.after(() => client.wire.destroy());
    for (const payload of ['', 'are you there', 'x'.repeat(125)]) {
      await client.wire.write(ping(payload));
      assert.equal(await client.pong(), payload);
    }
    await client.wire.write(
      frame({ opcode: Opcode.binary, fin: false, payload: Buffer.from('ab') }),
    );
    await client.ping('inside of a message');
    assert.equal(await client.pong(), 'inside of a message');
    assert.equal((await client.receive(2)).toString(), 'ab');
  });
}

for (const loop of [confinedMore, confinedStrictly]) {
  for (const framing of framings) {
    test(`${loop.name} takes and gives ${framing.name}`, async (t) => {
      const payload = generate(framing.stepwise ? splitHeadersSize : 3000, 7);
      const run = async (mode: Mode, transport: Transport) => {
        const server = await start(t, loop, mode, { wrapped: transport.wrapped });
        const client = await transport.connect(server);
        const echo = mode === 'echo' ? client.receive(payload.length) : Promise.resolve();
        await client.send(payload);
        const seen = (await echo) ?? Buffer.alloc(0);
        await client.finish();
        const rest = await client.rest();
        client.wire.destroy();
        return { seen: summary(seen), rest: rest.toString(), end: await server.line(/^end/) };
      };
      for (const mode of ['echo', 'sink'] as const) {
        assert.deepEqual(await run(mode, websocket(framing)), await run(mode, tcp));
      }
    });
  }
}

test('a filter that lets pass what the shim does changes nothing, for listeners either', async (t) => {
  const server = await start(t, confinedLoosely, 'sink');
  assert.equal(statusOf(server.pid, 'Seccomp'), '2');
  const silent = await Wire.connect(server);
  t.after(() => silent.destroy());
  for (const framing of [oneFrame, atRandom]) {
    const client = await websocket(framing).connect(server);
    await client.send(generate(3000));
    await client.finish();
    assert.equal((await client.rest()).toString(), summary(generate(3000)));
    await client.ended();
    client.wire.destroy();
  }
  await server.counted('end', 2);
});

test('a violation is answered with its code', async (t) => {
  for (const loop of [confined, confinedPoll]) {
    const server = await start(t, loop, 'echo');
    const client = await WebSocketClient.connect(server);
    await client.send('hello');
    await client.receive(5);
    await client.wire.write(frame({ mask: null }));
    assert.equal(await client.closed(), 1002);
    await server.line(/^reset/);
    client.wire.destroy();
  }
});

test('the log goes on, but not into a file that may not grow', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wswrap-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'log');
  for (const loop of loops) {
    for (const env of [{ TRACE: '1' }, { TRACE: '1', WSWRAP_LOG_FILE: file }]) {
      const server = await start(t, loop, 'sink', { env, talks: true });
      const client = await websocket(atRandom).connect(server);
      await client.send(generate(3000));
      await client.finish();
      assert.equal((await client.rest()).toString(), summary(generate(3000)));
      await server.line(/^end/);
      client.wire.destroy();
      assert.doesNotMatch(server.stderr, /died/);
      if (!('WSWRAP_LOG_FILE' in env)) await server.error(/client closes, code 1000/);
    }
  }
  assert.match(readFileSync(file, 'latin1'), /opened/);
});

test('large transfers both ways, over a slow reader', async (t) => {
  const payload = generate(4 * 1024 * 1024);
  for (const loop of [confined, confinedPoll]) {
    const server = await start(t, loop, 'echo');
    const client = await websocket(oneFrame).connect(server);
    const sending = client.send(payload);
    await client.wire.filled();
    assert.equal(summary(await client.receive(payload.length)), summary(payload));
    await sending;
    client.wire.destroy();
    await server.line(/^(end|reset)/);
  }
});
