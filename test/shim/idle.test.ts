// A wait that has nothing to report sleeps: what the server did not ask for costs it no CPU.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newKey, requestText, WebSocketClient } from '../support/client.js';
import { frame, ping } from '../support/frame.js';
import { listener, type Puppet, type Reply } from '../support/puppet.js';
import { scene } from '../support/scene.js';
import { stage, wrappedPuppet } from '../support/stage.js';

/** The milliseconds that a wait lasts: a loop that spins uses all of them, however busy it is. */
const span = 400;

function assertIdle({ cpu }: Reply): void {
  assert.ok(cpu < span / 8, `${cpu} ms of CPU in ${span} ms`);
}

type Wait = (puppet: Puppet, fd: number) => Promise<Reply>;

async function epoll(puppet: Puppet, fd: number): Promise<Reply> {
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', fd, 'in+pri', 1);
  return puppet.call('epoll_wait', epfd, 8, span);
}

const waits: Record<string, Wait> = {
  select: (puppet, fd) => puppet.call('select', span, `r:${fd}`, `e:${fd}`),
  poll: (puppet, fd) => puppet.call('poll', span, `${fd}:in+pri`),
  epoll,
};

const hex = (bytes: Uint8Array | string) => `hex:${Buffer.from(bytes).toString('hex')}`;

for (const [name, wait] of Object.entries(waits)) {
  test(`urgent data does not wake ${name}`, async (t) => {
    const puppet = await wrappedPuppet(t);
    const client = await puppet.must('connect', puppet.server.port);
    await puppet.must('write', client, hex(requestText(puppet.server, {}, newKey())));
    const fd = await puppet.must('accept', listener);
    // The byte is no part of the stream (tcp(7)).
    await puppet.must('send', client, 'text:!', 'oob');
    const reply = await wait(puppet, fd);
    assert.equal(reply.result, 0);
    assertIdle(reply);
    await puppet.must('write', client, hex(frame({ payload: Buffer.from('payload') })));
    assert.equal((await puppet.call('read', fd, 100)).detail, 'text:payload');
  });
}

scene('a listener that was shut down and taken out of epoll is silent', async (s) => {
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', listener, 'in', 1);
  await s.puppet.must('shutdown', listener, 'rdwr');
  await s.puppet.must('epoll_ctl', epfd, 'del', listener);
  const reply = await s.puppet.call('epoll_wait', epfd, 8, span);
  assert.equal(reply.result, 0);
  assertIdle(reply);
  assert.equal((await s.puppet.call('accept', listener)).error, 'EINVAL');
});

test('a listener that was shut down costs a wait for a connection nothing', async (t) => {
  const { puppet, fd } = await stage(t);
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 1);
  await puppet.must('epoll_ctl', epfd, 'add', listener, 'in', 2);
  await puppet.must('shutdown', listener, 'rdwr');
  await puppet.must('epoll_ctl', epfd, 'del', listener);
  assertIdle(await puppet.call('epoll_wait', epfd, 8, span));
  assertIdle(await puppet.call('poll', span, `${fd}:in`));
});

test('a connection that was closed in epoll while a copy is open costs nothing', async (t) => {
  const { puppet, client, fd } = await stage(t);
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 1);
  const copy = await puppet.must('dup', fd);
  await puppet.must('close', fd);
  await client.send('payload');
  assert.equal((await puppet.call('poll', 10_000, `${copy}:in`)).result, 1);
  const reply = await puppet.call('epoll_wait', epfd, 8, span);
  if (reply.result === 0) assertIdle(reply);
  await client.wire.write(ping());
  assert.equal((await puppet.call('read', copy, 100)).detail, 'text:payload');
});

test('what a child put into an epoll costs its parent nothing, and is not taken for its own', async (t) => {
  const { puppet, client, fd } = await stage(t);
  const epfd = await puppet.must('epoll_create');
  await puppet.must('in-child', 'epoll_ctl', epfd, 'add', fd, 'in+rdhup', 1);
  const connecting = WebSocketClient.connect(puppet.server);
  const otherFd = await puppet.must('accept', listener);
  const other = await connecting;
  t.after(() => other.wire.destroy());
  await puppet.must('epoll_ctl', epfd, 'add', otherFd, 'in+rdhup', 2);
  client.wire.end();
  assert.equal((await puppet.call('poll', 10_000, `${fd}:rdhup`)).result, 1);
  const reply = await puppet.call('epoll_wait', epfd, 8, span);
  assert.equal(reply.result, 0);
  assertIdle(reply);
  await other.send('payload');
  assert.equal((await puppet.call('epoll_wait', epfd, 8, 10_000)).detail, '0x2:in');
});
