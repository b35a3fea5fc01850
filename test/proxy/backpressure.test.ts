// Whoever does not read holds up the other side, and nobody else: what the proxy keeps meanwhile is
// little, however much is sent, and all of it arrives in the end.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { TLSSocket } from 'node:tls';
import { WebSocket } from 'ws';

import { makeCertificate } from '../../src/proxy/certificate.js';
import { scratch } from '../launcher/run.js';
import { WebSocketClient } from '../support/client.js';
import { elapse, eventually, within } from '../support/deadline.js';
import { frame, Opcode } from '../support/frame.js';
import { openSockets, residentMemory } from '../support/kernel.js';
import { generate } from '../support/payload.js';
import { WsProxy } from './proxy.js';
import { echoServer, targetServer } from './target.js';

const megabyte = 1024 * 1024;
const size = 200 * megabyte;
const pattern = generate(megabyte);
/** What a proxy may need beyond what it had, whatever is sent. */
const most = 40 * megabyte;

/** How a client comes, and what it costs to have a megabyte arrive by it. */
const ways = [
  { name: 'plain', secure: false, protocols: ['binary'], volume: size },
  { name: 'TLS', secure: true, protocols: ['binary'], volume: size },
  { name: 'base64', secure: false, protocols: ['base64'], volume: size / 4 },
] as const;

type Way = (typeof ways)[number];

async function certificate(t: TestContext): Promise<string> {
  const file = join(scratch(t), 'self.pem');
  await makeCertificate({ file, names: ['localhost'], days: 2 });
  return file;
}

async function startProxy(t: TestContext, way: Way, port: number): Promise<WsProxy> {
  const options = way.secure ? ['--cert', await certificate(t)] : [];
  return WsProxy.start(t, [...options, 0, `127.0.0.1:${port}`]);
}

function open(t: TestContext, way: Way, proxy: WsProxy): Promise<WebSocket> {
  const url = `${way.secure ? 'wss' : 'ws'}://127.0.0.1:${proxy.port}/`;
  const client = new WebSocket(url, [...way.protocols], { rejectUnauthorized: false });
  client.on('error', () => undefined);
  t.after(() => client.terminate());
  return within(
    'the handshake',
    new Promise((resolve) => client.once('open', () => resolve(client))),
  );
}

// Compares what comes with the pattern, which repeats.
class Checker {
  received = 0;

  take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const from = this.received % pattern.length;
      const step = Math.min(bytes.length - at, pattern.length - from);
      const expected = pattern.subarray(from, from + step);
      assert.ok(bytes.subarray(at, at + step).equals(expected), `after ${this.received} bytes`);
      this.received += step;
      at += step;
    }
  }
}

/** Resolves when a counter has stood still for half a second: the other side was stopped. */
async function standstill(count: () => number): Promise<void> {
  for (let before = -1; before !== count(); ) {
    before = count();
    await elapse(500);
  }
}

describe('a client that does not read stops the target', () => {
  for (const way of ways) {
    test(`${way.name}, and gets all of ${way.volume / megabyte} MB later`, async (t) => {
      let sent = 0;
      const target = await targetServer(t, (socket) => {
        const send = () => {
          for (let goesOn = true; goesOn; ) {
            if (sent === way.volume) return void socket.end();
            sent += pattern.length;
            goesOn = socket.write(pattern);
          }
          socket.once('drain', send);
        };
        send();
      });
      const proxy = await startProxy(t, way, target.port);
      const before = residentMemory(proxy.pid);
      const client = await open(t, way, proxy);
      client.pause();
      await standstill(() => sent);
      assert.ok(sent < way.volume, 'the target is stopped');
      assert.ok(residentMemory(proxy.pid) - before < most);
      const checker = new Checker();
      const closed = new Promise<number>((resolve) => client.once('close', resolve));
      client.on('message', (data: Buffer) => {
        checker.take(way.name === 'base64' ? Buffer.from(String(data), 'base64') : data);
      });
      client.resume();
      assert.equal(await within('all bytes and Close', closed, 60_000), 1000);
      assert.equal(checker.received, way.volume);
    });
  }
});

describe('a target that does not read stops the client', () => {
  for (const way of ways) {
    test(`${way.name}, and gets all of ${way.volume / megabyte} MB later`, async (t) => {
      const target = await targetServer(t);
      const proxy = await startProxy(t, way, target.port);
      const before = residentMemory(proxy.pid);
      const client = await open(t, way, proxy);
      const server = await target.next();
      const piece = way.name === 'base64' ? pattern.toString('base64') : pattern;
      let sent = 0;
      const sending = (async () => {
        for (; sent < way.volume; sent += pattern.length) {
          await new Promise((resolve) => client.send(piece, resolve));
        }
        client.close(1000);
      })();
      await standstill(() => sent);
      assert.ok(sent < way.volume, 'the client is stopped');
      assert.ok(residentMemory(proxy.pid) - before < most);
      const checker = new Checker();
      for (let bytes = await server.chunk(); bytes !== null; bytes = await server.chunk()) {
        checker.take(bytes);
      }
      assert.equal(checker.received, way.volume);
      await sending;
      server.end();
    });
  }
});

test('a hundred clients that do not read cost little, and others are served', async (t) => {
  const many = 100;
  const target = await targetServer(t, (socket) => {
    socket.on('data', (bytes) => {
      if (String(bytes) !== 'flood') return void socket.write(bytes);
      const send = () => {
        while (socket.write(pattern));
        if (!socket.destroyed) socket.once('drain', send);
      };
      send();
    });
  });
  const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
  const sockets = openSockets(proxy.pid).length;
  const before = residentMemory(proxy.pid);
  const stalled: WebSocketClient[] = [];
  for (let i = 0; i < many; i += 1) {
    const client = await WebSocketClient.connect({ port: proxy.port });
    await client.send('flood');
    stalled.push(client);
  }
  await standstill(() => target.sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0));
  const grown = residentMemory(proxy.pid) - before;
  assert.ok(grown < many * megabyte, `${grown / many} bytes for each`);
  const client = await WebSocketClient.connect({ port: proxy.port });
  await client.send('hello');
  assert.equal(String(await client.receive(5)), 'hello');
  for (const { wire } of [...stalled, client]) wire.reset();
  await eventually('no socket is left', () => openSockets(proxy.pid).length === sockets);
});

test('a client that floods before its target is there is stopped, and loses nothing', async (t) => {
  const pem = readFileSync(await certificate(t));
  const target = await targetServer(t);
  const options = ['--ssl-target', '--target-insecure', '--connect-timeout', 60];
  const proxy = await WsProxy.start(t, [...options, 0, `127.0.0.1:${target.port}`]);
  const before = residentMemory(proxy.pid);
  const client = await WebSocketClient.connect({ port: proxy.port });
  const { socket } = await target.next();
  const volume = size / 4;
  let sent = 0;
  const sending = (async () => {
    for (; sent < volume; sent += pattern.length) await client.send(pattern);
    await client.close(1000);
  })();
  await standstill(() => sent);
  assert.ok(sent < volume, 'the client is stopped');
  assert.ok(residentMemory(proxy.pid) - before < most);
  // Only now the target does its part of the TLS handshake.
  const server = new TLSSocket(socket, { isServer: true, cert: pem, key: pem });
  const checker = new Checker();
  server.on('data', (bytes) => checker.take(bytes));
  await within('the end', once(server, 'end'), 60_000);
  assert.equal(checker.received, volume);
  await sending;
});

test('a flood of pings is answered by as many pongs as the client reads', async (t) => {
  const target = await echoServer(t);
  const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
  const client = await WebSocketClient.connect({ port: proxy.port });
  const ping = frame({ opcode: Opcode.ping, payload: Buffer.alloc(125, 'p') });
  const many = Buffer.concat(Array.from({ length: 10_000 }, () => ping));
  const before = residentMemory(proxy.pid);
  for (let i = 0; i < 50; i += 1) await client.wire.write(many);
  assert.ok(residentMemory(proxy.pid) - before < most);
  await client.send('still there?');
  assert.equal(String(await client.receive(12)), 'still there?');
  client.wire.destroy();
});
