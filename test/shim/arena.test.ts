// The records that all processes of a server share: how many there are, who holds them, and that
// none is left behind, whoever was killed.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recordsComeTo, recordsInUse, sparePlacesInUse } from '../support/arena.js';
import { WebSocketClient } from '../support/client.js';
import { compile } from '../support/compile.js';
import { eventually } from '../support/deadline.js';
import { childrenOf } from '../support/kernel.js';
import { fork, words } from '../support/loops.js';
import { serve } from '../support/server.js';
import { connection, stage, wrappedPuppet } from '../support/stage.js';
import { swarm } from '../support/swarm.js';

describe('--max-connections', () => {
  test('refuses who is too many, until somebody leaves', async (t) => {
    const puppet = await wrappedPuppet(t, { env: { WSWRAP_MAX_CONNECTIONS: '2' } });
    const first = await connection(t, puppet);
    await connection(t, puppet);
    const refused = WebSocketClient.connect(puppet.server);
    const outcome = assert.rejects(refused, /refused with 503/);
    // The server never hears of it.
    assert.equal((await puppet.call('poll', 200, '3:in')).result, 0);
    await outcome;
    await first.client.close();
    await puppet.must('close', first.fd);
    await first.client.ended();
    const { client, fd } = await connection(t, puppet);
    await puppet.must('write', fd, 'text:hello');
    assert.equal((await client.receive(5)).toString(), 'hello');
  });

  test('counts the connections of all processes, and none of those that were killed', async (t) => {
    const env = { WSWRAP_MAX_CONNECTIONS: '3' };
    const server = await serve(t, fork.program(), words({ mode: 'echo' }), { wrapped: true, env });
    const clients = await Promise.all([1, 2, 3].map(() => WebSocketClient.connect(server)));
    t.after(() => clients.map((client) => client.wire.destroy()));
    // The parent has closed its copies.
    for (const client of clients) {
      await client.send('x');
      await client.receive(1);
    }
    await assert.rejects(WebSocketClient.connect(server), /refused with 503/);
    for (const child of childrenOf(server.pid)) process.kill(child, 'SIGKILL');
    // The kernel's FIN is all that they see: nobody is left who could say more.
    for (const client of clients) assert.equal(await client.closed(), 1006);
    await eventually('the children are gone', () => childrenOf(server.pid).length === 0);
    for (let i = 0; i < 3; i += 1) {
      const next = await WebSocketClient.connect(server);
      t.after(() => next.wire.destroy());
    }
    assert.equal(recordsInUse(server.pid), 3);
  });
});

describe('the last holder says Close, once', () => {
  for (const name of ['child', 'parent']) {
    test(`when the ${name} has closed before`, async (t) => {
      const { puppet, client, fd } = await stage(t);
      await puppet.must('hold');
      if (name === 'child') {
        await puppet.must('release');
        await puppet.must('close', fd);
        assert.equal((await client.rest()).length, 0);
        assert.equal(client.reader.closeCode, 1000);
      } else {
        await puppet.must('close', fd);
        await puppet.must('release');
        // It was killed.
        assert.equal(await client.closed(), 1006);
      }
      await client.wire.end();
      await client.ended();
    });
  }

  test('however many children had the connection and were killed', async (t) => {
    const { puppet, client, fd } = await stage(t);
    // More than a record has places for.
    for (let i = 0; i < 20; i += 1) {
      await puppet.must('hold');
      await puppet.must('release');
    }
    await client.send('still-here');
    assert.equal((await puppet.call('read', fd, 100)).detail, 'text:still-here');
    await puppet.must('close', fd);
    assert.equal((await client.rest()).length, 0);
    assert.equal(client.reader.closeCode, 1000);
  });

  for (const last of ['parent', 'child']) {
    test(`however many have the connection at once, the ${last} to the end`, async (t) => {
      // The record of those that were killed is found when the next client needs it.
      const env = last === 'child' ? { WSWRAP_MAX_CONNECTIONS: '1' } : {};
      const { puppet, client, fd } = await stage(t, { env });
      const { pid } = puppet.server;
      const children = 20;
      for (let i = 0; i < children; i += 1) await puppet.must('hold');
      assert.ok(sparePlacesInUse(pid) >= children / 2);
      if (last === 'child') await puppet.must('close', fd);
      for (let i = 0; i < children; i += 1) await puppet.must('release');
      if (last === 'parent') await puppet.must('close', fd);
      assert.equal(await client.closed(), last === 'parent' ? 1000 : 1006);
      await client.wire.end();
      await client.ended();
      const next = await connection(t, puppet);
      await puppet.must('close', next.fd);
      await next.client.ended();
      assert.equal(sparePlacesInUse(pid), 0);
    });
  }
});

test('100 000 connections through 4096 records leave none in use', async (t) => {
  const program = compile({
    name: 'churn',
    sources: ['test/servers/churn.c'],
    flags: ['-O2', '-D_GNU_SOURCE'],
  });
  const env = { WSWRAP_MAX_CONNECTIONS: '4096' };
  const server = await serve(t, program, words({ mode: 'echo' }), { wrapped: true, env });
  const { port, pid } = server;
  const { visits } = await swarm({ port, clients: 64, visits: 100_000, bytes: 20, killed: 1 });
  assert.equal(visits, 100_000);
  await eventually('no child is left', () => childrenOf(pid).length === 0);
  // Records of children that were killed are found by who comes next.
  await swarm({ port, clients: 1, visits: 15, bytes: 20, killed: 1 });
  await recordsComeTo(pid, 0);
});
