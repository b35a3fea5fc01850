// Processes that share a listener: a client whom one of them has met is not lost when that one stops
// accepting, be it for a while or for good. On TCP it would have waited in the kernel for the next.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { newKey, requestText, WebSocketClient } from '../support/client.js';
import { compile } from '../support/compile.js';
import { eventually } from '../support/deadline.js';
import { childrenOf, threadStates } from '../support/kernel.js';
import { listener, Puppet } from '../support/puppet.js';
import { serve } from '../support/server.js';
import { Wire } from '../support/wire.js';

/** A client that has sent most of its handshake, so that it waits wherever it was met. */
async function hesitant(t: TestContext, puppet: Puppet) {
  const key = newKey();
  const request = requestText(puppet.server, {}, key);
  const wire = await Wire.connect(puppet.server);
  t.after(() => wire.destroy());
  await wire.write(request.slice(0, -1));
  const proceed = async () => {
    await wire.write(request.slice(-1));
    return WebSocketClient.accepted(wire, key);
  };
  return { proceed };
}

/** Begins an accept in a child and waits until the child waits in it. */
async function acceptingChild(puppet: Puppet) {
  const { reply } = puppet.begin('in-child', 'accept', listener);
  const { pid } = puppet.server;
  await eventually('the child waits for a client', () => {
    const [child] = childrenOf(pid);
    return child !== undefined && threadStates(child).every((state) => state === 'S');
  });
  return { accepted: reply };
}

test('a client of a process that closes its listener goes to the next', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const { proceed } = await hesitant(t, puppet);
  await puppet.call('poll', 100, `${listener}:in`);
  const { accepted } = await acceptingChild(puppet);
  await puppet.must('close', listener);
  const client = await proceed();
  assert.equal((await accepted).error, 'ok');
  assert.equal(await client.closed(), 1001);
});

test('a client of a process that exits goes to the next', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const { proceed } = await hesitant(t, puppet);
  assert.equal((await puppet.call('in-child', 'poll', 100, `${listener}:in`)).result, 0);
  const connecting = proceed();
  await puppet.must('accept', listener);
  await connecting;
});

test('a client of a process that takes its listener out of its epoll goes to the next', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const { proceed } = await hesitant(t, puppet);
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', listener, 'in', 1);
  await puppet.call('epoll_wait', epfd, 1, 100);
  const { accepted } = await acceptingChild(puppet);
  await puppet.must('epoll_ctl', epfd, 'del', listener);
  const client = await proceed();
  assert.equal((await accepted).error, 'ok');
  assert.equal(await client.closed(), 1001);
});

for (const [what, also] of [
  ['polls other things', []],
  ['polls its listener, but not for clients', [`${listener}:0`]],
] as const) {
  test(`a client of a process that ${what} goes to the next`, async (t) => {
    const puppet = await Puppet.start(t, { wrapped: true });
    const { proceed } = await hesitant(t, puppet);
    const other = await puppet.must('pipe');
    await puppet.call('poll', 100, `${listener}:in`);
    const { accepted } = await acceptingChild(puppet);
    await puppet.call('poll', 100, `${other}:in`, ...also);
    const client = await proceed();
    assert.equal((await accepted).error, 'ok');
    assert.equal(await client.closed(), 1001);
  });
}

test('a process whose epoll does not have the listener leaves clients to the others', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', listener, 'in', 1);
  await puppet.must('hold');
  await puppet.must('epoll_ctl', epfd, 'del', listener);
  const { proceed } = await hesitant(t, puppet);
  assert.equal((await puppet.call('epoll_wait', epfd, 1, 100)).result, 0);
  // The child has only what nobody took from the kernel.
  const { accepted } = await acceptingChild(puppet);
  await proceed();
  assert.equal((await accepted).error, 'ok');
  // Once it is back in, so are the clients.
  await puppet.must('epoll_ctl', epfd, 'add', listener, 'in', 1);
  const connecting = WebSocketClient.connect(puppet.server);
  assert.equal((await puppet.call('epoll_wait', epfd, 1, 10_000)).result, 1);
  await puppet.must('accept', listener);
  (await connecting).wire.destroy();
});

test('what waits at one listener does not wait for a client of another', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true, ports: 2 });
  const [, port = 0] = puppet.server.ports;
  const second = await puppet.must('listen', '127.0.0.1', port);
  const { proceed } = await hesitant(t, puppet);
  await puppet.call('poll', 100, `${listener}:in`, `${second}:in`);
  const { accepted } = await acceptingChild(puppet);
  // The parent serves a client of the second listener from here on.
  const connecting = WebSocketClient.connect({ port });
  await puppet.must('accept', second);
  const served = await connecting;
  t.after(() => served.wire.destroy());
  const client = await proceed();
  assert.equal((await accepted).error, 'ok');
  assert.equal(await client.closed(), 1001);
});

test('children that are forked in quick succession each hold the connection', async (t) => {
  const program = compile({
    name: 'heirs',
    sources: ['test/servers/heirs.c'],
    flags: ['-O2', '-D_GNU_SOURCE'],
  });
  const server = await serve(t, program, (port) => [`port=${port}`], { wrapped: true });
  const client = await WebSocketClient.connect(server);
  t.after(() => client.wire.destroy());
  assert.equal((await client.rest()).toString(), 'last word');
  assert.deepEqual(await server.exit(), { code: 0, signal: null });
});
