// Calls at the edge of what they allow, where they must still do what Linux does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../support/deadline.js';
import { manyFramesPerSegment } from '../support/framings.js';
import { generate } from '../support/payload.js';
import { listener } from '../support/puppet.js';
import { Random } from '../support/random.js';
import { scene, shows } from '../support/scene.js';
import { connection, stage, wrappedPuppet } from '../support/stage.js';
import { Wire } from '../support/wire.js';

shows({ 'any count': 'select' });
scene('select with a count that is the size of the descriptor table', async (s) => {
  await s.puppet.must('limit', 4096);
  const idle = await s.puppet.call('select-all', 0, listener);
  assert.equal(idle.result, 0);
  assert.equal(idle.detail, 'r: changed=0');
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'x');
  const reply = await s.puppet.call('select-all', 1000, fd);
  assert.equal(reply.detail, `r:${fd} changed=0`);
});

shows({ 'onto itself': 'dup3' });
scene('dup3 onto itself is refused', async (s) => {
  const { client, fd } = await s.connection();
  const pipe = await s.puppet.must('pipe');
  for (const one of [fd, listener, pipe]) {
    assert.equal((await s.puppet.call('dup3', one, one)).error, 'EINVAL');
    assert.equal((await s.puppet.call('dup3', one, one, 0)).error, 'EINVAL');
  }
  await s.deliver(client, fd, 'still-there');
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:still-there');
});

shows({ reset: 'recv' });
scene('a reset behind part of what MSG_WAITALL waits for is told by the next call', async (s) => {
  const { client, fd } = await s.connection();
  const reading = s.puppet.begin('recv', fd, 50, 'waitall');
  await s.blocked(1);
  await client.send(Buffer.from('hello'));
  await eventually('the thread took it', () => client.wire.unreadByPeer() === 0);
  await s.blocked(1);
  client.wire.reset();
  assert.equal((await reading.reply).detail, 'text:hello');
  assert.equal((await s.puppet.call('recv', fd, 50, 0)).error, 'ECONNRESET');
  assert.equal((await s.puppet.call('recv', fd, 50, 0)).result, 0);
});

scene('threads with small stacks may make every call', async (s) => {
  const { client, fd } = await s.connection();
  const small = (name: string, ...args: (string | number)[]) =>
    s.puppet.call('small-stack', name, ...args);
  await s.deliver(client, fd, 'abcdefgh');
  assert.equal((await small('fionread', fd)).detail, '8');
  assert.equal((await small('read', fd, 2)).detail, 'text:ab');
  assert.equal((await small('recvmsg', fd, 0, 2)).result, 2);
  assert.equal((await small('poll', 1000, `${fd}:in+out`)).detail, `${fd}:in+out`);
  assert.equal((await small('select', 1000, `r:${fd}`)).result, 1);
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 1);
  assert.equal((await small('epoll_wait', epfd, 8, 1000)).detail, '0x1:in');
  assert.equal((await small('readv', fd, 2, 2)).result, 4);
  assert.equal((await small('write', fd, 'make:4096:1')).result, 4096);
  assert.equal((await small('sendfile', fd, 0, 50_000, 'make:50000:2')).result, 50_000);
  assert.equal((await client.receive(54_096)).length, 54_096);
  await s.client();
  const other = await small('accept', listener);
  assert.equal(other.error, 'ok');
  assert.equal((await small('close', other.result)).result, 0);
});

shows({ refusals: 'dup3' });
scene('a call that is refused for its flags closes nothing', async (s) => {
  const { client, fd } = await s.connection();
  const pipe = await s.puppet.must('pipe');
  assert.equal((await s.puppet.call('dup3', pipe, fd, 1)).error, 'EINVAL');
  assert.equal((await s.puppet.call('dup3', 900, fd)).error, 'EBADF');
  await s.deliver(client, fd, 'still-there');
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:still-there');
});

shows({ 'EMSGSIZE, EFAULT': 'recvmsg sendmsg' });
scene('messages of too many pieces, or of pieces that are nowhere', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'payload');
  for (const name of ['recvmsg-pieces', 'sendmsg-pieces']) {
    assert.equal((await s.puppet.call(name, fd, 1025)).error, 'EMSGSIZE');
    assert.equal((await s.puppet.call(name, fd, -1)).error, 'EFAULT');
  }
  assert.equal((await s.puppet.call('recvmsg-pieces', fd, 1024)).result, 7);
  assert.equal((await s.puppet.call('sendmsg-pieces', fd, 1024)).result, 1024);
  assert.equal((await client.receive(1024)).length, 1024);
});

shows({ EBADF: 'sendfile' });
scene('sendfile from a descriptor that is closed', async (s) => {
  const { fd } = await s.connection();
  assert.equal((await s.puppet.call('sendfile-from', fd, 900, 10)).error, 'EBADF');
});

shows({ refusals: 'sendfile' });
scene('sendfile from a descriptor that has no positions', async (s) => {
  const { fd } = await s.connection();
  const epfd = await s.puppet.must('epoll_create');
  assert.equal((await s.puppet.call('sendfile-from', fd, epfd, 10)).error, 'EINVAL');
});

shows({ 'after shutdown': 'send' });
scene('a send of no bytes fails like any other after shutdown', async (s) => {
  const { fd } = await s.connection();
  assert.equal((await s.puppet.call('send', fd, 'text:', 0)).result, 0);
  await s.puppet.must('shutdown', fd, 'wr');
  assert.equal((await s.puppet.call('send', fd, 'text:', 0)).error, 'EPIPE');
});

test('what FIONREAD does not count is an edge of its own', async (t) => {
  const { puppet, client, fd } = await stage(t);
  const payload = generate(20_000);
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', fd, 'in+et', 1);
  const frames = manyFramesPerSegment.segments(payload, new Random(1));
  await client.wire.writeAll(frames);
  await puppet.must('poll', 10_000, `${fd}:in`);
  // However much is counted at a time, there is an edge as long as more is there than was counted.
  for (let taken = 0; taken < payload.length; ) {
    assert.equal((await puppet.call('epoll_wait', epfd, 8, 10_000)).detail, '0x1:in');
    const counted = Number((await puppet.call('fionread', fd)).detail);
    assert.ok(counted > 0 && counted <= payload.length - taken);
    const { result } = await puppet.call('read', fd, counted + 1);
    assert.ok(result >= counted);
    taken += result;
  }
});

shows({ 'numbers up to 1023': 'select accept' });
scene('the last descriptor that select can name', async (s) => {
  await s.puppet.must('limit', 4096);
  await s.puppet.must('fill-up-to', 1023);
  const { client, fd } = await s.connection();
  assert.equal(fd, 1023);
  await s.deliver(client, fd, 'x');
  const { detail } = await s.puppet.call('select', 10_000, `r:${listener},${fd}`, `w:${fd}`);
  assert.equal(detail, `r:${fd} w:${fd} e:`);
  assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:x');
  assert.equal((await s.puppet.call('select', 0, `r:${listener},${fd}`)).result, 0);
});

test('many clients that say nothing take no number that select needs', async (t) => {
  const puppet = await wrappedPuppet(t);
  await puppet.must('limit', 4096);
  let waiting = true;
  const connecting = Array.from({ length: 1000 }, () => Wire.connect(puppet.server));
  const silent = Promise.all(connecting).finally(() => {
    waiting = false;
  });
  while (waiting) {
    assert.equal((await puppet.call('select', 100, `r:${listener}`)).result, 0);
  }
  const wires = await silent;
  t.after(() => {
    for (const wire of wires) wire.destroy();
  });
  const { client, fd } = await connection(t, puppet);
  assert.equal(fd, listener + 1);
  await client.send('x');
  const { detail } = await puppet.call('select', 10_000, `r:${listener},${fd}`);
  assert.equal(detail, `r:${fd} w: e:`);
});
