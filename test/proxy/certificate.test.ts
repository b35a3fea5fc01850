// A certificate that `wsproxy cert` makes, used as a user would: by a server, and by clients that
// verify it.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect, createServer } from 'node:tls';

import { defaultDays, describeCertificate, makeCertificate } from '../../src/proxy/certificate.js';
import { scratch } from '../launcher/run.js';
import { within } from '../support/deadline.js';
import { needsIPv6 } from '../support/kernel.js';
import { requires } from '../support/programs.js';

async function made(t: TestContext, names: string[] = [], days = defaultDays) {
  const file = join(scratch(t), 'self.pem');
  const certificate = await makeCertificate({ file, names, days });
  return { ...certificate, pem: readFileSync(file, 'utf8') };
}

async function secureServer(t: TestContext, pem: string, host: string): Promise<number> {
  const server = createServer({ cert: pem, key: pem }, (socket) => {
    socket.on('error', () => undefined).end('welcome');
  });
  server.on('tlsClientError', () => undefined).listen(0, host);
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

interface Peer {
  port: number;
  host: string;
  /** The name that the certificate must have. */
  name?: string;
  /** The only authority that is trusted. */
  ca: string;
}

async function greeting({ port, host, name = host, ca }: Peer): Promise<string> {
  const server = isIP(name) === 0 ? { servername: name } : {};
  const socket = connect({ port, host, ca, ...server });
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await within('the end of it', once(socket, 'end'));
  assert.ok(socket.authorized);
  return text;
}

test('clients that trust it connect by each of its names, and by no other', async (t) => {
  const { pem: ca } = await made(t, ['desktop.example', '*.office.example', '192.0.2.7']);
  const port = await secureServer(t, ca, '127.0.0.1');
  const local = { port, host: '127.0.0.1', ca };
  assert.equal(await greeting(local), 'welcome');
  for (const name of ['localhost', hostname(), 'desktop.example', 'a.office.example']) {
    assert.equal(await greeting({ ...local, name }), 'welcome', name);
  }
  for (const name of ['other.example', 'x.desktop.example', 'office.example']) {
    await assert.rejects(greeting({ ...local, name }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  }
  const { pem: other } = await made(t);
  await assert.rejects(greeting({ ...local, ca: other }), /self.signed certificate/);
});

test('clients that trust it connect by IPv6', { skip: needsIPv6() }, async (t) => {
  const { pem: ca } = await made(t);
  const port = await secureServer(t, ca, '::1');
  assert.equal(await greeting({ port, host: '::1', ca }), 'welcome');
});

test('it is for this machine and the names that are given, each once', async (t) => {
  const given = [
    'LOCALHOST',
    'bücher.example',
    '2001:DB8::1',
    '::1',
    '::ffff:192.0.2.1',
    'my_host',
  ];
  const { names, pem } = await made(t, given);
  const own = ['localhost', '127.0.0.1', '::1', hostname().toLowerCase()];
  assert.deepEqual(names, [
    ...new Set([...own, 'xn--bcher-kva.example', '2001:db8::1', '::ffff:192.0.2.1', 'my_host']),
  ]);
  const { subjectAltName = '' } = new X509Certificate(pem);
  assert.match(subjectAltName, /DNS:xn--bcher-kva\.example/);
  assert.match(subjectAltName, /IP Address:2001:DB8:0:0:0:0:0:1/i);
  const wrong = ['', '.', 'a b', 'https://x.example', 'x.example:80', 'x.example/y', 'a,b', 'a=b'];
  wrong.push(
    '*',
    '*.*.example',
    'a..b',
    'a.',
    '1234',
    '0x7f.1',
    '-a.example',
    'fe80::1%eth0',
    `${'x'.repeat(64)}.example`,
  );
  for (const name of wrong) {
    await assert.rejects(made(t, [name]), { name: 'LaunchError', code: 'BAD_NAME' }, name);
  }
});

test('it is valid from now on, for no longer than browsers accept', async (t) => {
  const { pem, validUntil } = await made(t);
  const { validFrom, validTo } = new X509Certificate(pem);
  const day = 86_400_000;
  assert.ok(Date.parse(validFrom) <= Date.now());
  assert.ok(Date.parse(validTo) - Date.parse(validFrom) <= 398 * day);
  assert.ok(Math.abs(Date.parse(validTo) - Date.now() - defaultDays * day) < day);
  assert.equal(Math.floor(validUntil.getTime() / 1000), Date.parse(validTo) / 1000);
  const short = new X509Certificate((await made(t, [], 1)).pem);
  assert.ok(Date.parse(short.validTo) < Date.now() + 2 * day);
});

test('it is no authority, and its key signs on the curve P-256', {
  skip: requires('openssl'),
}, async (t) => {
  const { file, pem } = await made(t);
  assert.equal(new X509Certificate(pem).ca, false);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { encoding: 'utf8' });
  const text = openssl('x509', '-in', file, '-noout', '-text');
  for (const part of [
    /Version: 3/,
    /Signature Algorithm: ecdsa-with-SHA256/,
    /NIST CURVE: P-256/,
    /Basic Constraints: critical\s+CA:FALSE/,
    /Key Usage: critical\s+Digital Signature\n/,
    /Extended Key Usage:\s+TLS Web Server Authentication\n/,
    /Subject Alternative Name:\s+DNS:localhost, IP Address:127\.0\.0\.1, IP Address:0:0:0:0:0:0:0:1/,
  ]) {
    assert.match(text, part);
  }
  assert.match(openssl('pkey', '-in', file, '-noout', '-text'), /prime256v1/);
  assert.match(openssl('verify', '-CAfile', file, '-purpose', 'sslserver', file), /: OK/);
});

test('its file is for its owner alone, and replaces another only if that is wanted', async (t) => {
  const folder = scratch(t);
  const file = join(folder, 'self.pem');
  const options = { file, names: [], days: 1 };
  const before = process.umask(0);
  t.after(() => process.umask(before));
  await makeCertificate(options);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const first = readFileSync(file, 'utf8');
  await assert.rejects(makeCertificate(options), {
    name: 'LaunchError',
    code: 'FILE_EXISTS',
    hint: /--force/,
  });
  assert.equal(readFileSync(file, 'utf8'), first);
  await makeCertificate({ ...options, force: true });
  assert.notEqual(readFileSync(file, 'utf8'), first);

  const open = join(folder, 'open.pem');
  writeFileSync(open, 'old', { mode: 0o644 });
  symlinkSync('open.pem', join(folder, 'link.pem'));
  symlinkSync('nowhere', join(folder, 'dangling.pem'));
  await assert.rejects(makeCertificate({ ...options, file: join(folder, 'dangling.pem') }), {
    code: 'FILE_EXISTS',
  });
  await makeCertificate({ ...options, file: join(folder, 'link.pem'), force: true });
  assert.equal(readFileSync(open, 'utf8'), 'old', 'a link is replaced, not what it leads to');
  await makeCertificate({ ...options, file: open, force: true });
  assert.equal(statSync(open).mode & 0o777, 0o600);

  mkdirSync(join(folder, 'folder'));
  for (const [name, force] of [
    ['missing/self.pem', false],
    ['folder', true],
  ] as const) {
    await assert.rejects(makeCertificate({ ...options, file: join(folder, name), force }), {
      name: 'LaunchError',
      code: 'CANNOT_WRITE',
    });
  }
  const left = ['dangling.pem', 'folder', 'link.pem', 'open.pem', 'self.pem'];
  assert.deepEqual(readdirSync(folder).sort(), left);
});

test('its fingerprint is told, and how to use it', async (t) => {
  const certificate = await made(t, ['desktop.example']);
  const text = describeCertificate(certificate);
  assert.match(certificate.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  assert.equal(new X509Certificate(certificate.pem).fingerprint256, certificate.fingerprint);
  assert.ok(text.includes(certificate.fingerprint));
  assert.match(text, /desktop\.example/);
  assert.match(text, new RegExp(`wsproxy --cert ${certificate.file} `));
  assert.doesNotMatch(text, /PRIVATE KEY/);
});
