// Our own descriptors: the server does not meet them, cannot close them, and has its numbers to
// itself. Without the arena's, a program that a server starts could not serve its connection.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { fork, words } from '../support/loops.js';
import type { Puppet } from '../support/puppet.js';
import { freePorts, serve, shim } from '../support/server.js';
import { connection, stage, wrappedPuppet } from '../support/stage.js';

/** Another program serves a new connection, which it cannot without the arena. */
async function another(t: TestContext, puppet: Puppet) {
  const { client, fd } = await connection(t, puppet);
  const running = puppet.call('run-on', fd, 'cat');
  await client.send('through cat');
  assert.equal((await client.receive(11)).toString(), 'through cat');
  await client.close();
  assert.equal((await running).result, 0);
}

function arenaIn(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  const arena = readdirSync(folder).filter((fd) =>
    readlinkSync(`${folder}/${fd}`).includes('wswrap'),
  );
  assert.equal(arena.length, 1);
  return Number(arena[0]);
}

describe('the arena is there for the next program', () => {
  for (const how of ['close', 'cloexec', 'fioclex', 'raw-close', 'raw-dup2']) {
    test(`after ${how} of every number`, async (t) => {
      const { puppet, fd } = await stage(t);
      await puppet.must('every', fd, how);
      await another(t, puppet);
    });
  }

  test('when the server may have fewer descriptors than before', async (t) => {
    const { puppet } = await stage(t);
    await puppet.must('limit', 32);
    await another(t, puppet);
  });

  test('and is not replaced', async (t) => {
    const puppet = await wrappedPuppet(t);
    const arena = arenaIn(puppet.server.pid);
    assert.equal((await puppet.call('dup2', 0, arena)).error, 'EBUSY');
    assert.ok((await puppet.must('dupfd', 0, arena)) > arena);
    await another(t, puppet);
  });
});

for (const limit of [16, 24, 64, 1024]) {
  test(`a server that may have ${limit} descriptors has the lowest to itself`, async (t) => {
    const command = (port: number) => {
      const server = [fork.program(), ...words({ mode: 'echo' })(port)].join(' ');
      return ['-c', `ulimit -n ${limit}; exec ${server}`];
    };
    const server = await serve(t, '/bin/sh', command, { wrapped: true });
    const client = await WebSocketClient.connect(server);
    t.after(() => client.wire.destroy());
    await client.send('hello');
    assert.equal((await client.receive(5)).toString(), 'hello');
    assert.ok(arenaIn(server.pid) >= limit - Math.min(limit / 4, 64));
    const numbers = server.openDescriptors();
    assert.ok([0, 1, 2, 3].every((fd) => numbers.includes(fd)));
  });
}

test('what the server closed of its standard streams is not ours', async () => {
  const [port] = await freePorts(1);
  const list = 'exec 3>&1 0<&- 1>&- 2>&-; exec /bin/ls -l /proc/self/fd >&3';
  const env = { ...process.env, LD_PRELOAD: shim, WSWRAP_PORT: String(port) };
  const output = execFileSync('/bin/sh', ['-c', list], { env, encoding: 'utf8' });
  assert.match(output, / \d{2,} -> \/memfd:wswrap/);
  assert.doesNotMatch(output, / [0-2] -> \/memfd/);
});
