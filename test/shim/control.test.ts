// ioctl, socket options and status flags of a connection.
import assert from 'node:assert/strict';
import { listener } from '../support/puppet.js';
import { scene, shows } from '../support/scene.js';

shows({ FIONREAD: 'ioctl' });
scene('FIONREAD counts across frames', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'x'.repeat(300));
  assert.equal((await s.puppet.call('fionread', fd)).detail, '300');
  await s.puppet.must('read', fd, 299);
  assert.equal((await s.puppet.call('fionread', fd)).detail, '1');
  await client.finish();
  await s.puppet.must('read', fd, 299);
  await s.puppet.call('poll', 10_000, `${fd}:in`);
  assert.equal((await s.puppet.call('fionread', fd)).detail, '0');
  assert.equal((await s.puppet.call('fionread', listener)).error, 'EINVAL');
});

shows({ FIONBIO: 'ioctl' });
scene('FIONBIO is O_NONBLOCK', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('fionbio', fd, 1);
  assert.equal((await s.puppet.call('getfl', fd)).detail, 'nonblock');
  assert.equal((await s.puppet.call('read', fd, 10)).error, 'EAGAIN');
  await s.puppet.must('fionbio', fd, 0);
  assert.equal((await s.puppet.call('getfl', fd)).detail, '');
  const reading = s.puppet.begin('read', fd, 10);
  await s.blocked(1);
  await client.send(Buffer.from('x'));
  assert.equal((await reading.reply).detail, 'text:x');
  await s.puppet.must('fionbio', listener, 1);
  assert.equal((await s.puppet.call('accept', listener)).error, 'EAGAIN');
  assert.equal((await s.puppet.call('getfl', listener)).detail, 'nonblock');
});

shows({ SIOCOUTQ: 'ioctl' });
scene('SIOCOUTQ tells when everything has arrived', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('write', fd, 'text:hello');
  await client.receive(5);
  let left = await s.puppet.aside('siocoutq', fd);
  while (left.detail !== 'none') left = await s.puppet.aside('siocoutq', fd);
  assert.equal(left.error, 'ok');
});

shows({ FIOASYNC: 'ioctl' });
scene('SIGIO tells of input', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('fioasync', fd);
  await client.send(Buffer.from('x'));
  assert.equal((await s.puppet.call('sigio', 10_000)).result, 1);
  assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:x');
});

shows({ SO_RCVLOWAT: 'getsockopt setsockopt' });
scene('SO_RCVLOWAT is what it was set to', async (s) => {
  const { fd } = await s.connection();
  assert.equal((await s.puppet.call('getsockopt', fd, 'rcvlowat')).detail, '1');
  await s.puppet.must('option', fd, 'rcvlowat', 10);
  assert.equal((await s.puppet.call('getsockopt', fd, 'rcvlowat')).detail, '10');
  await s.puppet.must('option', fd, 'rcvlowat', 0);
  assert.equal((await s.puppet.call('getsockopt', fd, 'rcvlowat')).detail, '1');
  assert.equal((await s.puppet.call('getsockopt', fd, 'acceptconn')).detail, '0');
  assert.equal((await s.puppet.call('getsockopt', listener, 'acceptconn')).detail, '1');
});

shows({ SO_RCVLOWAT: 'read' });
scene('a blocking read waits for SO_RCVLOWAT', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('option', fd, 'rcvlowat', 6);
  const reading = s.puppet.begin('read', fd, 100);
  await s.blocked(1);
  await client.send(Buffer.from('abc'));
  await s.arrival(client, fd);
  await s.blocked(1);
  await client.send(Buffer.from('def'));
  assert.equal((await reading.reply).detail, 'text:abcdef');
});

for (const [name, ...args] of [
  ['read', 10],
  ['readv', 5, 5],
  ['recv', 10, 0],
  ['recv', 10, 'waitall'],
  ['recv', 10, 'peek'],
  ['recvfrom', 10, 0],
  ['recvmsg', 0, 10],
  ['recvmmsg', 0, -1, 10],
  ['preadv2', 0, 10],
] as const) {
  shows({ SO_RCVTIMEO: name });
  scene(`SO_RCVTIMEO ends ${name} ${args.join(' ')}`, async (s) => {
    const { fd } = await s.connection();
    await s.puppet.must('option', fd, 'rcvtimeo', 100);
    const reply = await s.puppet.call(name, fd, ...args);
    assert.equal(reply.error, 'EAGAIN');
    assert.ok(reply.elapsed >= 99, `${reply.elapsed} ms`);
  });
}

scene('SO_RCVTIMEO ends MSG_WAITALL with what has come', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('option', fd, 'rcvtimeo', 100);
  await s.deliver(client, fd, 'abc');
  const reply = await s.puppet.call('recv', fd, 10, 'waitall');
  assert.equal(reply.detail, 'text:abc');
  assert.ok(reply.elapsed >= 99, `${reply.elapsed} ms`);
});

shows({ SO_RCVTIMEO: 'accept' });
scene('SO_RCVTIMEO ends accept', async (s) => {
  await s.puppet.must('option', listener, 'rcvtimeo', 100);
  const reply = await s.puppet.call('accept', listener);
  assert.equal(reply.error, 'EAGAIN');
  assert.ok(reply.elapsed >= 99, `${reply.elapsed} ms`);
});
