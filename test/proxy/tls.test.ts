// TLS on the port that speaks everything else too: what it takes to start, who gets in, and that the
// end of a connection is never a truncation.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { makeCertificate } from '../../src/proxy/certificate.js';
import { scratch } from '../launcher/run.js';
import { readResponse, requestText, WebSocketClient } from '../support/client.js';
import { eventually, within } from '../support/deadline.js';
import { closeFrame } from '../support/frame.js';
import { generate, summary } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { Wire } from '../support/wire.js';
import { Authority } from './authority.js';
import { WsProxy } from './proxy.js';
import { get } from './raw-http.js';
import { secureClient, secureSocket, secureWire } from './secure-wire.js';
import { echoServer, targetServer } from './target.js';

const skip = requires('openssl');

async function selfSigned(folder: string, name = 'self.pem', force = false): Promise<string> {
  const file = join(folder, name);
  await makeCertificate({ file, names: [], days: 30, force });
  return file;
}

/** A proxy with a new certificate in front of an echo server. */
async function secureProxy(t: TestContext, ...options: (string | number)[]): Promise<WsProxy> {
  const cert = await selfSigned(scratch(t));
  const target = await echoServer(t);
  return WsProxy.start(t, ['--cert', cert, ...options, 0, `127.0.0.1:${target.port}`]);
}

async function assertEchoes(client: WebSocketClient): Promise<void> {
  await client.send('hello');
  assert.equal((await client.receive(5)).toString(), 'hello');
}

async function page(port: number): Promise<string> {
  const asking = request({ port, host: '127.0.0.1', rejectUnauthorized: false, agent: false });
  const [response] = await within('an answer', once(asking.end(), 'response'));
  let text = '';
  for await (const chunk of response) text += chunk;
  return `${response.statusCode} ${text}`;
}

test('one port speaks ws, wss, http, https and Flash; self.pem is found', async (t) => {
  const folder = scratch(t);
  await selfSigned(folder);
  writeFileSync(join(folder, 'index.html'), 'a page');
  const target = await echoServer(t);
  const options = { cwd: folder };
  const proxy = await WsProxy.start(t, ['--web', '.', 0, `127.0.0.1:${target.port}`], options);
  const { port } = proxy;
  const clients = [await WebSocketClient.connect({ port }), await secureClient({ port })];
  for (const client of clients) await assertEchoes(client);
  assert.equal((await get(port, '/')).body.toString(), 'a page');
  assert.equal(await page(port), '200 a page');
  const flash = await Wire.connect({ port });
  await flash.write('<policy-file-request/>\0');
  assert.match((await flash.rest()).toString(), /^<cross-domain-policy>/);
  for (const client of clients) client.wire.destroy();
  await proxy.logged(/\(rfc6455, binary\)/);
  await proxy.logged(/\(rfc6455, binary, TLS\)/);
});

describe('certificate and key', { skip }, () => {
  const openssl = (...words: string[]) => execFileSync('openssl', words, { stdio: 'pipe' });

  function locked(folder: string, key: string): string {
    const file = join(folder, 'locked.key');
    openssl('pkey', '-in', key, '-aes256', '-passout', 'pass:opensesame', '-out', file);
    return file;
  }

  function refused(
    t: TestContext,
    words: string[],
    env: Record<string, string> = {},
  ): Promise<string> {
    return WsProxy.refusal(t, [...words, 0, 'localhost:1'], { env });
  }

  async function assertServes(
    t: TestContext,
    words: string[],
    cert: string,
    env: Record<string, string> = {},
  ): Promise<void> {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [...words, 0, `127.0.0.1:${target.port}`], { env });
    const client = await secureClient({ port: proxy.port, ca: readFileSync(cert) });
    await assertEchoes(client);
    client.wire.destroy();
  }

  test('may be in one file, in either order', async (t) => {
    const folder = scratch(t);
    const { cert, key } = Authority.make(folder, 'server').issue('leaf');
    const ca = join(folder, 'server.pem');
    for (const files of [
      [cert, key],
      [key, cert],
    ]) {
      const both = join(folder, 'both.pem');
      writeFileSync(both, files.map((file) => readFileSync(file, 'utf8')).join(''));
      await assertServes(t, ['--cert', both], ca);
    }
  });

  test('may be in two files', async (t) => {
    const authority = Authority.make(scratch(t), 'ca');
    const { cert, key } = authority.issue('leaf');
    await assertServes(t, ['-c', cert, '-k', key], authority.cert);
  });

  test('may need a passphrase, from a file or the environment', async (t) => {
    const folder = scratch(t);
    const authority = Authority.make(folder, 'ca');
    const { cert, key } = authority.issue('leaf');
    const words = ['--cert', cert, '--key', locked(folder, key)];
    const file = join(folder, 'passphrase');
    writeFileSync(file, 'opensesame\n');
    await assertServes(t, [...words, '--key-password-file', file], authority.cert);
    await assertServes(t, words, authority.cert, { WSPROXY_KEY_PASSWORD: 'opensesame' });
  });

  test('that cannot be used are explained, with status 125', async (t) => {
    const folder = scratch(t);
    const authority = Authority.make(folder, 'ca');
    const { cert, key } = authority.issue('leaf');
    const lock = locked(folder, key);
    const words = ['--cert', cert, '--key'];
    assert.match(await refused(t, [...words, lock]), /passphrase: give --key-password-file/);
    const wrong = { WSPROXY_KEY_PASSWORD: 'wrong' };
    assert.match(await refused(t, [...words, lock], wrong), /passphrase .*wrong/);
    assert.match(await refused(t, [...words, authority.key]), /belong together/);
    assert.match(
      await refused(t, [...words, join(folder, 'none')]),
      /none: cannot be read \(ENOENT\)/,
    );
    assert.match(await refused(t, ['--cert', cert]), /one file may hold both/);
    const garbage = join(folder, 'garbage');
    writeFileSync(garbage, 'garbage');
    assert.match(await refused(t, ['--cert', garbage]), /no usable certificate/);
    const pair = [...words, key];
    assert.match(await refused(t, [...pair, '--ssl-ciphers', 'NONESUCH']), /--ssl-ciphers/);
    const verify = [...pair, '--verify-client', '--cafile'];
    assert.match(await refused(t, [...verify, garbage]), /garbage: .*certificate/);
    assert.match(await refused(t, [...verify, join(folder, 'none')]), /none: cannot be read/);
    const secure = [...pair, '--ssl-target', '--target-cafile'];
    assert.match(await refused(t, [...secure, join(folder, 'none')]), /none: cannot be read/);
    assert.match(await refused(t, [...secure, garbage]), /garbage: .*certificate/);
    assert.match(await refused(t, ['--ssl-only']), /--ssl-only needs a certificate/);
  });
});

describe('who gets in', () => {
  test('with --ssl-only nobody without TLS', async (t) => {
    const proxy = await secureProxy(t, '--ssl-only');
    const { port } = proxy;
    for (const text of [requestText({ port }), '<policy-file-request/>\0', 'SSH-2.0-x\r\n']) {
      const wire = await Wire.connect({ port });
      await wire.write(text);
      assert.match(
        (await wire.rest()).toString('latin1'),
        /^HTTP\/1\.1 403 [\s\S]*TLS only: use wss:/,
      );
    }
    const client = await secureClient({ port });
    await assertEchoes(client);
    client.wire.destroy();
  });

  test('without a certificate nobody with TLS, and it is said why', async (t) => {
    const target = await targetServer(t);
    const options = { cwd: scratch(t) };
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`], options);
    await assert.rejects(secureSocket({ port: proxy.port }));
    await proxy.logged(/it speaks TLS, and there is no certificate: give --cert FILE/);
    // The hello of SSL version 2, with which old clients of TLS begin.
    const old = await Wire.connect({ port: proxy.port });
    await old.write(Buffer.from('802e0100020015000000100100800200', 'hex'));
    await old.rest().catch(() => undefined);
    await eventually('both were told of', () => proxy.stderr.split('give --cert').length === 3);
  });

  test('TLS 1.2 and 1.3, nothing older', async (t) => {
    const { port } = await secureProxy(t);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const socket = await secureSocket({ port, minVersion: version, maxVersion: version });
      assert.equal(socket.getProtocol(), version);
      socket.destroy();
    }
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const;
    await assert.rejects(
      secureSocket({ port, ...old, ciphers: 'ALL:@SECLEVEL=0' }),
      /alert|version/,
    );
  });

  test('with --ssl-version tlsv1_3 only that', async (t) => {
    const { port } = await secureProxy(t, '--ssl-version', 'tlsv1_3');
    await assert.rejects(secureSocket({ port, maxVersion: 'TLSv1.2' }), /alert|version/);
    (await secureSocket({ port })).destroy();
  });

  test('with --ssl-ciphers only who has one of them', async (t) => {
    const cipher = 'ECDHE-ECDSA-AES256-GCM-SHA384';
    const { port } = await secureProxy(t, '--ssl-ciphers', cipher);
    const maxVersion = 'TLSv1.2' as const;
    const socket = await secureSocket({ port, maxVersion });
    assert.equal(socket.getCipher().name, cipher);
    socket.destroy();
    const other = { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion };
    await assert.rejects(secureSocket({ port, ...other }), /handshake failure/);
  });

  test('no HTTP/2: ALPN answers http/1.1', async (t) => {
    const { port } = await secureProxy(t);
    const socket = await secureSocket({ port, ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal(socket.alpnProtocol, 'http/1.1');
    socket.destroy();
    await assert.rejects(secureSocket({ port, ALPNProtocols: ['h2'] }), /alert/);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`with --verify-client whose certificate --cafile signed (${version})`, {
      skip,
    }, async (t) => {
      const folder = scratch(t);
      const authority = Authority.make(folder, 'ca');
      const friend = authority.issue('friend');
      const stranger = Authority.make(folder, 'other').issue('stranger');
      const proxy = await secureProxy(t, '--verify-client', '--cafile', authority.cert);
      const attempt = (files?: { cert: string; key: string }) =>
        secureClient({
          port: proxy.port,
          maxVersion: version,
          ...(files && { cert: readFileSync(files.cert), key: readFileSync(files.key) }),
        });
      const client = await attempt(friend);
      await assertEchoes(client);
      client.wire.destroy();
      await assert.rejects(attempt(stranger));
      await assert.rejects(attempt());
      await eventually('both were refused', () => proxy.stderr.split('TLS failed').length === 3);
      assert.equal(proxy.stderr.split('opened, path').length, 2);
    });
  }
});

describe('SIGHUP', { skip }, () => {
  for (const workers of [[], ['--workers', 2]]) {
    test(`changes the certificate for new connections (${workers.join(' ') || 'no workers'})`, async (t) => {
      const folder = scratch(t);
      const cert = await selfSigned(folder);
      const target = await echoServer(t);
      const proxy = await WsProxy.start(t, [
        ...['--cert', cert, ...workers, 0, `127.0.0.1:${target.port}`],
      ]);
      const { port } = proxy;
      const fingerprint = async () => {
        const socket = await secureSocket({ port });
        const { fingerprint256 } = socket.getPeerCertificate();
        socket.destroy();
        return fingerprint256;
      };
      const first = await fingerprint();
      const before = await secureClient({ port });
      await assertEchoes(before);

      await selfSigned(folder, 'self.pem', true);
      proxy.kill('SIGHUP');
      await proxy.logged(/the certificate was read again/);
      const second = await fingerprint();
      assert.notEqual(second, first);
      assert.equal(await fingerprint(), second, 'in the other worker, too');
      await assertEchoes(before);

      copyFileSync(cert, `${cert}.good`);
      writeFileSync(cert, 'half a certif');
      proxy.kill('SIGHUP');
      await proxy.logged(/the certificate stays the old one: .*no usable certificate/);
      assert.equal(await fingerprint(), second);
      await assertEchoes(before);
      before.wire.destroy();
    });
  }
});

describe('the end', () => {
  test('is a Close frame, then close_notify: no truncation', async (t) => {
    const target = await targetServer(t);
    const cert = await selfSigned(scratch(t));
    const proxy = await WsProxy.start(t, ['--cert', cert, 0, `127.0.0.1:${target.port}`]);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const client = await secureClient({ port: proxy.port, maxVersion: version });
      const server = await target.next();
      await server.write('goodbye');
      server.end();
      assert.equal((await client.rest()).toString(), 'goodbye');
      assert.equal(client.reader.closeCode, 1000);
      await client.close(1000);
      // A FIN without close_notify would be an error here.
      await client.ended();
      client.wire.destroy();
    }
  });

  test('of the client is one for the target, which may go on', async (t) => {
    const target = await targetServer(t);
    const cert = await selfSigned(scratch(t));
    const proxy = await WsProxy.start(t, ['--cert', cert, 0, `127.0.0.1:${target.port}`]);
    const client = await secureClient({ port: proxy.port });
    const server = await target.next();
    await client.send('last words');
    await client.close(1000);
    assert.equal((await server.rest()).toString(), 'last words');
    const much = generate(2_000_000);
    await server.write(much);
    server.end();
    assert.equal(summary(await client.rest()), summary(much));
    await client.ended();
    client.wire.destroy();
  });

  test('by close_notify alone is an end as well', async (t) => {
    const target = await targetServer(t);
    const cert = await selfSigned(scratch(t));
    const proxy = await WsProxy.start(t, ['--cert', cert, 0, `127.0.0.1:${target.port}`]);
    const client = await secureClient({ port: proxy.port });
    const server = await target.next();
    await client.send('whole');
    client.wire.end();
    assert.equal((await server.rest()).toString(), 'whole');
    server.end();
    assert.equal(await client.closed(), 1000);
    client.wire.destroy();
  });

  test('of a refused client comes after the reason', async (t) => {
    const proxy = await secureProxy(t, '--path', '/vnc');
    await assert.rejects(secureClient({ port: proxy.port }, '/other'), /refused with 404/);
  });

  test('of a client that is gone is logged', async (t) => {
    const proxy = await secureProxy(t);
    const raw = await Wire.connect({ port: proxy.port });
    const client = await secureClient({ port: proxy.port, socket: raw.socket });
    await assertEchoes(client);
    raw.reset();
    await proxy.logged(/reset by the client/);
  });
});

test('30 MB in both directions at once', async (t) => {
  const proxy = await secureProxy(t);
  const client = await secureClient({ port: proxy.port });
  const piece = generate(1_000_000);
  const sending = (async () => {
    for (let i = 0; i < 30; i += 1) await client.send(piece);
    await client.close(1000);
  })();
  for (let i = 0; i < 30; i += 1) {
    assert.ok((await client.receive(piece.length)).equals(piece), `megabyte ${i}`);
  }
  await sending;
  assert.equal(await client.closed(), 1000);
  await client.ended();
});

test('what comes along with the handshake is not lost', async (t) => {
  const target = await targetServer(t);
  const cert = await selfSigned(scratch(t));
  const proxy = await WsProxy.start(t, ['--cert', cert, 0, `127.0.0.1:${target.port}`]);
  const wire = await secureWire({ port: proxy.port });
  const head = Buffer.from(requestText({ port: proxy.port }));
  await wire.write(Buffer.concat([head, closeFrame(3000)]));
  assert.equal((await readResponse(wire)).status, 101);
  assert.equal((await (await target.next()).rest()).length, 0);
  wire.destroy();
});

describe('the time for a handshake', () => {
  test('is that for TLS, too', async (t) => {
    const proxy = await secureProxy(t, '--handshake-timeout', 1.5);
    const wire = await Wire.connect({ port: proxy.port });
    await wire.write(Buffer.of(0x16, 3, 1, 0, 200));
    await wire.rest().catch(() => undefined);
    await proxy.logged(/dropped: too slow/);
    assert.doesNotMatch(proxy.stderr, /TLS failed/, 'it is told once');
  });

  test('goes on when TLS is there', async (t) => {
    const proxy = await secureProxy(t, '--handshake-timeout', 1.5);
    const start = performance.now();
    const wire = await secureWire({ port: proxy.port });
    await wire.write('GET / HTTP/1.1\r\n');
    await wire.rest().catch(() => undefined);
    await proxy.logged(/dropped: too slow/);
    assert.ok(performance.now() - start > 1000);
  });
});

test('a Hixie-76 client is told wss:// as its location', async (t) => {
  const { port } = await secureProxy(t);
  const wire = await secureWire({ port });
  const head = requestText(
    { port },
    {
      path: '/demo',
      headers: {
        Origin: `https://127.0.0.1:${port}`,
        'Sec-WebSocket-Key': undefined,
        'Sec-WebSocket-Version': undefined,
        'Sec-WebSocket-Key1': '4 @1  46546xW%0l 1 5',
        'Sec-WebSocket-Key2': '12998 5 Y3 1  .P00',
      },
    },
  );
  await wire.write(Buffer.from(`${head}^n:ds[4U`, 'latin1'));
  const { headers } = await readResponse(wire);
  assert.equal(headers.get('sec-websocket-location'), `wss://127.0.0.1:${port}/demo`);
  wire.destroy();
});

test('clients of a Unix socket are not mistaken for each other', async (t) => {
  const folder = scratch(t);
  const cert = await selfSigned(folder);
  const path = join(folder, 'socket');
  const target = await echoServer(t);
  const proxy = await WsProxy.start(t, [
    ...['--cert', cert, '--handshake-timeout', 2, `unix:${path}`, `127.0.0.1:${target.port}`],
  ]);
  // The first one never completes its handshake.
  const slow = connect({ path });
  slow.on('error', () => undefined).resume();
  await once(slow, 'connect');
  slow.write(Buffer.of(0x16, 3, 1, 0, 200));
  const client = await secureClient({ port: 0, path });
  await assertEchoes(client);
  await within('the end of the slow one', once(slow, 'close'));
  await proxy.logged(/#1 unix dropped: too slow/);
  await assertEchoes(client);
  client.wire.destroy();
});
