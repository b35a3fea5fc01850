// What whoever keeps the proxy running relies on: the background, other users, files that are rotated,
// metrics, and a log that tells everything but secrets.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { isRoot, type Result, run, scratch, unprivileged } from '../launcher/run.js';
import { isListening } from '../programs/command.js';
import { readResponse, requestText, WebSocketClient } from '../support/client.js';
import { eventually, within } from '../support/deadline.js';
import { HixieClient } from '../support/hixie.js';
import { childrenOf, statusOf } from '../support/kernel.js';
import { freePorts } from '../support/server.js';
import { Wire } from '../support/wire.js';
import { cleanEnvironment, WsProxy, wsproxy } from './proxy.js';
import { get } from './raw-http.js';
import { echoServer } from './target.js';
import { certificate, dismissed, echo, leave, visit, visitSecurely } from './visitor.js';

const isRunning = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^[ZX]/.test(statusOf(pid, 'State') ?? 'X');

interface Daemon extends Result {
  /** Of the process in the background. */
  daemon: number;
  port: number;
  folder: string;
}

/**
 * Runs `wsproxy -D OPTIONS…` in a folder of its own, in front of an echo server unless the operands
 * are others. The daemon ends with the test.
 */
async function daemon(
  t: TestContext,
  options: readonly string[],
  others?: (port: number) => string[],
  env: Record<string, string> = {},
): Promise<Daemon> {
  const [port = 0] = await freePorts(1);
  const folder = scratch(t);
  const target = await echoServer(t);
  const operands = others?.(port) ?? [String(port), `127.0.0.1:${target.port}`];
  const args = ['-D', '--pid-file', 'pid', ...options, ...operands];
  const result = await run(wsproxy, args, { cwd: folder, env: cleanEnvironment(env) });
  const file = join(folder, 'pid');
  const pid = existsSync(file) ? Number(readFileSync(file, 'utf8')) : 0;
  t.after(async () => {
    if (pid === 0 || !isRunning(pid)) return;
    process.kill(pid, 'SIGKILL');
    await eventually('the daemon has ended', () => !isRunning(pid));
  });
  return { ...result, daemon: pid, port, folder };
}

async function stop({ daemon: pid }: Daemon): Promise<void> {
  process.kill(pid, 'SIGTERM');
  await eventually('the daemon has ended', () => !isRunning(pid));
}

describe('-D', () => {
  test('returns when clients are served; pid file, log and recordings are where they were asked for', async (t) => {
    const options = ['--log-file', 'log', '--record', 'session', '--web', '.'];
    const proxy = await daemon(t, options);
    assert.equal(proxy.status, 0, proxy.stderr);
    assert.match(
      proxy.stderr,
      /^WebSocket server settings:\n.*\n {2}- Backgrounding \(daemon\)\n/s,
    );
    const { daemon: pid, folder, port } = proxy;
    assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/');
    await leave(await visit(port));
    assert.equal((await get(port, '/pid')).body.toString(), `${pid}\n`);
    await stop(proxy);
    assert.deepEqual(readdirSync(folder).sort(), ['log', 'session.1']);
    assert.match(readFileSync(join(folder, 'log'), 'utf8'), /#1 \S+ opened.*ends: SIGTERM\n$/s);
  });

  test('has its Unix socket, certificate and metrics where they were asked for', async (t) => {
    const names = ['unix:socket', 'unix:metrics'] as const;
    const file = await certificate(t);
    const proxy = await daemon(t, ['--metrics', names[1], '--cert', file, '--web', '.'], () => [
      names[0],
    ]);
    assert.equal(proxy.status, 0, proxy.stderr);
    const at = (name: string) => join(proxy.folder, name);
    for (const name of ['socket', 'metrics']) {
      assert.equal(statSync(at(name)).mode & 0o777, 0o600, name);
    }
    // A certificate that was renewed.
    const { daemon: pid } = proxy;
    process.kill(pid, 'SIGHUP');
    await stop(proxy);
    assert.ok(!existsSync(at('socket')));
    const again = await run(
      wsproxy,
      ['--timeout', '0.1', '--metrics', names[1], names[0], 'localhost:1'],
      { cwd: proxy.folder, env: cleanEnvironment() },
    );
    assert.equal(again.status, 0, again.stderr);
  });

  test('with workers leaves none of them behind, nor in the folder', async (t) => {
    const proxy = await daemon(t, ['--workers', '2', '--log-file', 'log']);
    assert.equal(proxy.status, 0, proxy.stderr);
    const workers = childrenOf(proxy.daemon);
    assert.equal(workers.length, 2);
    for (const pid of workers) assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/');
    const client = await visit(proxy.port);
    const stopped = stop(proxy);
    await dismissed(client);
    await stopped;
    assert.ok(!workers.some(isRunning));
    assert.match(readFileSync(join(proxy.folder, 'log'), 'utf8'), /#1 \S+ closed/);
  });

  test('with a command starts it in the background', async (t) => {
    const program = (port: number) =>
      `console.log(1); require('net').createServer((s) => s.pipe(s)).listen(${port})`;
    const proxy = await daemon(t, [], (port) => [
      ...[String(port), '--', process.execPath, '-e', program(port)],
    ]);
    assert.deepEqual([proxy.status, proxy.stdout], [0, ''], proxy.stderr);
    await leave(await visit(proxy.port));
    const [command = 0] = childrenOf(proxy.daemon);
    assert.equal(readlinkSync(`/proc/${command}/fd/1`), '/dev/null');
    await stop(proxy);
    assert.ok(!isRunning(command));
  });

  test('keeps the passphrase of its key, and what makes it a daemon, from the command', async (t) => {
    const file = join(scratch(t), 'environment');
    const words = ['/bin/sh', '-c', 'env >"$0.new"; mv "$0.new" "$0"; sleep 1000', file];
    const env = { WSPROXY_KEY_PASSWORD: 'secret', FOR_THE_COMMAND: 'yes' };
    for (const target of [[], ['--target', 'localhost:1']]) {
      const proxy = await daemon(t, target, (port) => [String(port), '--', ...words], env);
      assert.equal(proxy.status, 0, proxy.stderr);
      await eventually('the command is there', () => existsSync(file));
      const text = readFileSync(file, 'utf8');
      assert.match(text, /^FOR_THE_COMMAND=yes$/m);
      assert.doesNotMatch(text, /secret|WSWRAP_DAEMON/);
      await stop(proxy);
      rmSync(file);
    }
  });

  const failures: [what: string, options: string[], message: RegExp][] = [
    ['a bad certificate', ['--cert', '/etc/passwd'], /no usable certificate with its key/],
    ['an unreadable folder', ['--web', '/nowhere'], /no folder that pages can be served from/],
    [
      'an unreadable folder with workers',
      ['--workers', '2', '--web', '/nowhere'],
      /no folder that pages can be served from/,
    ],
    ['a log that cannot be written', ['--log-file', '/nowhere/log'], /log file cannot be opened/],
    ['an address of others', ['--metrics', '192.0.2.1:1'], /this machine has no such address/],
  ];
  for (const [what, options, message] of failures) {
    test(`shows ${what}, and no daemon stays`, async (t) => {
      const proxy = await daemon(t, options);
      assert.deepEqual([proxy.status, proxy.stdout], [125, '']);
      assert.match(proxy.stderr, /^wsproxy: /);
      assert.match(proxy.stderr, message);
      assert.ok(!isListening(proxy.port));
      assert.ok(!existsSync(join(proxy.folder, 'pid')));
    });
  }

  test('shows that there is no such command, with its own status', async (t) => {
    const proxy = await daemon(t, [], (port) => [String(port), '--', 'no-such-command']);
    assert.equal(proxy.status, 127);
    assert.match(proxy.stderr, /^wsproxy: no-such-command: not found/);
    assert.ok(!isListening(proxy.port));
  });

  test('shows that it runs already', async (t) => {
    const first = await daemon(t, []);
    const target = `127.0.0.1:${first.port}`;
    const [port = 0] = await freePorts(1);
    const args = ['-D', '--pid-file', join(first.folder, 'pid'), String(port), target];
    const { status, stderr } = await run(wsproxy, args, { env: cleanEnvironment() });
    assert.equal(status, 125);
    assert.match(stderr, new RegExp(`pid belongs to process ${first.daemon}, which is running`));
    assert.ok(isRunning(first.daemon));
  });
});

const obstacle = !isRoot ? 'only root can become another user' : unprivileged.obstacle;

describe('--user', { skip: obstacle }, () => {
  for (const workers of [[], ['--workers', '2']]) {
    test(`gives up root once port and key are open ${workers.join(' ')}`, async (t) => {
      const file = await certificate(t);
      const folder = scratch(t);
      chmodSync(folder, 0o777);
      const options = ['--cert', file, '--record', join(folder, 'session'), '--log-file', 'log'];
      const proxy = await daemon(t, [...workers, ...options, '--user', 'nobody']);
      assert.equal(proxy.status, 0, proxy.stderr);
      for (const pid of [proxy.daemon, ...childrenOf(proxy.daemon)]) {
        assert.match(statusOf(pid, 'Uid') ?? '', /^65534\s+65534\s+65534\s+65534$/);
        assert.equal(statusOf(pid, 'CapEff'), '0000000000000000');
      }
      await leave(await visitSecurely(proxy.port, file));
      await stop(proxy);
      assert.equal(statSync(join(folder, 'session.1')).uid, 65534);
      assert.match(readFileSync(join(proxy.folder, 'log'), 'utf8'), /ends: SIGTERM/);
    });
  }

  test('is who the command is started as, and leaves nothing behind', async (t) => {
    const before = reportFolders();
    const program = (port: number) =>
      `require('net').createServer((s) => s.end(String(process.getuid()))).listen(${port})`;
    const proxy = await daemon(t, ['--user', 'nobody'], (port) => [
      ...[String(port), '--', process.execPath, '-e', program(port)],
    ]);
    assert.equal(proxy.status, 0, proxy.stderr);
    const client = await WebSocketClient.connect({ port: proxy.port });
    assert.equal((await client.receive(5)).toString(), '65534');
    await client.closed();
    await leave(client);
    await stop(proxy);
    assert.deepEqual(
      reportFolders().filter((name) => !before.includes(name)),
      [],
    );
  });

  test('may bind a port below 1024 first', async (t) => {
    const port = [81, 82, 83, 84].find((each) => !isListening(each)) ?? assert.fail();
    const target = await echoServer(t);
    const args = ['--user', 'nobody', `127.0.0.1:${port}`, `127.0.0.1:${target.port}`];
    const proxy = await WsProxy.start(t, args, { cwd: '/' });
    await leave(await visit(proxy.port));
  });
});

// Where servers tell of themselves; other tests may have some as well, of root.
function reportFolders(): string[] {
  return readdirSync('/tmp').filter(
    (name) =>
      name.startsWith('wsproxy-') &&
      statSync(join('/tmp', name), { throwIfNoEntry: false })?.uid === 65534,
  );
}

describe('SIGHUP', () => {
  test('goes on in a new log file when the old one was moved away', async (t) => {
    const target = await echoServer(t);
    for (const workers of [[], ['--workers', 1]]) {
      const file = join(scratch(t), 'log');
      const args = ['--log-file', file, ...workers, 0, `127.0.0.1:${target.port}`];
      const proxy = await WsProxy.start(t, args);
      const client = await visit(proxy.port);
      await eventually('it is told', () => /#1 \S+ opened/.test(readFileSync(file, 'utf8')));
      renameSync(file, `${file}.1`);
      proxy.kill('SIGHUP');
      await eventually('there is a new one', () => existsSync(file));
      await echo(client);
      await leave(client);
      await eventually('it is told', () => /#1 \S+ closed/.test(readFileSync(file, 'utf8')));
      assert.doesNotMatch(readFileSync(`${file}.1`, 'utf8'), /closed/);
      proxy.kill('SIGTERM');
      await proxy.exit();
    }
  });

  test('reads the certificate again, for workers too; a broken one changes nothing', async (t) => {
    const target = await echoServer(t);
    for (const workers of [[], ['--workers', 1]]) {
      const [file, other] = [await certificate(t), await certificate(t)];
      const args = ['--cert', file, ...workers, 0, `127.0.0.1:${target.port}`];
      const proxy = await WsProxy.start(t, args);
      const old = readFileSync(file);
      const client = await visitSecurely(proxy.port, file);
      writeFileSync(file, 'broken');
      proxy.kill('SIGHUP');
      await proxy.logged(/the certificate stays the old one: \S+ no usable certificate/);
      writeFileSync(file, readFileSync(other));
      proxy.kill('SIGHUP');
      await proxy.logged(/the certificate was read again/);
      await leave(await visitSecurely(proxy.port, other));
      await echo(client);
      writeFileSync(file, old);
      await assert.rejects(visitSecurely(proxy.port, file), /self.signed certificate/);
      await leave(client);
    }
  });
});

describe('--metrics', () => {
  test('counts sessions, bytes and refusals; /health says when it stops', async (t) => {
    const [port = 0] = await freePorts(1);
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, ['--metrics', port, 0, `127.0.0.1:${target.port}`]);
    const client = await visit(proxy.port);
    const refused = await Wire.connect({ port: proxy.port });
    await refused.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.equal((await readResponse(refused)).status, 426);
    const health = await get(port, '/health');
    assert.deepEqual([health.status, health.body.toString()], [200, 'ok\n']);
    const { body, headers } = await get(port, '/metrics');
    assert.match(headers['content-type'] ?? '', /^text\/plain; version=0\.0\.4/);
    for (const line of [
      'wsproxy_connections_total 2',
      'wsproxy_sessions_total{kind="rfc6455",encoding="binary",secure="false"} 1',
      'wsproxy_sessions 1',
      'wsproxy_received_bytes_total 5',
      'wsproxy_sent_bytes_total 5',
      'wsproxy_refused_total{reason="http"} 1',
    ]) {
      assert.ok(body.toString().split('\n').includes(line), `${line}\n${body}`);
    }
    proxy.kill('SIGQUIT');
    await proxy.logged(/ends: SIGQUIT/);
    const stopping = await get(port, '/health');
    assert.deepEqual([stopping.status, stopping.body.toString()], [503, 'stopping\n']);
    await leave(client);
    assert.equal((await proxy.exit()).code, 0);
  });

  test('is for this machine only, and on a port of its own', async (t) => {
    const proxy = await WsProxy.start(t, [0, 'localhost:1']);
    const { status, stderr } = await run(
      wsproxy,
      ['--metrics', String(proxy.port), '0', 'localhost:1'],
      { env: cleanEnvironment() },
    );
    assert.equal(status, 125);
    assert.match(stderr, /cannot listen on 127\.0\.0\.1:\d+: somebody else does already/);
  });
});

describe('the log', () => {
  // What browsers send, and what attackers do.
  const requests = (port: number): string[] => {
    const host = `Host: 127.0.0.1:${port}\r\n`;
    const forged = '00:00:00.000 wsproxy[1] #1 forged';
    return [
      `GET /a\x1b[31mb HTTP/1.1\r\n${host}\r\n`,
      `GET /a\rb HTTP/1.1\r\n${host}\r\n`,
      `GET /%0a${forged} HTTP/1.1\r\n${host}\r\n`,
      `GET /\xe2\x80\xae\xc2\x85 HTTP/1.1\r\n${host}\r\n`,
      requestText({ port }, { path: '/a\x1b[31m\x07b' }),
      requestText({ port }, { path: `/%0a%0d${encodeURIComponent(forged)}` }),
      requestText({ port }, { path: '/\xe2\x80\xae\xc2\x85\xff' }),
      requestText({ port }, { headers: { 'Sec-WebSocket-Protocol': `a\x1b[31m, b` } }),
      requestText({ port }, { headers: { Origin: `http://evil\x1b[31m\x85.example` } }),
      requestText({ port }, { headers: { Host: `evil\x1b[31m.example` } }),
    ];
  };

  for (const format of ['text', 'json'] as const) {
    test(`has no line that a client wrote (${format})`, async (t) => {
      const target = await echoServer(t);
      const file = join(scratch(t), 'log');
      const proxy = await WsProxy.start(t, [
        ...['--log-format', format, '--log-level', 'trace', '--log-file', file],
        ...['--web', scratch(t), 0, `127.0.0.1:${target.port}`],
      ]);
      for (const request of requests(proxy.port)) {
        const wire = await Wire.connect({ port: proxy.port });
        await wire.write(Buffer.from(request, 'latin1'));
        await wire.chunk().catch(() => undefined);
        wire.destroy();
      }
      proxy.kill('SIGTERM');
      await proxy.exit();
      const text = readFileSync(file, 'utf8');
      assert.doesNotMatch(text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      for (const line of text.trimEnd().split('\n')) {
        if (format === 'json') assert.equal(JSON.parse(line).pid, proxy.pid);
        else
          assert.match(
            line,
            new RegExp(`^\\d\\d:\\d\\d:\\d\\d\\.\\d{3} wsproxy\\[${proxy.pid}\\] `),
          );
      }
      assert.match(text, /opened/);
    });
  }

  test('as JSON has the connection and its peer in fields of their own', async (t) => {
    const target = await echoServer(t);
    const args = ['--log-format', 'json', '--workers', 1, 0, `127.0.0.1:${target.port}`];
    const proxy = await WsProxy.start(t, args);
    const client = await visit(proxy.port);
    const peer = `127.0.0.1:${client.wire.socket.localPort}`;
    await leave(client);
    await proxy.logged(/bytes received/);
    proxy.kill('SIGTERM');
    await proxy.exit();
    const lines = proxy.stderr.split('\n').filter((line) => line.startsWith('{'));
    const records = lines.map((line) => JSON.parse(line));
    const about = records.filter(({ connection }) => connection === 1);
    assert.ok(about.length >= 2);
    for (const record of about) assert.equal(record.peer, peer);
    for (const { level, time, pid, msg } of records) {
      assert.equal(level, 'info');
      assert.ok(Math.abs(Date.parse(time) - Date.now()) < 600_000);
      assert.ok(pid > 0 && msg.length > 0);
    }
  });

  for (const workers of [[], ['--workers', 1]]) {
    test(`never has a secret ${workers.join(' ')}`, async (t) => {
      const target = await echoServer(t);
      const file = join(scratch(t), 'log');
      const proxy = await WsProxy.start(
        t,
        [
          ...['--log-file', file, '--path', '/vnc', '--web', scratch(t), ...workers],
          ...['-v', 0, `127.0.0.1:${target.port}`],
        ],
        { env: { TRACE: '1' } },
      );
      const { port } = proxy;
      const headers = { Cookie: 'id=hunter2', Authorization: 'Basic hunter2' };
      const client = await WebSocketClient.connect(
        { port },
        { path: '/vnc?token=hunter2&x=1', headers },
      );
      await echo(client, 'password hunter2');
      await leave(client);
      for (const path of ['/other?token=hunter2', '/?hunter2', '/vnc?hunter2']) {
        for (const Upgrade of ['websocket', undefined]) {
          const wire = await Wire.connect({ port });
          await wire.write(requestText({ port }, { path, headers: { ...headers, Upgrade } }));
          await readResponse(wire);
          wire.destroy();
        }
        await get(port, path);
      }
      await HixieClient.connect({ port }, 75).catch(() => undefined);
      const foreign = await Wire.connect({ port });
      const Origin = 'http://hunter2:hunter2@evil.example/?hunter2';
      await foreign.write(requestText({ port }, { path: '/vnc?hunter2', headers: { Origin } }));
      await readResponse(foreign);
      proxy.kill('SIGTERM');
      await proxy.exit();
      const text = readFileSync(file, 'utf8');
      assert.match(text, /path "\/vnc"/);
      assert.doesNotMatch(text + proxy.stderr, /hunter2/);
    });
  }

  test('shows each transfer with TRACE=1, with sizes and signs', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`], { env: { TRACE: '1' } });
    const client = await visit(proxy.port);
    await leave(client);
    for (const line of [/} 5 \(11 on the wire\)/, /> 5/, /{ 5/, /< 5/, /}\. 0 \(8 on the wire\)/]) {
      await proxy.logged(new RegExp(`#1 127\\.0\\.0\\.1:\\d+ ${line.source}\n`));
    }
  });

  test('shows the traffic of sessions with -v', async (t) => {
    const target = await echoServer(t);
    for (const workers of [[], ['--workers', 1]]) {
      const proxy = await WsProxy.start(t, ['-v', ...workers, 0, `127.0.0.1:${target.port}`]);
      const client = await visit(proxy.port);
      await proxy.logged(/#1 127\.0\.0\.1:\d+ }>{<\n/);
      await leave(client);
      await proxy.logged(/#1 127\.0\.0\.1:\d+ }\.\n.*closed by the client/s);
    }
  });

  test('shows more with DEBUG=1, and less when quiet', async (t) => {
    const target = await echoServer(t);
    const operands = [0, `127.0.0.1:${target.port}`];
    const debug = await WsProxy.start(t, operands, { env: { DEBUG: '1' } });
    await leave(await visit(debug.port));
    await debug.logged(/#1 \S+ connected\n/);
    assert.doesNotMatch(debug.stderr, / } 5/);
    const [port = 0] = await freePorts(1);
    const args = ['--log-level', 'quiet', '--run-once', String(port), `127.0.0.1:${target.port}`];
    const ended = run(wsproxy, args, { env: cleanEnvironment({ DEBUG: '1' }) });
    await eventually('it listens', () => isListening(port));
    await leave(await visit(port));
    assert.deepEqual((await ended).stderr, '');
  });

  test('goes to a collector with --syslog=HOST:PORT, to the last message', async (t) => {
    const collector = createSocket('udp4');
    const messages: string[] = [];
    collector.on('message', (message) => messages.push(message.toString()));
    collector.bind(0, '127.0.0.1');
    await within('the collector', once(collector, 'listening'));
    t.after(() => collector.close());
    const target = await echoServer(t);
    const syslog = `--syslog=127.0.0.1:${collector.address().port}`;
    const proxy = await WsProxy.start(t, [syslog, 0, `127.0.0.1:${target.port}`]);
    await leave(await visit(proxy.port));
    proxy.kill('SIGTERM');
    await proxy.exit();
    await eventually('all has come', () => messages.some((text) => /ends: SIGTERM/.test(text)));
    const form = new RegExp(`^<30>1 \\S+ \\S+ wsproxy ${proxy.pid} - - (?:#1 \\S+ |ends)`);
    for (const message of messages) assert.match(message, form);
    assert.doesNotMatch(proxy.stderr, /opened/);
  });
});

test('a log that cannot be written stops nobody', async (t) => {
  const target = await echoServer(t);
  const args = ['--log-file', '/dev/full', 0, `127.0.0.1:${target.port}`];
  const proxy = await WsProxy.start(t, args);
  await leave(await visit(proxy.port));
  proxy.kill('SIGTERM');
  assert.equal((await proxy.exit()).code, 0);
});
