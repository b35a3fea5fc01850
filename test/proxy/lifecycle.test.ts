// How the proxy ends: by which signal, with which word to its clients, and when by itself.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { isRoot, run, scratch, unprivileged } from '../launcher/run.js';
import { isListening } from '../programs/command.js';
import { readResponse, requestText, WebSocketClient } from '../support/client.js';
import { eventually, within } from '../support/deadline.js';
import { frame, Opcode } from '../support/frame.js';
import { HixieClient } from '../support/hixie.js';
import { childrenOf, statusOf } from '../support/kernel.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { freePorts } from '../support/server.js';
import { Wire } from '../support/wire.js';
import { WsProxy, wsproxy } from './proxy.js';
import { echoServer, targetServer } from './target.js';
import { dismissed, echo, leave, visit } from './visitor.js';

describe('SIGTERM', () => {
  test('tells every client that the server goes away, and ends with status 0', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    const clients = await Promise.all(Array.from({ length: 5 }, () => visit(proxy.port)));
    proxy.kill('SIGTERM');
    await Promise.all(clients.map(dismissed));
    assert.deepEqual(await proxy.exit(), { code: 0, signal: null });
    assert.match(proxy.stderr, /ends: SIGTERM\n/);
  });

  test('ends it within seconds though nobody answers, reads, or completes a handshake', async (t) => {
    const echoing = await echoServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${echoing.port}`]);
    const silent = await visit(proxy.port);
    const old = await HixieClient.connect({ port: proxy.port }, 76);
    const handshake = await Wire.connect({ port: proxy.port });
    await handshake.write('GET / HTTP/1.1\r\n');
    // It sends without reading what comes back, until all buffers are full.
    const flooding = await visit(proxy.port);
    const piece = frame({ payload: generate(1_000_000) });
    for (let i = 0; i < 40; i += 1) flooding.wire.socket.write(piece);
    await flooding.wire.filled();
    proxy.kill('SIGTERM');
    const { code } = await within('the end', proxy.exited, 15_000);
    assert.equal(code, 0);
    for (const { wire } of [silent, old, flooding]) wire.destroy();
    handshake.destroy();
  });

  test('ends it within seconds though the target reads nothing', async (t) => {
    const target = await targetServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    const server = await target.next();
    const piece = frame({ payload: generate(1_000_000) });
    for (let i = 0; i < 40; i += 1) client.wire.socket.write(piece);
    await server.filled();
    proxy.kill('SIGTERM');
    const { code } = await within('the end', proxy.exited, 15_000);
    assert.equal(code, 0);
    client.wire.destroy();
  });

  test('ends it though somebody keeps a connection for metrics or pages', async (t) => {
    const [port = 0] = await freePorts(1);
    const folder = scratch(t);
    const proxy = await WsProxy.start(t, ['--metrics', port, '--web', folder, 0]);
    const sockets = await Promise.all(
      [port, proxy.port].map(async (each) => {
        const socket = connect(each, '127.0.0.1');
        await once(socket, 'connect');
        socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
        await once(socket, 'data');
        return socket;
      }),
    );
    proxy.kill('SIGTERM');
    assert.equal((await within('the end', proxy.exited, 4000)).code, 0);
    for (const socket of sockets) socket.destroy();
  });
});

test('SIGINT is what it dies of, after the same goodbye', async (t) => {
  const target = await echoServer(t);
  const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
  const client = await visit(proxy.port);
  proxy.kill('SIGINT');
  await dismissed(client);
  assert.deepEqual(await proxy.exit(), { code: null, signal: 'SIGINT' });
});

for (const [second, code] of [
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const) {
  test(`a second signal (${second}) ends it at once`, async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    const client = await visit(proxy.port);
    proxy.kill('SIGQUIT');
    await proxy.logged(/ends: SIGQUIT/);
    proxy.kill(second);
    assert.deepEqual(await within('the end', proxy.exited, 4000), { code, signal: null });
    client.wire.destroy();
  });
}

test('a second signal ends the command as well', async (t) => {
  const [port = 0] = await freePorts(1);
  const program = `require('net').createServer((s) => s.pipe(s)).listen(${port})`;
  const proxy = await WsProxy.start(t, [port, '--', process.execPath, '-e', program]);
  const client = await visit(port);
  const [command = 0] = childrenOf(proxy.pid);
  proxy.kill('SIGQUIT');
  await proxy.logged(/ends: SIGQUIT/);
  proxy.kill('SIGTERM');
  await proxy.exit();
  await eventually('the command has ended', () => /^[ZX]|^$/.test(stateOf(command)));
  client.wire.destroy();
});

function stateOf(pid: number): string {
  return existsSync(`/proc/${pid}`) ? (statusOf(pid, 'State') ?? '') : '';
}

test('SIGQUIT lets nobody in, and ends it with the last session', async (t) => {
  const target = await echoServer(t);
  const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
  const clients = [await visit(proxy.port), await visit(proxy.port)];
  proxy.kill('SIGQUIT');
  await proxy.logged(/ends: SIGQUIT/);
  await assert.rejects(Wire.connect({ port: proxy.port }), /ECONNREFUSED/);
  for (const client of clients) {
    await echo(client);
    assert.ok(!proxy.ended);
    await leave(client);
  }
  assert.deepEqual(await proxy.exit(), { code: 0, signal: null });
});

describe('it ends by itself', () => {
  test('after one session with --run-once, and refuses a second', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, ['--run-once', 0, `127.0.0.1:${target.port}`]);
    const refused = await Wire.connect({ port: proxy.port });
    const client = await visit(proxy.port);
    await refused.write(requestText({ port: proxy.port })).catch(() => undefined);
    await assert.rejects(readResponse(refused));
    await assert.rejects(visit(proxy.port), /ECONNREFUSED/);
    await echo(client);
    await leave(client);
    assert.deepEqual(await proxy.exit(), { code: 0, signal: null });
    assert.match(proxy.stderr, /ends: --run-once\n/);
  });

  test('with the last session after --timeout', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, ['--timeout', 1, 0, `127.0.0.1:${target.port}`]);
    const client = await visit(proxy.port);
    await proxy.logged(/ends: --timeout/);
    await assert.rejects(visit(proxy.port), /ECONNREFUSED/);
    await echo(client);
    await leave(client);
    assert.deepEqual(await proxy.exit(), { code: 0, signal: null });
  });

  test('after --idle-timeout, which a session stops', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, ['--idle-timeout', 1, 0, `127.0.0.1:${target.port}`]);
    const client = await visit(proxy.port);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await echo(client);
    const start = performance.now();
    await leave(client);
    assert.deepEqual(await proxy.exit(), { code: 0, signal: null });
    assert.ok(performance.now() - start > 900, 'it waited');
    assert.match(proxy.stderr, /ends: --idle-timeout\n/);
  });

  test('after --idle-timeout without any session', async (t) => {
    const proxy = await WsProxy.start(t, ['--idle-timeout', 0.2, 0, '127.0.0.1:1']);
    assert.deepEqual(await proxy.exit(), { code: 0, signal: null });
  });
});

describe('--heartbeat', () => {
  test('pings clients that are silent, and drops them after two that are not answered', async (t) => {
    const target = await echoServer(t);
    const args = ['--heartbeat', 0.3, 0, `127.0.0.1:${target.port}`];
    const proxy = await WsProxy.start(t, args);
    const client = await visit(proxy.port);
    assert.equal(await within('to be dropped', client.closed()), 1011);
    assert.equal(client.reader.pings.length, 2);
    await proxy.logged(/the client answers no pings/);
    client.wire.destroy();
  });

  test('keeps those that answer', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, ['--heartbeat', 1, 0, `127.0.0.1:${target.port}`]);
    const client = await visit(proxy.port);
    for (let answered = 0; answered < 4; ) {
      assert.ok(await client.advance());
      for (const payload of client.reader.pings.splice(0)) {
        await client.wire.write(frame({ opcode: Opcode.pong, payload }));
        answered += 1;
      }
    }
    await echo(client);
    await leave(client);
  });
});

describe('the port', () => {
  test('can be used again at once, with connections of the last proxy about', async (t) => {
    const target = await echoServer(t);
    const [port = 0] = await freePorts(1);
    for (let i = 0; i < 2; i += 1) {
      const proxy = await WsProxy.start(t, [`127.0.0.1:${port}`, `127.0.0.1:${target.port}`]);
      const client = await visit(port);
      proxy.kill('SIGTERM');
      await dismissed(client);
      await proxy.exit();
      assert.ok(!isListening(port));
    }
  });

  test('that somebody has is told of', async (t) => {
    const proxy = await WsProxy.start(t, ['127.0.0.1:0', '127.0.0.1:1']);
    for (const option of [[], ['-D'], ['--workers', '2']]) {
      const args = [...option, `127.0.0.1:${proxy.port}`, '127.0.0.1:1'];
      const { status, stdout, stderr } = await run(wsproxy, args);
      assert.deepEqual([status, stdout], [125, '']);
      const where = `127\\.0\\.0\\.1:${proxy.port}`;
      assert.match(
        stderr,
        new RegExp(
          `^wsproxy: cannot listen on ${where}: somebody else does already\n {9}choose another port`,
        ),
      );
    }
  });

  const obstacle = isRoot ? requires('setpriv') || unprivileged.obstacle : false;
  test('below 1024 is for root', { skip: obstacle }, async (t) => {
    const user = isRoot ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : [];
    const [program = '', ...args] = [...user, wsproxy, '127.0.0.1:81', '127.0.0.1:1'];
    const { status, stderr } = await run(program, args, { cwd: '/' });
    if (status === null || stderr.includes('Listen on'))
      return t.skip('every port is for everybody');
    assert.equal(status, 125);
    assert.match(stderr, /cannot listen on 127\.0\.0\.1:81: not permitted\n {9}ports below 1024/);
  });

  test('may be a Unix socket, whose file goes with it and is replaced after a crash', async (t) => {
    const target = await echoServer(t);
    const path = join(scratch(t), 'socket');
    const reach = async () => {
      const socket = connect({ path });
      await within('the connection', once(socket, 'connect'));
      socket.destroy();
    };
    const args = [`unix:${path}`, `127.0.0.1:${target.port}`];
    const crashed = await WsProxy.start(t, args);
    await reach();
    crashed.kill('SIGKILL');
    await crashed.exit();
    const proxy = await WsProxy.start(t, args);
    await reach();
    proxy.kill('SIGTERM');
    await proxy.exit();
    await eventually('the file is gone', () => !existsSync(path));
    const broken = await run(wsproxy, ['--cert', '/nowhere', ...args]);
    assert.equal(broken.status, 125);
    assert.ok(!existsSync(path));
  });
});
