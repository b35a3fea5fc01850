// Several processes behind one port: who serves whom, and what is left when one of them dies.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { scratch } from '../launcher/run.js';
import { requestText, WebSocketClient } from '../support/client.js';
import { eventually, within } from '../support/deadline.js';
import { childrenOf } from '../support/kernel.js';
import { freePorts } from '../support/server.js';
import { Wire } from '../support/wire.js';
import { WsProxy } from './proxy.js';
import { get } from './raw-http.js';
import { runScript } from './script.js';
import { echoServer } from './target.js';
import { dismissed, echo, leave, visit } from './visitor.js';

/** A proxy with workers in front of an echo server. */
async function start(t: TestContext, ...options: (string | number)[]): Promise<WsProxy> {
  const target = await echoServer(t);
  return WsProxy.start(t, ['--workers', 2, ...options, 0, `127.0.0.1:${target.port}`]);
}

function visits(proxy: WsProxy, count: number): Promise<WebSocketClient[]> {
  return Promise.all(Array.from({ length: count }, () => visit(proxy.port)));
}

/** Which process serves each connection, by the connection's number. */
function serving(log: string): Map<number, number> {
  const lines = log.matchAll(/wsproxy\[(\d+)\] #(\d+) \S+ opened/g);
  return new Map(Array.from(lines, ([, pid, number]) => [Number(number), Number(pid)]));
}

function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

async function allGone(pids: readonly number[]): Promise<void> {
  await eventually('no worker is left', () => !pids.some(isRunning));
}

/** Sessions of the clients, each told from the others by the process that serves it. */
async function visitBoth(proxy: WsProxy) {
  const first = await visit(proxy.port);
  await proxy.logged(/ #1 \S+ opened/);
  const second = await visit(proxy.port);
  await proxy.logged(/ #2 \S+ opened/);
  const pids = serving(proxy.stderr);
  const served = [
    { client: first, pid: pids.get(1) ?? 0 },
    { client: second, pid: pids.get(2) ?? 0 },
  ] as const;
  assert.notEqual(served[0].pid, served[1].pid);
  return served;
}

describe('sessions', () => {
  test('are spread evenly, and each connection has its own number', async (t) => {
    const proxy = await start(t);
    assert.match(proxy.stderr, /^ {2}- 2 worker processes$/m);
    const clients: WebSocketClient[] = [];
    for (let i = 0; i < 10; i += 1) clients.push(await visit(proxy.port));
    await eventually('all are logged', () => serving(proxy.stderr).size === 10);
    const pids = serving(proxy.stderr);
    assert.deepEqual(
      [...pids.keys()].sort((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    const counts = childrenOf(proxy.pid).map(
      (pid) => [...pids.values()].filter((each) => each === pid).length,
    );
    assert.deepEqual(counts, [5, 5]);
    await Promise.all(clients.map((client, i) => echo(client, `client ${i}`)));
    await Promise.all(clients.map(leave));
  });

  test("have as many processes as there are CPUs with 'auto'", async (t) => {
    const proxy = await WsProxy.start(t, ['--workers', 'auto', 0, '127.0.0.1:1']);
    assert.equal(childrenOf(proxy.pid).length, availableParallelism());
  });

  test('are no more than --max-connections in all workers together', async (t) => {
    const proxy = await start(t, '--max-connections', 3);
    const clients = await visits(proxy, 3);
    await assert.rejects(visit(proxy.port), /refused with 503/);
    const [first, ...others] = clients;
    await leave(first ?? assert.fail());
    await proxy.logged(/closed by the client/);
    const next = await admitted(proxy);
    for (const client of [...others, next]) await leave(client);
  });

  test('are one with --run-once, which is not cut short', async (t) => {
    const proxy = await start(t, '--run-once');
    const workers = childrenOf(proxy.pid);
    const client = await visit(proxy.port);
    await proxy.logged(/ends: --run-once/);
    await echo(client);
    await leave(client);
    assert.deepEqual(await proxy.exit(), { code: 0, signal: null });
    await allGone(workers);
  });

  test('have recordings with the numbers of their connections', async (t) => {
    const file = join(scratch(t), 'session');
    const proxy = await start(t, '--record', file);
    const clients = await visits(proxy, 4);
    proxy.kill('SIGTERM');
    await Promise.all(clients.map(dismissed));
    await proxy.exit();
    for (const number of [1, 2, 3, 4]) {
      assert.deepEqual(
        runScript(`${file}.${number}`).data.map((frame) => frame.replace(/\d+/, '')),
        ['}}hello', '{{hello', 'EOF'],
      );
    }
  });
});

// A place becomes free a moment after its session has ended.
async function admitted(proxy: WsProxy): Promise<WebSocketClient> {
  for (;;) {
    try {
      return await visit(proxy.port);
    } catch (error) {
      assert.match(String(error), /refused with 503/);
    }
  }
}

describe('a worker that is killed', () => {
  test('takes only its own sessions along, and is replaced', async (t) => {
    const proxy = await start(t);
    const [lost, kept] = await visitBoth(proxy);
    process.kill(lost.pid, 'SIGKILL');
    await assert.rejects(echo(lost.client));
    await proxy.logged(new RegExp(`error: worker process ${lost.pid} died \\(SIGKILL\\)`));
    await echo(kept.client);
    // While there is only one.
    await leave(await visit(proxy.port));
    await eventually('there are two again', () => childrenOf(proxy.pid).length === 2);
    await echo(kept.client);
    const isNew = (pid: number) => pid !== lost.pid && pid !== kept.pid;
    while (![...serving(proxy.stderr).values()].some(isNew)) await leave(await visit(proxy.port));
    await leave(kept.client);
  });

  test('does not count any more', async (t) => {
    const proxy = await start(t, '--max-connections', 2);
    const [lost, kept] = await visitBoth(proxy);
    await assert.rejects(visit(proxy.port), /refused with 503/);
    process.kill(lost.pid, 'SIGKILL');
    await proxy.logged(/died/);
    const next = await admitted(proxy);
    await assert.rejects(visit(proxy.port), /refused with 503/);
    for (const client of [kept.client, next]) await leave(client);
  });

  test('is no loss for those who come when all have died at once', async (t) => {
    const proxy = await start(t);
    await visitBoth(proxy);
    const workers = childrenOf(proxy.pid);
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    await eventually('both are mourned', () => proxy.stderr.match(/ died /g)?.length === 2);
    await Promise.all((await visits(proxy, 4)).map(leave));
    await eventually('there are two again', () => childrenOf(proxy.pid).length === 2);
  });
});

describe('SIGUSR2', () => {
  test('brings new workers for new sessions; the old ones end with theirs', async (t) => {
    const proxy = await start(t);
    const before = childrenOf(proxy.pid);
    const old = await visits(proxy, 2);
    proxy.kill('SIGUSR2');
    await proxy.logged(/2 new worker processes; the old ones end with their sessions/);
    const next = await visit(proxy.port);
    await proxy.logged(/ #3 \S+ opened/);
    assert.ok(!before.includes(serving(proxy.stderr).get(3) ?? 0));
    assert.equal(childrenOf(proxy.pid).length, 4);
    for (const client of old) await echo(client);
    for (const client of old) await leave(client);
    await allGone(before);
    await echo(next);
    assert.doesNotMatch(proxy.stderr, /died/);
    proxy.kill('SIGTERM');
    await dismissed(next);
    assert.equal((await proxy.exit()).code, 0);
  });

  test('loses nobody who comes or shakes hands meanwhile', async (t) => {
    const proxy = await start(t);
    const before = childrenOf(proxy.pid);
    const { port } = proxy;
    const slow = await Wire.connect({ port });
    const key = 'dGhlIHNhbXBsZSBub25jZQ==';
    const [one = '', ...others] = requestText({ port }, {}, key).split(/(?<=\r\n)/);
    await slow.write(one);
    proxy.kill('SIGUSR2');
    const storm: Promise<void>[] = [];
    await eventually('they are new', () => {
      if (storm.length < 300) storm.push(visit(port).then(leave));
      return /new worker processes/.test(proxy.stderr);
    });
    await slow.write(others.join(''));
    const client = await WebSocketClient.accepted(slow, key);
    await echo(client);
    await Promise.all(storm);
    await leave(client);
    await allGone(before);
  });

  test('without workers is answered by a word', async (t) => {
    const target = await echoServer(t);
    const proxy = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
    proxy.kill('SIGUSR2');
    await proxy.logged(/warning: there are no workers to replace/);
    await leave(await visit(proxy.port));
  });
});

describe('the end', () => {
  test('by SIGTERM is told to all clients, those of old workers too; no process is left', async (t) => {
    const proxy = await start(t);
    const old = await visits(proxy, 2);
    proxy.kill('SIGUSR2');
    await proxy.logged(/new worker processes/);
    const clients = [...old, ...(await visits(proxy, 3))];
    const workers = childrenOf(proxy.pid);
    assert.equal(workers.length, 4);
    proxy.kill('SIGTERM');
    await Promise.all(clients.map(dismissed));
    assert.deepEqual(await proxy.exit(), { code: 0, signal: null });
    assert.ok(!workers.some(isRunning));
  });

  test('by SIGTERM comes soon though nobody answers', async (t) => {
    const proxy = await start(t);
    const clients = await visits(proxy, 4);
    proxy.kill('SIGTERM');
    assert.equal((await within('the end', proxy.exited, 15_000)).code, 0);
    for (const { wire } of clients) wire.destroy();
  });

  test('by SIGQUIT comes with the last session', async (t) => {
    const proxy = await start(t);
    const workers = childrenOf(proxy.pid);
    const clients = await visits(proxy, 4);
    proxy.kill('SIGQUIT');
    await proxy.logged(/ends: SIGQUIT/);
    await assert.rejects(visit(proxy.port), /ECONNREFUSED/);
    for (const client of clients) {
      await echo(client);
      await leave(client);
    }
    assert.deepEqual(await proxy.exit(), { code: 0, signal: null });
    assert.ok(!workers.some(isRunning));
  });

  test('by Ctrl-C, which all processes get, is as orderly', async (t) => {
    const proxy = await start(t);
    const workers = childrenOf(proxy.pid);
    const clients = await visits(proxy, 2);
    for (const pid of [...workers, proxy.pid]) process.kill(pid, 'SIGINT');
    await Promise.all(clients.map(dismissed));
    assert.deepEqual(await proxy.exit(), { code: null, signal: 'SIGINT' });
    assert.ok(!workers.some(isRunning));
  });

  test('of the main process by SIGKILL is that of its workers', async (t) => {
    const proxy = await start(t);
    const workers = childrenOf(proxy.pid);
    const [client] = await visits(proxy, 1);
    proxy.kill('SIGKILL');
    await allGone(workers);
    await assert.rejects(echo(client ?? assert.fail()));
  });
});

describe('what workers tell', () => {
  test('is in one log file, to the last line', async (t) => {
    const file = join(scratch(t), 'log');
    const proxy = await start(t, '--log-file', file, '--log-format', 'json');
    const clients = await visits(proxy, 20);
    proxy.kill('SIGTERM');
    await Promise.all(clients.map(dismissed));
    await proxy.exit();
    const records = readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { pid: number; msg: string; connection?: number });
    for (const word of ['opened', '5 bytes received, 5 sent']) {
      const numbers = records.flatMap(({ msg, connection }) =>
        msg.includes(word) ? [connection] : [],
      );
      assert.equal(new Set(numbers).size, 20, word);
    }
    assert.equal(new Set(records.map(({ pid }) => pid)).size, 3);
  });

  test('is added up in the metrics', async (t) => {
    const [port = 0] = await freePorts(1);
    const proxy = await start(t, '--metrics', port);
    const clients: WebSocketClient[] = [];
    // One after the other, so that each worker has two.
    for (let i = 0; i < 4; i += 1) clients.push(await visit(proxy.port));
    const text = async () => (await get(port, '/metrics')).body.toString();
    const value = (all: string, name: string) =>
      Number(new RegExp(`^${name}(?:\\{.*\\})? (\\d+)$`, 'm').exec(all)?.[1]);
    const all = await text();
    assert.equal(value(all, 'wsproxy_sessions'), 4);
    assert.equal(value(all, 'wsproxy_sessions_total'), 4);
    assert.equal(value(all, 'wsproxy_received_bytes_total'), 20);
    const [pid = 0] = childrenOf(proxy.pid);
    t.after(() => {
      // One that is stopped cannot end.
      if (isRunning(pid)) process.kill(pid, 'SIGCONT');
    });
    process.kill(pid, 'SIGSTOP');
    assert.equal(value(await text(), 'wsproxy_sessions'), 2, 'one that hangs is left out');
    process.kill(pid, 'SIGCONT');
    await Promise.all(clients.map(leave));
  });
});

test('a command serves the clients of all workers', async (t) => {
  const [port = 0] = await freePorts(1);
  const program = `require('net').createServer((s) => s.pipe(s)).listen(${port})`;
  const args = ['--workers', 2, port, '--', process.execPath, '-e', program];
  const proxy = await WsProxy.start(t, args);
  const [one, other] = await visitBoth(proxy);
  const children = childrenOf(proxy.pid);
  assert.equal(children.length, 3);
  proxy.kill('SIGTERM');
  await Promise.all([one.client, other.client].map(dismissed));
  assert.deepEqual(await proxy.exit(), { code: 0, signal: null });
  assert.ok(!children.some(isRunning));
});
