// The way to the target: who is trusted, which addresses are tried, what it is told of the client, and
// what happens when it does not answer. The other end of it, too: where the proxy listens.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo, Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { createServer } from 'node:tls';

import { makeCertificate } from '../../src/proxy/certificate.js';
import { scratch } from '../launcher/run.js';
import { WebSocketClient } from '../support/client.js';
import { eventually } from '../support/deadline.js';
import { needsIPv6, openSockets } from '../support/kernel.js';
import { generate, summary } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { Wire } from '../support/wire.js';
import { Authority, type Issued } from './authority.js';
import { deafPort } from './deaf-port.js';
import { cannotReplaceEtc, withEtcFile } from './etc-file.js';
import { WsProxy } from './proxy.js';
import { echoServer, targetServer } from './target.js';
import { unixClient } from './unix-client.js';

async function assertEchoes(client: WebSocketClient): Promise<void> {
  await client.send('hello');
  assert.equal((await client.receive(5)).toString(), 'hello');
}

/** Connects a client and expects it to be told why there is no target. */
async function assertNoTarget(proxy: WsProxy, reason: string, logged: RegExp): Promise<void> {
  const client = await WebSocketClient.connect({ port: proxy.port });
  assert.equal(await client.closed(), 1011);
  assert.equal(client.reader.closeReason, reason);
  await proxy.logged(logged);
  client.wire.destroy();
}

describe('--ssl-target', { skip: requires('openssl') }, () => {
  interface SecureTarget {
    port: number;
    authority: Authority;
    sockets: Socket[];
  }

  async function secureTarget(
    t: TestContext,
    names?: string,
    serve: (socket: Socket) => void = (socket) => socket.pipe(socket),
    files?: Issued,
  ): Promise<SecureTarget> {
    const authority = Authority.make(scratch(t), 'ca');
    const { cert, key } = files ?? authority.issue('target', names);
    const sockets: Socket[] = [];
    const options = { cert: readFileSync(cert), key: readFileSync(key) };
    const server = createServer({ ...options, allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      serve(socket.on('error', () => undefined));
    });
    server.on('tlsClientError', () => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return { port: (server.address() as AddressInfo).port, authority, sockets };
  }

  test('does not trust a certificate that nobody has signed', async (t) => {
    const file = join(scratch(t), 'self.pem');
    await makeCertificate({ file, names: [], days: 1 });
    const { port } = await secureTarget(t, undefined, undefined, { cert: file, key: file });
    const proxy = await WsProxy.start(t, ['--ssl-target', 0, `localhost:${port}`]);
    const reason = 'the target cannot be connected to';
    await assertNoTarget(proxy, reason, /no connection to localhost:\d+: self-signed certificate/);
  });

  test('trusts what --target-cafile says, by name and by address', async (t) => {
    const { port, authority } = await secureTarget(t);
    for (const host of ['localhost', '127.0.0.1']) {
      const words = ['--ssl-target', '--target-cafile', authority.cert];
      const proxy = await WsProxy.start(t, [...words, 0, `${host}:${port}`]);
      const client = await WebSocketClient.connect({ port: proxy.port });
      await assertEchoes(client);
      client.wire.destroy();
    }
  });

  test('does not trust a certificate for another name', async (t) => {
    const { port, authority } = await secureTarget(t, 'DNS:other.example');
    const words = ['--ssl-target', '--target-cafile', authority.cert];
    const proxy = await WsProxy.start(t, [...words, 0, `localhost:${port}`]);
    const logged = /no connection to localhost:\d+: .*localhost.* not .*altnames/i;
    await assertNoTarget(proxy, 'the target cannot be connected to', logged);
  });

  test('trusts anything with --target-insecure', async (t) => {
    const { port } = await secureTarget(t, 'DNS:other.example');
    const words = ['--ssl-target', '--target-insecure'];
    const proxy = await WsProxy.start(t, [...words, 0, `localhost:${port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    await assertEchoes(client);
    client.wire.destroy();
  });

  test('fails where no TLS is spoken, and in time where nothing is', async (t) => {
    const plain = await targetServer(t, (socket) => socket.end('SSH-2.0-OpenSSH\r\n'));
    const mute = await targetServer(t, (socket) => void socket.resume());
    const reason = 'the target cannot be connected to';
    const words = ['--ssl-target', '--connect-timeout', 1];
    const first = await WsProxy.start(t, [...words, 0, `localhost:${plain.port}`]);
    await assertNoTarget(first, reason, /no connection to localhost/);
    const second = await WsProxy.start(t, [...words, 0, `localhost:${mute.port}`]);
    await assertNoTarget(second, 'the target does not answer', /no answer in time/);
    const [socket] = mute.sockets;
    await eventually('it is closed', () => socket?.readableEnded ?? false);
  });

  test('takes large transfers, and each end for itself', async (t) => {
    const much = generate(5_000_000);
    const received: Buffer[] = [];
    const { port, authority } = await secureTarget(t, undefined, (socket) => {
      socket.on('data', (chunk: Buffer) => received.push(chunk)).on('end', () => socket.end(much));
    });
    const words = ['--ssl-target', '--target-cafile', authority.cert];
    const proxy = await WsProxy.start(t, [...words, 0, `localhost:${port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    await client.send(much);
    await client.close(1000);
    assert.equal(summary(await client.rest()), summary(much));
    assert.equal(summary(Buffer.concat(received)), summary(much));
    await client.ended();
  });

  test('that breaks is 1011, and the proxy goes on', async (t) => {
    const { port, authority, sockets } = await secureTarget(t);
    const words = ['--ssl-target', '--target-cafile', authority.cert];
    const proxy = await WsProxy.start(t, [...words, 0, `localhost:${port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    await assertEchoes(client);
    // TLS without close_notify.
    sockets[0]?.destroy();
    assert.match(String(await client.closed()), /^(?:1000|1011)$/);
    client.wire.destroy();
    const next = await WebSocketClient.connect({ port: proxy.port });
    await assertEchoes(next);
    next.wire.destroy();
  });
});

describe('a host name', () => {
  test('leads to its address', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [0, `localhost:${target.port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    await assertEchoes(client);
    client.wire.destroy();
  });

  for (const host of ['127.0.0.1', '::1']) {
    const skip = needsIPv6() || cannotReplaceEtc();
    test(`leads to each of its addresses: a server on ${host} alone`, { skip }, async (t) => {
      const hosts = join(scratch(t), 'hosts');
      writeFileSync(hosts, '127.0.0.1 both.example\n::1 both.example\n');
      const serve = (socket: Socket) => void socket.pipe(socket);
      const target = await targetServer(t, serve, { port: 0, host });
      const prefix = withEtcFile('/etc/hosts', hosts);
      const proxy = await WsProxy.start(t, [0, `both.example:${target.port}`], { prefix });
      const client = await WebSocketClient.connect({ port: proxy.port });
      await assertEchoes(client);
      client.wire.destroy();
    });
  }

  test('is not waited for longer than --connect-timeout', {
    skip: cannotReplaceEtc(),
  }, async (t) => {
    const resolver = join(scratch(t), 'resolv.conf');
    // It hears every question.
    const mute = createSocket('udp4').bind(53, '127.77.0.53');
    await once(mute, 'listening');
    t.after(() => mute.close());
    writeFileSync(resolver, 'nameserver 127.77.0.53\noptions timeout:15 attempts:1\n');
    const prefix = withEtcFile('/etc/resolv.conf', resolver);
    const words = ['--connect-timeout', 1, 0, 'slow.example:1'];
    const proxy = await WsProxy.start(t, words, { prefix });
    const start = performance.now();
    await assertNoTarget(proxy, 'the target does not answer', /no answer in time/);
    assert.ok(performance.now() - start < 10_000);
  });

  test('that has no address is told so', async (t) => {
    const proxy = await WsProxy.start(t, [0, 'nonesuch.invalid:1']);
    const logged = /no connection to nonesuch\.invalid:1: .*(?:ENOTFOUND|EAI_AGAIN)/;
    await assertNoTarget(proxy, 'the target has no address', logged);
  });
});

describe('a Unix socket', () => {
  test('may be the target', async (t) => {
    const path = join(scratch(t), 'target');
    await targetServer(t, (socket) => void socket.pipe(socket), { path });
    const proxy = await WsProxy.start(t, [0, `unix:${path}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    await assertEchoes(client);
    client.wire.destroy();
  });

  test('that nobody listens on is a target that refuses', async (t) => {
    const path = join(scratch(t), 'none');
    const proxy = await WsProxy.start(t, [0, `unix:${path}`]);
    await assertNoTarget(proxy, 'the target refuses connections', /no connection to unix:.*ENOENT/);
  });

  test('may be the source: for its owner alone, and gone at the end', async (t) => {
    const path = join(scratch(t), 'source');
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [`unix:${path}`, `127.0.0.1:${target.port}`]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    const client = await unixClient(path);
    await assertEchoes(client);
    await proxy.logged(/#1 unix opened/);
    client.wire.destroy();
    proxy.kill('SIGTERM');
    assert.equal((await proxy.exit()).code, 0);
    assert.ok(!existsSync(path));
  });

  test('has the permissions of --unix-listen-mode', async (t) => {
    const path = join(scratch(t), 'source');
    const words = ['--unix-listen-mode', '660', `unix:${path}`, 'localhost:1'];
    await WsProxy.start(t, words);
    assert.equal(statSync(path).mode & 0o777, 0o660);
  });

  test('that a killed proxy has left is replaced', async (t) => {
    const path = join(scratch(t), 'source');
    const target = await echoServer(t);
    const words = [`unix:${path}`, `127.0.0.1:${target.port}`];
    const first = await WsProxy.start(t, words);
    first.kill('SIGKILL');
    await first.exit();
    assert.ok(existsSync(path));
    await WsProxy.start(t, words);
    const client = await unixClient(path);
    await assertEchoes(client);
    client.wire.destroy();
  });

  test('that somebody listens on is left alone', async (t) => {
    const path = join(scratch(t), 'source');
    const target = await echoServer(t);
    const words = [`unix:${path}`, `127.0.0.1:${target.port}`];
    await WsProxy.start(t, words);
    assert.match(await WsProxy.refusal(t, words), /cannot listen on unix:.*: somebody else does/);
    const client = await unixClient(path);
    await assertEchoes(client);
    client.wire.destroy();
  });

  test('is never made of a file that is something else', async (t) => {
    const path = join(scratch(t), 'source');
    writeFileSync(path, 'precious');
    const message = await WsProxy.refusal(t, [`unix:${path}`, 'localhost:1']);
    assert.match(message, /cannot listen on unix:.*: .*no socket/);
    assert.equal(readFileSync(path, 'utf8'), 'precious');
  });
});

describe('the source', () => {
  test('on port 0 takes a free one, and tells which', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    assert.ok(proxy.port > 0);
    const client = await WebSocketClient.connect({ port: proxy.port });
    client.wire.destroy();
  });

  test('with an address listens only there', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, ['127.0.0.1:0', `127.0.0.1:${target.port}`]);
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ family, internal }) => family === 'IPv4' && !internal)
      .map(({ address }) => address);
    for (const host of ['127.0.0.2', ...others]) {
      await assert.rejects(Wire.connect({ port: proxy.port, host }), /ECONNREFUSED/, host);
    }
    (await WebSocketClient.connect({ port: proxy.port })).wire.destroy();
  });

  test('may be IPv6, and the target, too', { skip: needsIPv6() }, async (t) => {
    const serve = (socket: Socket) => void socket.pipe(socket);
    const target = await targetServer(t, serve, { port: 0, host: '::1' });
    const proxy = await WsProxy.start(t, ['[::1]:0', `[::1]:${target.port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port, host: '::1' });
    await assertEchoes(client);
    await proxy.logged(/#1 \[::1\]:\d+ opened/);
    await assert.rejects(Wire.connect({ port: proxy.port }), /ECONNREFUSED/);
    client.wire.destroy();
  });

  test('without an address listens on all of both families', { skip: needsIPv6() }, async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    for (const host of ['127.0.0.1', '::1', '127.0.0.2']) {
      const client = await WebSocketClient.connect({ port: proxy.port, host });
      await assertEchoes(client);
      client.wire.destroy();
    }
    await proxy.logged(/#1 127\.0\.0\.1:\d+ opened/);
  });

  test('that is taken is told', async (t) => {
    const target = await echoServer(t);
    const message = await WsProxy.refusal(t, [`127.0.0.1:${target.port}`, 'localhost:1']);
    assert.match(message, /cannot listen on 127\.0\.0\.1:\d+: somebody else does/);
  });
});

describe('a target that does not answer', () => {
  test('is given up after --connect-timeout, with 1011', async (t) => {
    const port = await deafPort(t);
    const proxy = await WsProxy.start(t, ['--connect-timeout', 1, 0, `127.0.0.1:${port}`]);
    const start = performance.now();
    await assertNoTarget(proxy, 'the target does not answer', /no answer in time/);
    assert.ok(performance.now() - start > 900);
  });

  test('is left when the client leaves', async (t) => {
    const port = await deafPort(t);
    const proxy = await WsProxy.start(t, ['--connect-timeout', 60, 0, `127.0.0.1:${port}`]);
    const before = openSockets(proxy.pid).length;
    const client = await WebSocketClient.connect({ port: proxy.port });
    await eventually('it connects', () => openSockets(proxy.pid).length === before + 2);
    client.wire.reset();
    await eventually('nothing is left', () => openSockets(proxy.pid).length === before);
  });
});

describe('the PROXY protocol', () => {
  const signature = '0d0a0d0a000d0a515549540a';

  /** What the target gets of a client that sends `hello`, and the client's own port. */
  async function received(
    t: TestContext,
    version: 1 | 2,
    host: '127.0.0.1' | '::1' | 'unix',
  ): Promise<{ header: Buffer; local: number; remote: number }> {
    const target = await targetServer(t);
    const path = join(scratch(t), 'source');
    const source = { '127.0.0.1': '127.0.0.1:0', '::1': '[::1]:0', unix: `unix:${path}` }[host];
    const words = ['--proxy-protocol', version, source, `127.0.0.1:${target.port}`];
    const proxy = await WsProxy.start(t, words);
    const client =
      host === 'unix'
        ? await unixClient(path)
        : await WebSocketClient.connect({ port: proxy.port, host });
    const { localPort: remote = 0 } = client.wire.socket;
    await client.send('hello');
    await client.close(1000);
    const bytes = await (await target.next()).rest();
    client.wire.destroy();
    assert.equal(bytes.subarray(-5).toString(), 'hello');
    return { header: bytes.subarray(0, -5), local: proxy.port, remote };
  }

  function portHex(...ports: number[]): string {
    return ports.map((port) => port.toString(16).padStart(4, '0')).join('');
  }

  test('version 1 tells IPv4 addresses', async (t) => {
    const { header, local, remote } = await received(t, 1, '127.0.0.1');
    assert.equal(header.toString(), `PROXY TCP4 127.0.0.1 127.0.0.1 ${remote} ${local}\r\n`);
  });

  test('version 2 tells IPv4 addresses', async (t) => {
    const { header, local, remote } = await received(t, 2, '127.0.0.1');
    const addresses = `7f0000017f000001${portHex(remote, local)}`;
    assert.equal(header.toString('hex'), `${signature}2111000c${addresses}`);
  });

  test('version 1 tells IPv6 addresses', { skip: needsIPv6() }, async (t) => {
    const { header, local, remote } = await received(t, 1, '::1');
    assert.equal(header.toString(), `PROXY TCP6 ::1 ::1 ${remote} ${local}\r\n`);
  });

  test('version 2 tells IPv6 addresses', { skip: needsIPv6() }, async (t) => {
    const { header, local, remote } = await received(t, 2, '::1');
    const one = `${'0'.repeat(31)}1`;
    const addresses = `${one}${one}${portHex(remote, local)}`;
    assert.equal(header.toString('hex'), `${signature}21210024${addresses}`);
  });

  test('tells of no address where there is none', async (t) => {
    assert.equal((await received(t, 1, 'unix')).header.toString(), 'PROXY UNKNOWN\r\n');
    assert.equal((await received(t, 2, 'unix')).header.toString('hex'), `${signature}20000000`);
  });

  test('speaks before TLS does', async (t) => {
    const target = await targetServer(t);
    const words = ['--proxy-protocol', 1, '--ssl-target', '--target-insecure'];
    const proxy = await WsProxy.start(t, [...words, 0, `127.0.0.1:${target.port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    const server = await target.next();
    let bytes = Buffer.alloc(0);
    while (bytes.indexOf('\r\n') < 0 || bytes.at(-1) === 0x0a) {
      bytes = Buffer.concat([bytes, (await server.chunk()) ?? assert.fail('it left')]);
    }
    const end = bytes.indexOf('\r\n') + 2;
    assert.match(
      bytes.toString('latin1', 0, end),
      /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n$/,
    );
    assert.equal(bytes[end], 0x16);
    server.destroy();
    client.wire.destroy();
  });

  test('speaks where the client says nothing', async (t) => {
    const target = await targetServer(t);
    const words = ['--proxy-protocol', 1, 0, `127.0.0.1:${target.port}`];
    const proxy = await WsProxy.start(t, words);
    const client = await WebSocketClient.connect({ port: proxy.port });
    const header = await (await target.next()).chunk();
    assert.match(String(header), /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n$/);
    client.wire.destroy();
  });
});
