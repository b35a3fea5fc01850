// Clients that mean harm, or are merely broken: nothing of theirs reaches the target, nobody else
// notices, and nothing of them stays.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { scratch } from '../launcher/run.js';
import { newKey, readResponse, requestText, WebSocketClient } from '../support/client.js';
import { eventually, within } from '../support/deadline.js';
import { frame, ping } from '../support/frame.js';
import { openIn, openSockets, statusOf } from '../support/kernel.js';
import { Random, seedOfThisRun } from '../support/random.js';
import { Wire } from '../support/wire.js';
import { WsProxy } from './proxy.js';
import { smuggledHeads } from './smuggled-heads.js';
import { echoServer, type TargetServer, targetServer } from './target.js';

interface Site {
  proxy: WsProxy;
  port: number;
  target: TargetServer;
  folder: string;
}

async function site(t: TestContext, web = true, ...options: (string | number)[]): Promise<Site> {
  const folder = scratch(t);
  writeFileSync(join(folder, 'index.html'), 'a page');
  const target = await echoServer(t);
  const pages = web ? ['--web', folder] : [];
  const to = `127.0.0.1:${target.port}`;
  const proxy = await WsProxy.start(t, [...pages, ...options, '127.0.0.1:0', to]);
  return { proxy, port: proxy.port, target, folder };
}

async function assertEchoes(client: WebSocketClient, text = 'hello'): Promise<void> {
  await client.send(text);
  assert.equal((await client.receive(text.length)).toString(), text);
}

async function assertHealthy({ proxy, port }: Site): Promise<void> {
  const client = await WebSocketClient.connect({ port });
  await assertEchoes(client);
  await client.close(1000);
  await client.ended();
  client.wire.destroy();
  assert.ok(!proxy.ended);
  assert.doesNotMatch(proxy.stderr, /should not happen|^\s+at |Warning:/m);
}

/** Runs `attack` while a session echoes; afterwards as many sockets are open as before. */
async function survives(site: Site, attack: () => Promise<void>): Promise<void> {
  const { pid } = site.proxy;
  const before = openSockets(pid).length;
  await assertHealthy(site);
  const bystander = await WebSocketClient.connect({ port: site.port });
  let over = false;
  const echoing = (async () => {
    for (let i = 0; !over; i += 1) await assertEchoes(bystander, `still there ${i}`);
  })();
  try {
    await Promise.race([attack(), echoing]);
  } finally {
    over = true;
  }
  await echoing;
  bystander.wire.destroy();
  await assertHealthy(site);
  await eventually(
    `${before} sockets are open, not ${openSockets(pid).length}`,
    () => openSockets(pid).length <= before,
  );
}

async function throwAt(wire: Wire, bytes: Uint8Array | string): Promise<void> {
  await wire.write(bytes).catch(() => undefined);
}

async function restOf(wire: Wire): Promise<string> {
  try {
    return (await wire.rest()).toString('latin1');
  } catch {
    return '';
  }
}

/** A page reader's connection after its first page. */
async function reader({ port }: Site): Promise<Wire> {
  const wire = await Wire.connect({ port });
  await wire.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  const { status, body } = await readResponse(wire);
  assert.equal(status, 200);
  let text = body.toString();
  while (text.length < 6) text += await wire.chunk();
  return wire;
}

describe(`${smuggledHeads.length} heads that say two things at once`, () => {
  assert.ok(smuggledHeads.length >= 40);

  for (const web of [false, true]) {
    test(`make no session ${web ? 'with' : 'without'} pages, first or later`, async (t) => {
      const here = await site(t, web);
      await survives(here, async () => {
        for (const [what, head] of smuggledHeads) {
          for (const first of [true, false]) {
            if (!first && !web) continue;
            const wire = first ? await Wire.connect(here) : await reader(here);
            await throwAt(wire, Buffer.from(head, 'latin1'));
            wire.end();
            const answer = await restOf(wire);
            assert.doesNotMatch(answer, / 101 /, what);
            assert.match(answer, /^(?:HTTP\/1\.1 \d{3} |$)/, what);
            wire.destroy();
          }
        }
      });
      // The bystander and the two healthy ones.
      assert.equal(here.target.sockets.length, 3);
    });
  }

  test('are answered with a reason when they come first', async (t) => {
    const here = await site(t, false);
    for (const [what, head] of smuggledHeads) {
      const wire = await Wire.connect(here);
      await throwAt(wire, Buffer.from(head, 'latin1'));
      const { status, headers } = await readResponse(wire);
      assert.ok(status >= 400 && status < 500, what);
      assert.equal(headers.get('connection'), 'close', what);
      wire.destroy();
    }
  });
});

describe('a second request', () => {
  test('may be an Upgrade, after a page', async (t) => {
    const here = await site(t);
    const wire = await reader(here);
    const key = newKey();
    await wire.write(requestText(here, {}, key));
    const client = await WebSocketClient.accepted(wire, key);
    await assertEchoes(client);
    client.wire.destroy();
  });

  test('that is an Upgrade waits for the page before it', async (t) => {
    const here = await site(t);
    writeFileSync(join(here.folder, 'large'), 'x'.repeat(3_000_000));
    const wire = await Wire.connect(here);
    const key = newKey();
    const page = 'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n';
    await wire.write(page + requestText(here, {}, key));
    const { headers, body } = await readResponse(wire);
    const size = Number(headers.get('content-length'));
    let bytes = body;
    while (bytes.length < size) {
      bytes = Buffer.concat([bytes, (await wire.chunk()) ?? assert.fail('no more')]);
    }
    assert.ok(bytes.subarray(0, size).every((byte) => byte === 0x78));
    wire.socket.unshift(bytes.subarray(size));
    const client = await WebSocketClient.accepted(wire, key);
    await assertEchoes(client);
    client.wire.destroy();
  });

  test('behind an Upgrade is a violation of its frames, and nothing else', async (t) => {
    const here = await site(t);
    await survives(here, async () => {
      for (const second of ['GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', requestText(here)]) {
        const wire = await Wire.connect(here);
        const key = newKey();
        await wire.write(requestText(here, {}, key) + second);
        const client = await WebSocketClient.accepted(wire, key);
        assert.equal(await client.closed(), 1002);
        assert.equal((await client.rest()).length, 0);
        client.wire.destroy();
      }
    });
  });
});

describe('a running session does not notice', () => {
  test('500 clients in the middle of their handshake', async (t) => {
    const here = await site(t, true, '--handshake-timeout', 5, '--max-pending', 300);
    await survives(here, async () => {
      const starts = [
        '',
        'G',
        'GET / HTTP/1.1\r\nHost: ',
        '<policy',
        '\x16\x03',
        'POST / HTTP/1.1\r\n',
      ];
      const wires = await Promise.all(
        Array.from({ length: 500 }, async (_, i) => {
          const wire = await Wire.connect(here);
          await throwAt(wire, Buffer.from(starts[i % starts.length] ?? '', 'latin1'));
          return wire;
        }),
      );
      await Promise.all(wires.map(restOf));
      for (const wire of wires) wire.destroy();
    });
  });

  test('heads that never end', async (t) => {
    const here = await site(t);
    await survives(here, async () => {
      await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const wire = await Wire.connect(here);
          const line = i % 2 === 0 ? `X-${i}: ${'y'.repeat(50)}\r\n` : 'z'.repeat(60);
          await throwAt(wire, 'GET / HTTP/1.1\r\n');
          for (let n = 0; n < 20_000; n += line.length) await throwAt(wire, line);
          await restOf(wire);
          wire.destroy();
        }),
      );
    });
  });

  test('half of a handshake, and a FIN', async (t) => {
    const here = await site(t);
    await survives(here, async () => {
      for (const half of ['', '\x16', 'GET / HTTP/1.1\r\nHo', '<policy', 'POST / HTTP/1.1\r\n']) {
        const wire = await Wire.connect(here);
        await throwAt(wire, Buffer.from(half, 'latin1'));
        wire.end();
        await restOf(wire);
      }
    });
  });

  test('200 clients whose frames are garbage', async (t) => {
    const here = await site(t);
    const random = new Random(seedOfThisRun());
    t.diagnostic(`WSWRAP_TEST_SEED=${random.seed}`);
    await survives(here, async () => {
      for (let round = 0; round < 10; round += 1) {
        await Promise.all(
          Array.from({ length: 20 }, async () => {
            const client = await WebSocketClient.connect(here);
            const good = frame({ payload: random.bytes(random.between(0, 300)) });
            const bad = random.bytes(random.between(1, 3000));
            // Sometimes only one byte of what is right is wrong.
            const slip = Buffer.from(good);
            slip[random.between(0, slip.length - 1)] = random.between(0, 255);
            await throwAt(client.wire, Buffer.concat(random.once(2) ? [good, bad] : [slip, good]));
            if (random.once(3)) client.wire.reset();
            else {
              client.wire.end();
              await restOf(client.wire);
              client.wire.destroy();
            }
          }),
        );
      }
    });
  });
});

describe('memory stays bounded', () => {
  const megabytes = (pid: number) => Number.parseInt(statusOf(pid, 'VmRSS') ?? '0', 10) / 1024;

  /** Writes until the peer has not taken anything for a while, or `most` bytes are gone. */
  async function flood(wire: Wire, bytes: Buffer, most: number): Promise<void> {
    for (let sent = 0; sent < most; sent += bytes.length) {
      const taken = wire.write(bytes);
      const stuck = await within('', taken, 3000).then(
        () => false,
        () => true,
      );
      if (stuck) return;
    }
  }

  test('while a client pings and does not read', async (t) => {
    const here = await site(t);
    const before = megabytes(here.proxy.pid);
    await survives(here, async () => {
      const client = await WebSocketClient.connect(here);
      await flood(
        client.wire,
        Buffer.concat(Array.from({ length: 2000 }, () => ping('x'.repeat(125)))),
        60e6,
      );
      assert.ok(megabytes(here.proxy.pid) - before < 80, `${megabytes(here.proxy.pid)} MB`);
      client.wire.destroy();
    });
  });

  test('while a client sends to an echo and does not read', async (t) => {
    const here = await site(t);
    const before = megabytes(here.proxy.pid);
    await survives(here, async () => {
      const client = await WebSocketClient.connect(here);
      await flood(client.wire, frame({ payload: Buffer.alloc(60_000) }), 100e6);
      assert.ok(megabytes(here.proxy.pid) - before < 80, `${megabytes(here.proxy.pid)} MB`);
      client.wire.destroy();
    });
  });

  test('while a client sends before the target takes anything', async (t) => {
    const silent = await targetServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${silent.port}`]);
    const before = megabytes(proxy.pid);
    const client = await WebSocketClient.connect({ port: proxy.port });
    await flood(client.wire, frame({ payload: Buffer.alloc(60_000) }), 100e6);
    assert.ok(megabytes(proxy.pid) - before < 80, `${megabytes(proxy.pid)} MB`);
    client.wire.destroy();
  });

  test('while readers of pages ask for everything and read nothing', async (t) => {
    const here = await site(t);
    writeFileSync(join(here.folder, 'large'), Buffer.alloc(30_000_000));
    const before = megabytes(here.proxy.pid);
    await survives(here, async () => {
      const page = 'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n';
      const wires = await Promise.all(Array.from({ length: 10 }, () => Wire.connect(here)));
      for (const wire of wires) await flood(wire, Buffer.from(page.repeat(200)), 200 * page.length);
      for (const wire of wires) await wire.filled();
      assert.ok(megabytes(here.proxy.pid) - before < 150, `${megabytes(here.proxy.pid)} MB`);
      for (const wire of wires) wire.destroy();
      await eventually('no file is open', () => openIn(here.proxy.pid, here.folder).length === 0);
    });
  });
});
