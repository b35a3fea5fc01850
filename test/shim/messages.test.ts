// The flags of recv and send, and the calls for several messages at once.
import assert from 'node:assert/strict';
import { eventually } from '../support/deadline.js';
import { scene, shows } from '../support/scene.js';

shows({ MSG_PEEK: 'recv recvfrom recvmsg' });
scene('MSG_PEEK shows as much as a read would take, however it is framed', async (s) => {
  const { client, fd } = await s.connection();
  const payload = 'abcdefghijklmnopqrstuvwxyz'.repeat(7);
  await s.deliver(client, fd, payload);
  for (const size of [1, 10, 100, 500]) {
    const reply = await s.puppet.call('recv', fd, size, 'peek');
    assert.equal(reply.detail, `text:${payload.slice(0, size)}`);
  }
  await s.puppet.call('recvfrom', fd, 30, 'peek');
  await s.puppet.call('recvmsg', fd, 'peek', 10, 0, 30);
  assert.equal((await s.puppet.call('read', fd, 500)).detail, `text:${payload}`);
});

shows({ 'MSG_PEEK with MSG_WAITALL': 'recv' });
scene('MSG_PEEK and MSG_WAITALL together wait until all of it can be seen', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'abc');
  const peeking = s.puppet.begin('recv', fd, 6, 'peek+waitall');
  await s.blocked(1);
  await client.send(Buffer.from('def'));
  assert.equal((await peeking.reply).detail, 'text:abcdef');
  assert.equal((await s.puppet.call('recv', fd, 6, 'peek+waitall')).detail, 'text:abcdef');
  assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:abcdef');
  const ended = s.puppet.begin('recv', fd, 6, 'peek+waitall');
  await client.send(Buffer.from('gh'));
  await client.finish();
  assert.equal((await ended.reply).detail, 'text:gh');
});

shows({ MSG_TRUNC: 'recv' });
scene('MSG_TRUNC drops bytes unseen', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'x'.repeat(10_000));
  assert.equal((await s.puppet.call('recv', fd, 5, 'trunc')).result, 5);
  assert.equal((await s.puppet.call('recv', fd, 2000, 'trunc+peek')).result, 2000);
  assert.equal((await s.puppet.call('recv', fd, 9000, 'trunc')).result, 9000);
  assert.equal((await s.puppet.call('recv', fd, 9000, 'trunc')).result, 995);
  assert.equal((await s.puppet.call('recv', fd, 10, 'trunc+dontwait')).error, 'EAGAIN');
});

shows({ 'MSG_OOB, MSG_ERRQUEUE': 'recv', MSG_ERRQUEUE: 'recvmsg', SIOCATMARK: 'ioctl' });
scene('there is no urgent data and no error queue', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'abc');
  assert.equal((await s.puppet.call('recv', fd, 1, 'oob')).error, 'EINVAL');
  assert.equal((await s.puppet.call('recv', fd, 1, 'oob+dontwait')).error, 'EINVAL');
  assert.equal((await s.puppet.call('recv', fd, 1, 'errqueue')).error, 'EAGAIN');
  assert.equal((await s.puppet.call('recvmsg', fd, 'errqueue', 1)).error, 'EAGAIN');
  assert.equal((await s.puppet.call('siocatmark', fd)).detail, '0');
  assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:abc');
});

shows({ 'other flags': 'recvmsg send sendmsg' });
scene('flags that mean nothing to a stream', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'abcdef');
  const { detail } = await s.puppet.call('recvmsg', fd, 'cmsg-cloexec', 3);
  assert.equal(detail, 'text:abc control=0 flags=cmsg-cloexec');
  for (const flags of ['eor', 'confirm', 'dontroute', 'more', 'nosignal+eor']) {
    assert.equal(await s.puppet.must('send', fd, 'text:x', flags), 1);
  }
  assert.equal(await s.puppet.must('sendmsg', fd, 'more+dontwait', 'text:y'), 1);
  assert.equal(await s.puppet.must('write', fd, 'text:z'), 1);
  assert.equal((await client.receive(7)).toString(), 'xxxxxyz');
});

shows({ MSG_DONTWAIT: 'recvmmsg', MSG_WAITFORONE: 'recvmmsg' });
scene('recvmmsg takes a message for each buffer, while there is something', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'abcdefgh');
  const first = await s.puppet.call('recvmmsg', fd, 'dontwait', -1, 3, 3);
  assert.equal(first.detail, 'abc,def,');
  const rest = await s.puppet.call('recvmmsg', fd, 'waitforone', -1, 3, 3);
  assert.equal(rest.detail, 'gh,');
  assert.equal((await s.puppet.call('recvmmsg', fd, 'dontwait', -1, 3)).error, 'EAGAIN');
  const waiting = s.puppet.begin('recvmmsg', fd, 0, -1, 2, 2);
  await s.blocked(1);
  await client.send(Buffer.from('ij'));
  await eventually('it was taken', () => client.wire.unreadByPeer() === 0);
  await s.blocked(1);
  await client.send(Buffer.from('k'));
  assert.equal((await waiting.reply).detail, 'ij,k,');
});

shows({ timeout: 'recvmmsg' });
scene('recvmmsg looks at its timeout after each message', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'abcdef');
  const reply = await s.puppet.call('recvmmsg', fd, 0, 0, 2, 2, 2);
  assert.equal(reply.detail, 'ab,');
  assert.equal((await s.puppet.call('recvmmsg', fd, 0, 10_000, 2, 2)).detail, 'cd,ef,');
});

shows({ 'the end': 'recvmmsg' });
scene('recvmmsg at the end', async (s) => {
  const { client, fd } = await s.connection();
  await client.send(Buffer.from('abc'));
  await client.finish();
  await s.arrival(client, fd);
  const reply = await s.puppet.call('recvmmsg', fd, 0, -1, 3, 3, 3);
  assert.equal(reply.detail, 'abc,,,');
});

shows({ RWF_NOWAIT: 'preadv2 pwritev2' });
scene('preadv2 and pwritev2 that must not wait', async (s) => {
  const { client, fd } = await s.connection();
  assert.equal((await s.puppet.call('preadv2', fd, 'nowait', 3)).error, 'EAGAIN');
  await s.deliver(client, fd, 'abc');
  assert.equal((await s.puppet.call('preadv2', fd, 'nowait', 1, 9)).detail, 'text:abc');
  assert.equal(await s.puppet.must('pwritev2', fd, 'nowait', 'text:d'), 1);
  assert.equal((await client.receive(1)).toString(), 'd');
});
