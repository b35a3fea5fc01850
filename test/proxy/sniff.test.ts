// What a client wants is told from its first bytes, and there is only so much time and room for it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { scratch } from '../launcher/run.js';
import { readResponse, requestText, WebSocketClient } from '../support/client.js';
import { elapse, eventually } from '../support/deadline.js';
import { Wire } from '../support/wire.js';
import { WsProxy } from './proxy.js';
import { get } from './raw-http.js';
import { echoServer } from './target.js';

const policy =
  '<cross-domain-policy><allow-access-from domain="*" to-ports="*" /></cross-domain-policy>\n';

async function start(t: TestContext, ...options: (string | number)[]): Promise<WsProxy> {
  const target = await echoServer(t);
  return WsProxy.start(t, [...options, 0, `127.0.0.1:${target.port}`]);
}

async function assertEchoes(client: WebSocketClient): Promise<void> {
  await client.send('hello');
  assert.equal((await client.receive(5)).toString(), 'hello');
}

/** Everything that a client gets who sends this; pieces are segments of their own. */
async function answerTo(port: number, ...pieces: (string | Buffer)[]): Promise<string> {
  const wire = await Wire.connect({ port });
  for (const piece of pieces) {
    await wire.write(piece);
    await wire.consumed();
  }
  const answer = await wire.rest();
  wire.destroy();
  return answer.toString('latin1');
}

async function statusOf(port: number, headers: Record<string, string | undefined>, path = '/') {
  const wire = await Wire.connect({ port });
  await wire.write(requestText({ port }, { path, headers }));
  const { status } = await readResponse(wire);
  wire.destroy();
  return status;
}

describe('a Flash policy request', () => {
  for (const end of ['', '\0']) {
    test(`is answered ${end === '' ? 'without' : 'with'} a NUL behind it`, async (t) => {
      const { port } = await start(t);
      assert.equal(await answerTo(port, `<policy-file-request/>${end}`), policy);
    });
  }

  test('may come in pieces', async (t) => {
    const { port } = await start(t);
    assert.equal(await answerTo(port, ...'<policy-file-request/>\0'), policy);
  });

  test('is nothing else that begins with a <', async (t) => {
    const { port } = await start(t);
    for (const text of ['<policy-file-request />', '<html>', '<policy-file-requesT/>']) {
      assert.match(await answerTo(port, text), /^HTTP\/1\.1 400 /, text);
    }
  });
});

describe('time', () => {
  test('of three seconds is what a client has that says nothing', async (t) => {
    const proxy = await start(t);
    const begin = performance.now();
    const wire = await Wire.connect({ port: proxy.port });
    assert.equal((await wire.rest()).length, 0);
    const time = performance.now() - begin;
    assert.ok(time > 2900 && time < 15_000, `${time} ms`);
    await proxy.logged(/#1 127\.0\.0\.1:\d+ dropped: nothing came for 3 s/);
  });

  for (const [what, web, text] of [
    ['a request', false, requestText({ port: 1 })],
    ['a page', true, `GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(500)}\r\n\r\n`],
    ['a page that is none', true, `POST / HTTP/1.1\r\nHost: a\r\nX-Long: ${'x'.repeat(500)}\r\n`],
    ['Flash', false, '<policy-file-request/>'],
  ] as const) {
    test(`is not won by asking for ${what} one byte at a time`, async (t) => {
      const pages = web ? ['--web', scratch(t)] : [];
      const proxy = await start(t, ...pages, '--handshake-timeout', 1.5);
      const wire = await Wire.connect({ port: proxy.port });
      const begin = performance.now();
      let ended = false;
      const end = wire.rest().then(
        () => (ended = true),
        () => (ended = true),
      );
      for (let i = 0; !ended; i += 1) {
        const byte = text[i] ?? assert.fail('it has taken all of it');
        await wire.write(byte).catch(() => undefined);
        await elapse(100);
      }
      await end;
      assert.ok(performance.now() - begin < 10_000);
      assert.doesNotMatch(proxy.stderr, /opened/);
    });
  }

  test('for the next request of a page reader is as short', async (t) => {
    const proxy = await start(t, '--web', scratch(t), '--handshake-timeout', 1.5);
    const wire = await Wire.connect({ port: proxy.port });
    await wire.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.equal((await readResponse(wire)).status, 403);
    await wire.write('GET / HTT');
    const begin = performance.now();
    await wire.rest().catch(() => undefined);
    assert.ok(performance.now() - begin < 10_000);
  });
});

describe('a request for a page', () => {
  test('without --web is told what this port is for', async (t) => {
    const { port } = await start(t);
    const { status, headers, body } = await get(port, '/');
    assert.equal(status, 426);
    assert.equal(headers['connection'], 'close');
    assert.match(body.toString(), /speaks WebSocket/);
  });

  test('that is no GET is told so', async (t) => {
    const { port } = await start(t);
    assert.equal((await get(port, '/', { method: 'POST' })).status, 405);
  });

  test('may come before the session on the same connection, any number of times', async (t) => {
    const folder = scratch(t);
    writeFileSync(join(folder, 'index.html'), 'a page');
    const proxy = await start(t, '--web', folder, '--handshake-timeout', 2);
    const wire = await Wire.connect({ port: proxy.port });
    const page = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
    for (let i = 0; i < 15; i += 1) {
      await wire.write(page);
      assert.equal((await readResponse(wire)).status, 200);
    }
    // Two at once, so that both are being answered together.
    await wire.write(page + page);
    let text = '';
    while (text.split('a page').length < 3) text += await wire.chunk();
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    await wire.write(requestText({ port: proxy.port }, {}, key));
    const client = await WebSocketClient.accepted(wire, key);
    await assertEchoes(client);
    // Longer than any of the requests could take.
    await elapse(3000);
    await assertEchoes(client);
    assert.doesNotMatch(proxy.stderr, /MaxListeners/);
    client.wire.destroy();
  });
});

describe('a head that is too large', () => {
  test('is refused at 8 KiB', async (t) => {
    const { port } = await start(t);
    const head = `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9000)}`;
    assert.match(await answerTo(port, head), /^HTTP\/1\.1 431 /);
  });

  test('is refused at 100 lines', async (t) => {
    const { port } = await start(t);
    const head = `GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(101)}\r\n`;
    assert.match(await answerTo(port, head), /^HTTP\/1\.1 431 .*[\s\S]*100 header lines/);
  });
});

describe('room', () => {
  test('with --max-pending: the oldest who has not said what it wants goes', async (t) => {
    const proxy = await start(t, '--max-pending', 3);
    const wires: Wire[] = [];
    for (let i = 0; i < 4; i += 1) {
      const wire = await Wire.connect({ port: proxy.port });
      await wire.write('GET / ');
      wires.push(wire);
      // Accepted in this order.
      await wire.consumed();
    }
    const [oldest, ...others] = wires;
    await oldest?.rest().catch(() => undefined);
    await proxy.logged(/#1 \S+ dropped: too many handshakes/);
    for (const wire of others) {
      await wire.write('HTTP/1.1\r\n\r\n');
      assert.equal((await readResponse(wire)).status, 400);
    }
    assert.equal(proxy.stderr.split('too many').length, 2);
  });

  for (const workers of [[], ['--workers', 2]]) {
    test(`with --max-connections: 503, until one leaves (${workers.join(' ')})`, async (t) => {
      const proxy = await start(t, '--max-connections', 2, ...workers);
      const { port } = proxy;
      const first = await WebSocketClient.connect({ port });
      const second = await WebSocketClient.connect({ port });
      for (let i = 0; i < 3; i += 1) {
        await assert.rejects(WebSocketClient.connect({ port }), /refused with 503/);
      }
      await first.close(1000);
      await first.ended();
      first.wire.destroy();
      await proxy.logged(/closed by the client/);
      const third = await WebSocketClient.connect({ port });
      for (const client of [second, third]) {
        await assertEchoes(client);
        client.wire.destroy();
      }
    });
  }
});

describe('who may connect', () => {
  test('pages of the same host, and those of --origin', async (t) => {
    const { port } = await start(t, '--origin', 'https://good.example,*.office.example');
    const status = (origin: string) => statusOf(port, { Origin: origin });
    assert.equal(await status('http://127.0.0.1:9'), 101);
    assert.equal(await status('https://good.example'), 101);
    assert.equal(await status('https://a.office.example'), 101);
    assert.equal(await status('https://evil.example'), 403);
    assert.equal(await status('null'), 403);
  });

  test('with --path only who names it', async (t) => {
    const { port } = await start(t, '--path', '/vnc');
    assert.equal(await statusOf(port, {}, '/vnc?token=x'), 101);
    assert.equal(await statusOf(port, {}, '/'), 404);
    assert.equal(await statusOf(port, {}, '/vnc/'), 404);
  });

  test('with --subprotocol only who offers it, or none', async (t) => {
    const { port } = await start(t, '--subprotocol', 'mqtt');
    const status = (offer?: string) => statusOf(port, { 'Sec-WebSocket-Protocol': offer });
    assert.equal(await status('binary, mqtt'), 101);
    assert.equal(await status(), 101);
    assert.equal(await status('binary'), 400);
  });

  test('on a loopback address only who names this machine, or what --host adds', async (t) => {
    const folder = scratch(t);
    writeFileSync(join(folder, 'index.html'), 'a page');
    const target = await echoServer(t);
    const { port } = await WsProxy.start(t, [
      ...['--web', folder, '--host', 'vnc.example'],
      ...['127.0.0.1:0', `127.0.0.1:${target.port}`],
    ]);
    for (const [name, good] of [
      ['localhost', true],
      ['127.0.0.1:1', true],
      ['[::1]', true],
      ['vnc.example', true],
      ['evil.example', false],
      ['127.0.0.1.evil.example', false],
    ] as const) {
      assert.equal(await statusOf(port, { Host: name }), good ? 101 : 403, name);
      const page = await answerTo(
        port,
        `GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`,
      );
      assert.match(page, good ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 403 /, name);
    }
  });

  // A browser whose name server lies keeps its connection, and its Host, from one request to the next.
  for (const first of [
    'HEAD / HTTP/1.1\r\nHost: evil.example\r\n\r\n',
    'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n',
  ]) {
    test(`that holds after ${JSON.stringify(first)}, too`, async (t) => {
      const folder = scratch(t);
      writeFileSync(join(folder, 'index.html'), 'a page');
      const target = await echoServer(t);
      const { port } = await WsProxy.start(t, [
        ...['--web', folder, '127.0.0.1:0', `127.0.0.1:${target.port}`],
      ]);
      const second = 'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n';
      const answers = await answerTo(port, first + second);
      const page = first.startsWith('GET') ? 2 : 1;
      assert.equal(answers.split('a page').length, page, answers);
      if (!first.includes('evil')) assert.match(answers, /HTTP\/1\.1 403 /);
    });
  }

  test('on all addresses anybody', async (t) => {
    const { port } = await start(t);
    assert.equal(await statusOf(port, { Host: 'evil.example' }), 101);
  });
});

test('a client that leaves at once is no news', async (t) => {
  const proxy = await start(t);
  const wire = await Wire.connect({ port: proxy.port });
  wire.end();
  await wire.rest();
  assert.doesNotMatch(proxy.stderr, /dropped|refused/);
  await eventually('it serves', () => !proxy.ended);
});
