// Clients that mean harm, or are merely broken: the server stays healthy, and keeps nothing of them.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { newKey, requestText, WebSocketClient } from '../support/client.js';
import { eventually } from '../support/deadline.js';
import { frame } from '../support/frame.js';
import { epollEdge, epollThreads, type Loop, poll, threads, words } from '../support/loops.js';
import { Random, seedOfThisRun } from '../support/random.js';
import { type Server, serve } from '../support/server.js';
import { Wire } from '../support/wire.js';

const styles: readonly Loop[] = [poll, epollEdge, epollThreads, threads];

async function start(t: TestContext, loop: Loop, env: Record<string, string> = {}) {
  return serve(t, loop.program(), words({ mode: 'echo' }), { wrapped: true, env });
}

async function assertHealthy(server: Server): Promise<void> {
  const client = await WebSocketClient.connect(server);
  await client.send('healthy?');
  assert.equal((await client.receive(8)).toString(), 'healthy?');
  await client.close(1000);
  await client.ended();
  client.wire.destroy();
}

/** Runs `attack`; afterwards the server serves, and has as many descriptors open as before. */
async function survives(server: Server, attack: () => Promise<void>): Promise<void> {
  await assertHealthy(server);
  await eventually('it is quiet', () => server.count('end') === server.count('open'));
  const before = server.openDescriptors().length;
  await attack();
  await assertHealthy(server);
  await eventually(
    `${before} descriptors are open`,
    () => server.openDescriptors().length <= before,
  );
}

// Writes what the server may well refuse to take.
async function throwAt(wire: Wire, bytes: Uint8Array): Promise<void> {
  await wire.write(bytes).catch(() => undefined);
}

for (const loop of styles) {
  test(`garbage instead of a handshake (${loop.name})`, async (t) => {
    const server = await start(t, loop);
    const random = new Random(seedOfThisRun());
    t.diagnostic(`WSWRAP_TEST_SEED=${random.seed}`);
    await survives(server, async () => {
      for (let i = 0; i < 40; i += 1) {
        const wire = await Wire.connect(server);
        const head = random.once(2) ? 'GET /' : random.once(2) ? '\x16\x03' : '';
        await throwAt(
          wire,
          Buffer.concat([Buffer.from(head), random.bytes(random.between(1, 3000))]),
        );
        if (random.once(2)) wire.reset();
        else wire.destroy();
      }
    });
  });

  test(`garbage after the handshake (${loop.name})`, async (t) => {
    const server = await start(t, loop);
    const random = new Random(seedOfThisRun());
    t.diagnostic(`WSWRAP_TEST_SEED=${random.seed}`);
    await survives(server, async () => {
      for (let i = 0; i < 40; i += 1) {
        const client = await WebSocketClient.connect(server);
        const decent = random.once(2) ? frame({ payload: random.bytes(20) }) : Buffer.alloc(0);
        await throwAt(client.wire, Buffer.concat([decent, random.bytes(random.between(1, 500))]));
        if (random.once(3)) client.wire.reset();
        else client.wire.destroy();
      }
      await eventually('all have left', () => {
        const over = server.count('end') + server.count('reset');
        return over === server.count('open');
      });
    });
  });

  test(`500 clients at once (${loop.name})`, async (t) => {
    const server = await start(t, loop);
    await survives(server, async () => {
      const clients = await Promise.all(
        Array.from({ length: 500 }, () => WebSocketClient.connect(server)),
      );
      await Promise.all(
        clients.map(async (client, index) => {
          await client.send(`number ${index}`);
          const size = `number ${index}`.length;
          assert.equal((await client.receive(size)).toString(), `number ${index}`);
        }),
      );
      for (const client of clients) client.wire.destroy();
    });
  });
}

test('slow heads, many of them, cost neither time nor CPU', async (t) => {
  const server = await start(t, poll, { WSWRAP_HANDSHAKE_TIMEOUT: '1' });
  await survives(server, async () => {
    const wires = await Promise.all(Array.from({ length: 100 }, () => Wire.connect(server)));
    const head = requestText(server, {}, newKey());
    const before = server.cpuSeconds();
    for (let i = 0; i < 20; i += 1) {
      await Promise.all(wires.map((wire) => throwAt(wire, Buffer.from(head.slice(i, i + 1)))));
      await assertHealthy(server);
    }
    assert.ok(server.cpuSeconds() - before < 1, `${server.cpuSeconds() - before} s of CPU`);
    // They do not get through, and are not kept.
    await Promise.all(wires.map((wire) => wire.rest().catch(() => null)));
  });
});

test('a frame that promises more than there is memory', async (t) => {
  const server = await start(t, poll);
  await survives(server, async () => {
    const client = await WebSocketClient.connect(server);
    const huge = frame({ payload: Buffer.from('abc'), length: (1n << 63n) - 1n, form: 64 });
    await client.wire.write(huge);
    assert.equal((await client.receive(3)).toString(), 'abc');
    client.wire.destroy();
  });
});

test('a megabyte of frames without payload costs little', async (t) => {
  const server = await start(t, poll);
  await survives(server, async () => {
    const client = await WebSocketClient.connect(server);
    const before = server.cpuSeconds();
    await client.wire.write(Buffer.concat(Array.from({ length: 170_000 }, () => frame())));
    await client.send('x');
    assert.equal((await client.receive(1)).toString(), 'x');
    const used = server.cpuSeconds() - before;
    assert.ok(used < 1, `${used} s of CPU`);
    client.wire.destroy();
  });
});
