// The library's server: on a port of its own, beside an HTTP server, and on connections from elsewhere.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, get } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, connect, createServer as createTcpServer, type Server } from 'node:net';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { WebSocket } from 'ws';
import { WebSocketServer } from '../../src/index.js';
import { makeCertificate } from '../../src/proxy/certificate.js';
import { scratch } from '../launcher/run.js';
import { readResponse, requestText, WebSocketClient } from '../support/client.js';
import { elapse, eventually, within } from '../support/deadline.js';
import { HixieClient } from '../support/hixie.js';
import { generate } from '../support/payload.js';
import { Wire } from '../support/wire.js';
import { listening, nextStream, pair, visit } from './listen.js';

async function certificate(t: TestContext): Promise<{ cert: Buffer; key: Buffer }> {
  const file = join(scratch(t), 'self.pem');
  await makeCertificate({ file, names: ['localhost'], days: 2 });
  const pem = readFileSync(file);
  return { cert: pem, key: pem };
}

/** Listens on a free port until the test ends. */
async function open(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<{ destroy(): void }>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** The status that a request is answered with. */
async function statusOf(port: number, headers: Record<string, string> = {}, path = '/') {
  const wire = await Wire.connect({ port });
  await wire.write(requestText({ port }, { path, headers }));
  const { status } = await readResponse(wire);
  wire.destroy();
  return status;
}

describe('a port of its own', () => {
  test('is told by address(), and by events', async (t) => {
    const server = new WebSocketServer();
    assert.equal(server.address(), null);
    const events: string[] = [];
    server.on('listening', () => events.push('listening'));
    server.on('close', () => events.push('close'));
    await server.listen(0);
    t.after(() => server.close());
    const address = server.address();
    assert.ok(typeof address === 'object' && address !== null && address.port > 0);
    await server.close();
    assert.deepEqual(events, ['listening', 'close']);
  });

  test('may be a Unix socket', async (t) => {
    const path = join(scratch(t), 'socket');
    const server = new WebSocketServer();
    await server.listen({ path });
    t.after(() => server.close());
    const socket = connect({ path });
    const stream = nextStream(server);
    socket.write(requestText({ port: 80 }));
    (await stream).end('hello');
    socket.on('data', (bytes) => bytes.includes('hello') && socket.end());
    const answer = (await buffer(socket)).toString('latin1');
    assert.ok(
      answer.startsWith('HTTP/1.1 101 ') && answer.endsWith('\x82\x05hello\x88\x02\x03\xe8'),
    );
  });

  test('that is in use is a rejection, and nothing else', async (t) => {
    const { port } = await listening(t);
    const server = new WebSocketServer();
    server.on('error', () => assert.fail('an event as well'));
    await assert.rejects(server.listen({ port, host: '127.0.0.1' }), { code: 'EADDRINUSE' });
    await server.listen({ port: 0, host: '127.0.0.1' });
    await server.close();
  });

  test('that cannot be is a rejection', async () => {
    const server = new WebSocketServer();
    await assert.rejects(server.listen({ port: 80, host: '192.0.2.1' }), { code: 'EADDRNOTAVAIL' });
    await assert.rejects(server.listen(70_000), { code: 'ERR_SOCKET_BAD_PORT' });
  });
});

describe('an HTTP server', () => {
  test('keeps its other requests', async (t) => {
    const http = createServer((_, response) => response.end('a page'));
    const server = new WebSocketServer({ server: http });
    const port = await open(t, http);
    const { client, stream } = await visit(server, { port }, { path: '/any' });
    stream.end('from a stream');
    assert.equal(String(await client.rest()), 'from a stream');
    const [response] = await once(get({ port, host: '127.0.0.1', agent: false }), 'response');
    assert.equal(await text(response), 'a page');
  });

  test('has its own listening address guarded, if that is loopback', async (t) => {
    const http = createServer();
    new WebSocketServer({ server: http });
    const port = await open(t, http);
    assert.equal(await statusOf(port, { Host: 'rebound.example.org' }), 403);
    assert.equal(await statusOf(port, { Host: 'localhost' }), 101);
  });

  test('may have clients of Hixie-76, whose eight bytes come late', async (t) => {
    const http = createServer();
    const server = new WebSocketServer({ server: http, closeTimeout: 50 });
    server.on('connection', (stream) => stream.pipe(stream));
    const port = await open(t, http);
    const client = await HixieClient.connect({ port }, 76, 20);
    await client.send(Buffer.from('echo'));
    assert.equal(String(await client.receive(4)), 'echo');
  });

  test('gets a request whose frames came along with it', async (t) => {
    const http = createServer();
    const server = new WebSocketServer({ server: http });
    const port = await open(t, http);
    const stream = nextStream(server);
    const wire = await Wire.connect({ port });
    await wire.write(
      Buffer.concat([Buffer.from(requestText({ port })), Buffer.from('8283000000006f6e65', 'hex')]),
    );
    const [chunk] = await once(await stream, 'data');
    assert.equal(String(chunk), 'one');
  });

  test('is not closed, and serves no WebSocket any more, after close()', async (t) => {
    const http = createServer((_, response) => response.writeHead(404).end());
    const server = new WebSocketServer({ server: http });
    const port = await open(t, http);
    const { client } = await visit(server, { port });
    const closing = server.close();
    assert.equal(await client.closed(), 1001);
    await client.close(1001);
    client.wire.end();
    await within('close()', closing);
    assert.ok(http.listening);
    assert.equal(await statusOf(port), 404);
  });

  test('may be an HTTPS server', async (t) => {
    const https = createSecureServer(await certificate(t), (_, response) => response.end('a page'));
    const server = new WebSocketServer({ server: https });
    const port = await open(t, https);
    server.on('connection', (stream) => stream.pipe(stream));
    const client = new WebSocket(`wss://localhost:${port}/`, { rejectUnauthorized: false });
    await once(client, 'open');
    client.send(generate(300_000));
    let size = 0;
    client.on('message', (data: Buffer) => {
      size += data.length;
    });
    await eventually('all came back', () => size === 300_000);
    client.close();
    await once(client, 'close');
  });
});

test('connections that somebody else accepted are taken, by TLS too', async (t) => {
  const server = new WebSocketServer();
  t.after(() => server.close());
  server.on('connection', (stream) => stream.pipe(stream));
  const tcp = createTcpServer({ pauseOnConnect: true }, (socket) =>
    server.handleConnection(socket),
  );
  const tls = createTlsServer({ ...(await certificate(t)), pauseOnConnect: true }, (socket) => {
    server.handleConnection(socket);
  });
  const urls = [`ws://127.0.0.1:${await open(t, tcp)}`, `wss://127.0.0.1:${await open(t, tls)}`];
  for (const url of urls) {
    const client = new WebSocket(url, { rejectUnauthorized: false });
    await once(client, 'open');
    client.send('hello');
    assert.equal(String((await once(client, 'message'))[0]), 'hello');
    client.close(1000);
    assert.equal((await once(client, 'close'))[0], 1000);
  }
});

describe('options', () => {
  test('origins: other pages than those of the same host are refused, unless listed', async (t) => {
    const elsewhere = { Origin: 'https://pages.example.org' };
    const strict = await listening(t);
    assert.equal(await statusOf(strict.port, elsewhere), 403);
    assert.equal(await statusOf(strict.port, { Origin: 'http://127.0.0.1:3000' }), 101);
    const open = await listening(t, { origins: '*.example.org' });
    assert.equal(await statusOf(open.port, elsewhere), 101);
    assert.equal(await statusOf(open.port, { Origin: 'https://example.com' }), 403);
  });

  test('hosts: a server on loopback has loopback names, and those that are listed', async (t) => {
    const { port } = await listening(t, { hosts: 'vnc.test' });
    assert.equal(await statusOf(port, { Host: 'rebound.example.org' }), 403);
    assert.equal(await statusOf(port, { Host: 'vnc.test' }), 101);
    assert.equal(await statusOf(port, { Host: `[::1]:${port}` }), 101);
  });

  test('hosts: a server on all addresses has any name', async (t) => {
    const server = new WebSocketServer();
    await server.listen({ port: 0, host: '0.0.0.0' });
    t.after(() => server.close());
    const { port } = server.address() as AddressInfo;
    assert.equal(await statusOf(port, { Host: 'any.example.org' }), 101);
  });

  test('path: others are 404', async (t) => {
    const { port } = await listening(t, { path: '/chat' });
    assert.equal(await statusOf(port, {}, '/chat?room=1'), 101);
    assert.equal(await statusOf(port, {}, '/other'), 404);
  });

  test('subprotocol: it is the only one', async (t) => {
    const { client } = await pair(
      t,
      { subprotocol: 'mqtt' },
      {
        headers: { 'Sec-WebSocket-Protocol': 'binary, mqtt' },
      },
    );
    assert.equal(client.subprotocol, 'mqtt');
  });

  test('maxConnections: more are 503, until one leaves', async (t) => {
    const { server, port } = await listening(t, { maxConnections: 1 });
    const { client, stream } = await visit(server, { port });
    const refused = once(server, 'refused');
    assert.equal(await statusOf(port), 503);
    const [status, reason] = await refused;
    assert.equal(status, 503);
    assert.match(reason, /Too many/);
    assert.equal(server.streams.size, 1);
    await client.close(1000);
    stream.resume().end();
    await eventually('it is gone', () => server.streams.size === 0);
    await visit(server, { port });
  });

  test('handshakeTimeout: who is slower is dropped', async (t) => {
    const { server, port } = await listening(t, { handshakeTimeout: 50 });
    const refused = once(server, 'refused');
    const wire = await Wire.connect({ port });
    await wire.write('GET / HTTP/1.1\r\n');
    assert.equal((await wire.rest()).length, 0);
    assert.deepEqual((await refused).slice(0, 2), [0, 'too slow']);
    const { client } = await visit(server, { port });
    await elapse(100);
    assert.ok(!client.wire.socket.destroyed && server.streams.size === 1, 'the time is over then');
  });

  test('maxPending: the oldest goes', async (t) => {
    const { server, port } = await listening(t, { maxPending: 2 });
    const reasons: string[] = [];
    server.on('refused', (_, reason) => reasons.push(reason));
    const wires = [];
    for (let i = 0; i < 3; i += 1) {
      wires.push(await Wire.connect({ port }));
      await wires.at(-1)?.write('GET /');
    }
    assert.equal((await wires[0]?.rest())?.length, 0);
    assert.deepEqual(reasons, ['too many handshakes']);
    for (const wire of wires) wire.destroy();
  });
});

test('what is no request, or a page’s, is refused with an answer', async (t) => {
  const { server, port } = await listening(t);
  const refused: number[] = [];
  server.on('refused', (status) => refused.push(status));
  const wire = await Wire.connect({ port });
  await wire.write('SSH-2.0-OpenSSH_9.2\r\n');
  assert.equal((await readResponse(wire)).status, 400);
  assert.equal(await statusOf(port, { Upgrade: 'h2c' }), 426);
  assert.deepEqual(refused, [400, 426]);
});

describe('close()', () => {
  test('tells all clients 1001, and resolves when they are gone', async (t) => {
    const { server, port } = await listening(t);
    const pairs = [];
    for (let i = 0; i < 3; i += 1) pairs.push(await visit(server, { port }));
    const half = await Wire.connect({ port });
    await half.write('GET /');
    let isClosed = false;
    const closing = server.close().then(() => {
      isClosed = true;
    });
    await half.rest().catch(() => undefined);
    for (const { client } of pairs) {
      assert.equal(await client.closed(), 1001);
      assert.ok(!isClosed);
      await client.close(1001);
      client.wire.end();
    }
    await within('close()', closing);
    assert.equal(server.streams.size, 0);
    await assert.rejects(Wire.connect({ port }), { code: 'ECONNREFUSED' });
  });

  test('drops clients that neither answer nor read', async (t) => {
    const { server, port } = await listening(t, { closeTimeout: 200 });
    await visit(server, { port });
    const { stream, client } = await visit(server, { port });
    stream.write(generate(30_000_000));
    await client.wire.filled();
    await within('close()', server.close());
    assert.equal(server.streams.size, 0);
  });

  test('resolves even if a client resets its connection', async (t) => {
    const { server, port } = await listening(t);
    const { client } = await visit(server, { port });
    const closing = server.close();
    await client.closed();
    client.wire.reset();
    await within('close()', closing);
  });

  test('without anything open resolves', async () => {
    const server = new WebSocketServer();
    await server.close();
    await server.close();
  });
});

test('a client that left during its handshake is nobody’s trouble', async (t) => {
  const { server, port } = await listening(t);
  for (const leave of ['end', 'reset'] as const) {
    const wire = await Wire.connect({ port });
    await wire.write('GET / HTTP/1.1\r\nHost: x');
    wire[leave]();
  }
  const client = await WebSocketClient.connect({ port });
  assert.equal(client.response.status, 101);
  assert.equal(server.streams.size, 1);
});
