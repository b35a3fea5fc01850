// Who may tell the proxy where the server is: whoever has the key, in one short line.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';

import { formatAddress } from '../../src/proxy/address.js';
import { ReportChannel } from '../../src/proxy/report-channel.js';
import { scratch } from '../launcher/run.js';
import { within } from '../support/deadline.js';
import { memoryLog } from './log.js';

async function open(t: TestContext) {
  const { log, messages } = memoryLog();
  const channel = await ReportChannel.open(log);
  t.after(() => channel.close());
  const { WSWRAP_MOVE_REPORT: path, WSWRAP_MOVE_KEY: key } = channel.variables;
  // Writes, and waits until the channel has had enough.
  const tell = async (text: string) => {
    const socket = connect(path);
    socket.on('error', () => undefined);
    socket.write(text);
    socket.resume();
    await within('the end of the report', once(socket, 'close'));
  };
  const addresses = () => channel.addresses.map(formatAddress);
  return { channel, path, key, tell, addresses, messages };
}

test('an address comes with the key', async (t) => {
  const { key, tell, addresses } = await open(t);
  assert.deepEqual(addresses(), []);
  await tell(`${key} 127.0.0.1 4001 17\n`);
  await tell(`${key} ::1 4002 17\n`);
  assert.deepEqual(addresses(), ['[::1]:4002', '127.0.0.1:4001']);
});

test('an address that is told again becomes the newest, and eight are kept', async (t) => {
  const { key, tell, addresses } = await open(t);
  for (let port = 4001; port <= 4009; port += 1) await tell(`${key} 127.0.0.1 ${port} 17\n`);
  await tell(`${key} 127.0.0.1 4005 17\n`);
  const ports = [4005, 4009, 4008, 4007, 4006, 4004, 4003, 4002];
  assert.deepEqual(
    addresses(),
    ports.map((port) => `127.0.0.1:${port}`),
  );
});

test('a report in pieces is one', async (t) => {
  const { path, key, addresses } = await open(t);
  const socket = connect(path);
  socket.setNoDelay(true).resume();
  for (const piece of [key.slice(0, 5), key.slice(5), ' 127.0.0.1 40', '01 17\n']) {
    await new Promise((resolve) => socket.write(piece, resolve));
  }
  await within('the end of the report', once(socket, 'close'));
  assert.deepEqual(addresses(), ['127.0.0.1:4001']);
});

for (const [what, line] of [
  [
    'the wrong key',
    (key: string) => `${key.replace(/.$/, (c) => (c === '0' ? '1' : '0'))} 127.0.0.1 4001 17\n`,
  ],
  ['a part of the key', (key: string) => `${key.slice(1)} 127.0.0.1 4001 17\n`],
  ['no key', () => '127.0.0.1 4001 17\n'],
  ['an address elsewhere', (key: string) => `${key} 192.0.2.1 4001 17\n`],
  ['no port', (key: string) => `${key} 127.0.0.1 0 17\n`],
  ['too large a port', (key: string) => `${key} 127.0.0.1 65536 17\n`],
  ['more words', (key: string) => `${key} 127.0.0.1 4001 17 18\n`],
  ['garbage', () => '\xff\xfe\0\n'],
  ['a line that does not end', (key: string) => `${key} 127.0.0.1 4001 ${'1'.repeat(300)}`],
] as const) {
  test(`${what} is ignored, and that is said`, async (t) => {
    const { key, tell, addresses, messages } = await open(t);
    await tell(line(key));
    assert.deepEqual(addresses(), []);
    assert.match(messages.join(), /^ignored a report/);
    await tell(`${key} 127.0.0.1 4001 17\n`);
    assert.deepEqual(addresses(), ['127.0.0.1:4001']);
  });
}

test('who says nothing is shown out, and keeps nobody waiting', async (t) => {
  const { path, key, tell, addresses } = await open(t);
  const silent = connect(path);
  silent.resume();
  const ended = within('the end of the silent one', once(silent, 'close'));
  await tell(`${key} 127.0.0.1 4001 17\n`);
  assert.deepEqual(addresses(), ['127.0.0.1:4001']);
  await ended;
});

test('every user may tell, but not look around', async (t) => {
  const { path } = await open(t);
  assert.equal(statSync(path).mode & 0o777, 0o666);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o711);
});

test('nothing is left when it is closed, even in the middle of a report', async (t) => {
  const { channel, path } = await open(t);
  const silent = connect(path);
  await within('the connection', once(silent, 'connect'));
  silent.on('error', () => undefined).resume();
  await within('the channel to close', channel.close());
  assert.ok(!existsSync(dirname(path)));
  await channel.close();
});

test('a folder whose path is too long is refused', async (t) => {
  const { TMPDIR } = process.env;
  t.after(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR'];
    else process.env['TMPDIR'] = TMPDIR;
  });
  const long = join(scratch(t), 'x'.repeat(100));
  mkdirSync(long);
  process.env['TMPDIR'] = long;
  await assert.rejects(ReportChannel.open(memoryLog().log), { code: 'PATH_TOO_LONG' });
  assert.deepEqual(readdirSync(long), []);
});
