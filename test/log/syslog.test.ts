// The log in syslog: this machine's own, and a collector elsewhere.
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';

import { createLogger } from '../../src/log/logger.js';
import { parseSyslog } from '../../src/log/options.js';
import { parseRecord } from '../../src/log/record.js';
import { openSink } from '../../src/log/sink.js';
import { isRoot, run, scratch } from '../launcher/run.js';
import { eventually, within } from '../support/deadline.js';
import { needsIPv6 } from '../support/kernel.js';
import { requires } from '../support/programs.js';
import { linesOf } from './log.js';

const socket = '/dev/log';

// A syslog daemon: it prints each message as a line of JSON.
const daemon = `
import json, os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind('${socket}')
os.chmod('${socket}', 0o666)
print('"listening"', flush=True)
while True: print(json.dumps(s.recv(65536).decode()), flush=True)`;

const obstacle =
  requires('/usr/bin/python3') ||
  (!isRoot && 'only root may keep the system’s log') ||
  (existsSync(socket) && 'a syslog daemon runs here');

async function startDaemon(t: TestContext) {
  const child = spawn('/usr/bin/python3', ['-c', daemon], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  const messages: string[] = [];
  const lines = createInterface(child.stdout);
  const listening = once(lines, 'line');
  lines.on('line', (line) => messages.push(JSON.parse(line)));
  const stop = async () => {
    child.kill();
    await ended;
    rmSync(socket, { force: true });
  };
  t.after(stop);
  await within('the syslog daemon', listening);
  return { messages, stop };
}

describe('the local syslog', { skip: obstacle }, () => {
  test('gets severity, process and message', async (t) => {
    const { messages } = await startDaemon(t);
    const log = createLogger('trace', openSink({ format: 'text', syslog: { kind: 'local' } }));
    log.child({ connection: 7, peer: '127.0.0.1:44760' }).info('100 % of it: %s%n');
    log.error('broken\nin two');
    log.warn('odd');
    log.debug('detail');
    await eventually('all have arrived', () => messages.length === 5);
    const name = String.raw`[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d wsproxy\[${process.pid}\]:`;
    for (const [i, priority, text] of [
      [1, 30, '#7 127.0.0.1:44760 100 % of it: %s%n'],
      [2, 27, String.raw`broken\nin two`],
      [3, 28, 'odd'],
      [4, 31, 'detail'],
    ] as const) {
      const message = messages[i] ?? '';
      assert.match(message, new RegExp(`^<${priority}>${name} `));
      assert.ok(message.endsWith(` ${text}`), message);
    }
  });

  test('is found again after a restart', async (t) => {
    const first = await startDaemon(t);
    const log = createLogger('info', openSink({ format: 'text', syslog: { kind: 'local' } }));
    log.info('one');
    await eventually('the first has arrived', () => first.messages.length === 2);
    await first.stop();
    log.info('lost');
    const second = await startDaemon(t);
    log.info('two');
    await eventually('the second has arrived', () => second.messages.length === 2);
    assert.match(second.messages[1] ?? '', / two$/);
  });

  test('that is not there is an error at once', () => {
    const open = () => openSink({ format: 'text', syslog: { kind: 'local' } });
    assert.throws(open, { name: 'LaunchError', code: 'SYSLOG_ABSENT' });
  });
});

async function startCollector(t: TestContext, host: string) {
  const server = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  t.after(() => server.close());
  const messages: string[] = [];
  server.on('message', (message) => messages.push(message.toString()));
  server.bind(0, host);
  await within('the collector', once(server, 'listening'));
  return { messages, syslog: { kind: 'remote', host, port: server.address().port } as const };
}

describe('a remote syslog', () => {
  for (const host of ['127.0.0.1', '::1', 'localhost']) {
    const skip = host === '::1' && needsIPv6();
    test(`at ${host} gets datagrams in order, to the last one`, { skip }, async (t) => {
      const { messages, syslog } = await startCollector(t, (await lookup(host)).address);
      const sink = openSink({ format: 'text', syslog: { ...syslog, host } });
      const log = createLogger('info', sink);
      log.child({ connection: 7, peer: '127.0.0.1:44760' }).info('grüß\nGott');
      log.error(new Error('broken'));
      await sink.close?.();
      await eventually('both have arrived', () => messages.length === 2);
      const header = String.raw`1 \d{4}-\d\d-\d\dT[\d:.]+Z ${hostname()} wsproxy ${process.pid} - -`;
      assert.match(
        messages[0] ?? '',
        new RegExp(String.raw`^<30>${header} #7 127\.0\.0\.1:44760 grüß\\nGott$`),
      );
      assert.match(messages[1] ?? '', new RegExp(`^<27>${header} broken$`));
    });
  }

  test('gets JSON where JSON is asked for', async (t) => {
    const { messages, syslog } = await startCollector(t, '127.0.0.1');
    const sink = openSink({ format: 'json', syslog });
    t.after(() => sink.close?.());
    createLogger('info', sink).info({ connection: 7 }, 'connected');
    await eventually('it has arrived', () => messages.length === 1);
    const json = messages[0]?.replace(/^.*? - - /, '') ?? '';
    assert.equal(parseRecord(json).connection, 7);
  });

  test('gets of a long message what fits, in whole characters', async (t) => {
    const { messages, syslog } = await startCollector(t, '127.0.0.1');
    const sink = openSink({ format: 'text', syslog });
    t.after(() => sink.close?.());
    const log = createLogger('info', sink);
    // One of them does not end at a character.
    log.info('世'.repeat(1000));
    log.info(`a${'世'.repeat(1000)}`);
    log.info(`aa${'世'.repeat(1000)}`);
    await eventually('they have arrived', () => messages.length === 3);
    for (const message of messages) {
      const size = Buffer.byteLength(message);
      assert.ok(size <= 2048 && size > 2048 - 3, String(size));
      assert.match(message, / a*世+$/);
    }
  });

  test('that nobody keeps stops nobody', async () => {
    const server = createSocket('udp4').bind(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    await new Promise<void>((closed) => server.close(closed));
    const sink = openSink({ format: 'text', syslog: { kind: 'remote', host: '127.0.0.1', port } });
    const log = createLogger('info', sink);
    for (let i = 0; i < 10; ++i) {
      log.info('x');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await sink.close?.();
  });

  test('whose name is unknown is said on standard error, once', async () => {
    const source = (name: string) => new URL(`../../src/log/${name}`, import.meta.url);
    const program = `
      import { createLogger } from '${source('logger.js')}';
      import { openSink } from '${source('sink.js')}';
      const syslog = { kind: 'remote', host: 'no.such.host.invalid', port: 514 };
      const sink = openSink({ format: 'text', syslog });
      const log = createLogger('info', sink);
      for (let i = 0; i < 3; ++i) log.info('x');
      await sink.close();
      console.log('done');`;
    const args = ['--input-type=module', '-e', program];
    const { stdout, stderr } = await run(process.execPath, args);
    assert.equal(stdout, 'done\n');
    assert.match(stderr, /^wsproxy: no log is sent to no\.such\.host\.invalid: .*\n$/);
  });

  test('can have a file beside it', async (t) => {
    const { messages, syslog } = await startCollector(t, '127.0.0.1');
    const file = join(scratch(t), 'log');
    const sink = openSink({ format: 'text', file, syslog });
    t.after(() => sink.close?.());
    createLogger('info', sink).info('twice');
    assert.match(linesOf(file).join(), / twice$/);
    await eventually('it has arrived', () => messages.length === 1);
  });
});

test('--syslog is read as an address whose port may be left out', () => {
  const remote = (host: string, port = 514) => ({ kind: 'remote', host, port });
  assert.deepEqual(parseSyslog(''), { kind: 'local' });
  assert.deepEqual(parseSyslog('loghost'), remote('loghost'));
  assert.deepEqual(parseSyslog('loghost:5140'), remote('loghost', 5140));
  assert.deepEqual(parseSyslog('10.0.0.1'), remote('10.0.0.1'));
  assert.deepEqual(parseSyslog('[::1]'), remote('::1'));
  assert.deepEqual(parseSyslog('[fe80::1]:5140'), remote('fe80::1', 5140));
  for (const wrong of ['unix:/dev/log', 'a b', 'host:99999', ':514', '514']) {
    assert.equal(parseSyslog(wrong), undefined, wrong);
  }
});
