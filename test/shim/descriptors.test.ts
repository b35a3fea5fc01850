// Descriptors: copies, children, shutdown, close, the listener's own.
import assert from 'node:assert/strict';
import { listener } from '../support/puppet.js';
import { scene, shows } from '../support/scene.js';

const copies: Record<string, (fd: number) => [string, ...number[]]> = {
  dup: (fd) => ['dup', fd],
  dup2: (fd) => ['dup2', fd, 20],
  dup3: (fd) => ['dup3', fd, 21],
  F_DUPFD: (fd) => ['dupfd', fd, 30],
  F_DUPFD_CLOEXEC: (fd) => ['dupfd-cloexec', fd, 31],
};

for (const [name, request] of Object.entries(copies)) {
  shows({ copies: request(0)[0] });
  scene(`${name} makes a second name for a connection`, async (s) => {
    const { client, fd } = await s.connection();
    const copy = await s.puppet.must(...request(fd));
    await s.deliver(client, fd, 'abcdefgh');
    assert.equal((await s.puppet.call('read', copy, 3)).detail, 'text:abc');
    assert.equal((await s.puppet.call('poll', 0, `${copy}:in`, `${fd}:in`)).result, 2);
    await s.puppet.must('close', fd);
    assert.equal((await s.puppet.call('read', fd, 3)).error, 'EBADF');
    assert.equal((await s.puppet.call('read', copy, 100)).detail, 'text:defgh');
    assert.equal(await s.puppet.must('write', copy, 'text:still-open'), 10);
    assert.equal((await client.receive(10)).toString(), 'still-open');
    await s.puppet.must('close', copy);
    assert.equal((await client.rest()).length, 0);
  });
}

shows({ 'over a connection': 'dup2' });
scene('dup2 over a connection closes it', async (s) => {
  const one = await s.connection();
  const other = await s.connection();
  await s.puppet.must('dup2', other.fd, one.fd);
  assert.equal((await one.client.rest()).length, 0);
  await s.deliver(other.client, one.fd, 'moved');
  assert.equal((await s.puppet.call('read', one.fd, 10)).detail, 'text:moved');
});

scene('dup2 of a pipe over a connection makes a pipe of it', async (s) => {
  const { client, fd } = await s.connection();
  const pipe = await s.puppet.must('pipe');
  await s.puppet.must('dup2', pipe, fd);
  assert.equal((await client.rest()).length, 0);
  assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:x');
});

shows({ 'onto itself': 'dup2' });
scene('dup2 of a connection onto itself changes nothing', async (s) => {
  const { client, fd } = await s.connection();
  assert.equal(await s.puppet.must('dup2', fd, fd), fd);
  await s.deliver(client, fd, 'same');
  assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:same');
});

shows({ SHUT_WR: 'shutdown', 'after shutdown': 'write read' });
scene('shutdown for writing ends what the client reads, not what it sends', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('write', fd, 'text:last-words');
  await s.puppet.must('shutdown', fd, 'wr');
  assert.equal((await client.rest()).toString(), 'last-words');
  assert.equal((await s.puppet.call('write', fd, 'text:x')).error, 'EPIPE');
  await s.deliver(client, fd, 'reply');
  assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:reply');
  await client.finish();
  await s.puppet.call('poll', 10_000, `${fd}:in`);
  assert.equal((await s.puppet.call('read', fd, 10)).result, 0);
  assert.equal(await s.puppet.must('close', fd), 0);
});

shows({ SHUT_RD: 'shutdown', 'after shutdown': 'read recv write' });
scene('shutdown for reading is an end at once, and writing goes on', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('shutdown', fd, 'rd');
  assert.equal((await s.puppet.call('poll', 0, `${fd}:in`)).detail, `${fd}:in`);
  assert.equal((await s.puppet.call('read', fd, 10)).result, 0);
  assert.equal((await s.puppet.call('recv', fd, 10, 'dontwait')).result, 0);
  assert.equal(await s.puppet.must('write', fd, 'text:hello'), 5);
  assert.equal((await client.receive(5)).toString(), 'hello');
});

shows({ SHUT_RDWR: 'shutdown' });
scene('shutdown for both', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('shutdown', fd, 'rdwr');
  assert.equal((await s.puppet.call('read', fd, 10)).result, 0);
  assert.equal((await s.puppet.call('write', fd, 'text:x')).error, 'EPIPE');
  await s.puppet.call('poll', 0, `${fd}:in+rdhup`);
  assert.equal((await client.rest()).length, 0);
});

shows({ 'wakes a reader': 'shutdown' });
scene('shutdown wakes a thread that reads', async (s) => {
  const { fd } = await s.connection();
  const reading = s.puppet.begin('read', fd, 10);
  await s.blocked(1);
  await s.puppet.must('shutdown', fd, 'rd');
  assert.equal((await reading.reply).result, 0);
});

shows({ 'wakes accept': 'shutdown' });
scene('shutdown of the listener wakes a thread that accepts', async (s) => {
  const accepting = s.puppet.begin('accept', listener);
  await s.blocked(1);
  await s.puppet.must('shutdown', listener, 'rd');
  assert.equal((await accepting.reply).error, 'EINVAL');
});

shows({ 'last of several': 'close' });
scene('close says goodbye only when it is the last', async (s) => {
  const { client, fd } = await s.connection();
  const copy = await s.puppet.must('dup', fd);
  await s.puppet.must('in-child', 'close', fd);
  await s.puppet.must('in-child', 'close', copy);
  await s.puppet.must('close', copy);
  assert.equal(await s.puppet.must('write', fd, 'text:here'), 4);
  assert.equal((await client.receive(4)).toString(), 'here');
  await s.puppet.must('close', fd);
  assert.equal((await client.rest()).length, 0);
});

shows({ 'after fork': 'read write' });
scene('a child takes some bytes, its parent the others', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'abcdefgh');
  assert.equal((await s.puppet.call('in-child', 'read', fd, 3)).detail, 'text:abc');
  assert.equal((await s.puppet.call('read', fd, 2)).detail, 'text:de');
  assert.equal((await s.puppet.call('in-child', 'read', fd, 100)).detail, 'text:fgh');
  await s.puppet.must('in-child', 'write', fd, 'text:child');
  await s.puppet.must('write', fd, 'text:parent');
  assert.equal((await client.receive(11)).toString(), 'childparent');
});

shows({ 'after fork': 'accept' });
scene('a child accepts from the listener that it inherited', async (s) => {
  const client = await s.client();
  await s.puppet.must('in-child', 'accept', listener);
  // The child has exited, and its connection with it.
  assert.equal((await client.rest()).length, 0);
});

scene('a connection lives as long as a child that has it', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('hold');
  await s.puppet.must('close', fd);
  const pause = s.puppet.call('poll', 200, `${listener}:in`);
  assert.equal((await pause).result, 0);
  assert.equal(client.wire.socket.readableLength, 0, 'no goodbye yet');
  await s.puppet.must('release');
  await client.ended();
});

shows({ flags: 'accept accept4 fcntl' });
scene('accept4 sets the flags that it is told', async (s) => {
  const accept = async (...request: [string, ...(string | number)[]]) => {
    await s.client();
    const fd = await s.puppet.must(...request);
    const flags = (await s.puppet.call('getfl', fd)).detail;
    return `${flags} ${await s.puppet.must('getfd', fd)}`;
  };
  assert.equal(await accept('accept', listener), ' 0');
  assert.equal(await accept('accept4', listener, '0'), ' 0');
  assert.equal(await accept('accept4', listener, 'nonblock'), 'nonblock 0');
  assert.equal(await accept('accept4', listener, 'cloexec'), ' 1');
  assert.equal(await accept('accept4', listener, 'nonblock+cloexec'), 'nonblock 1');
  await s.puppet.must('setfl', listener, 'nonblock');
  assert.equal(await accept('accept', listener), ' 0');
  assert.equal((await s.puppet.call('getfl', listener)).detail, 'nonblock');
});

shows({ O_NONBLOCK: 'accept' });
scene('a non-blocking listener has nothing until a client is there', async (s) => {
  await s.puppet.must('setfl', listener, 'nonblock');
  assert.equal((await s.puppet.call('accept', listener)).error, 'EAGAIN');
  await s.client();
  assert.equal((await s.puppet.call('accept', listener)).error, 'ok');
  assert.equal((await s.puppet.call('accept', listener)).error, 'EAGAIN');
});

scene('a copy of the listener accepts, too', async (s) => {
  const copy = await s.puppet.must('dup', listener);
  await s.client();
  assert.equal((await s.puppet.call('poll', 1000, `${copy}:in`)).result, 1);
  await s.puppet.must('accept', copy);
  await s.puppet.must('close', listener);
  const connecting = s.connect();
  assert.equal((await s.puppet.call('accept', copy)).error, 'ok');
  await connecting;
});

shows({ 'peer address': 'accept' });
scene('the address of a client is its own', async (s) => {
  const client = await s.client();
  const accepted = await s.puppet.call('accept', listener);
  assert.equal(accepted.detail, '127.0.0.1');
  assert.equal(Number(accepted.extra), client.wire.socket.localPort);
  const name = await s.puppet.call('getpeername', accepted.result);
  assert.equal(Number(name.extra), client.wire.socket.localPort);
});

shows({ reset: 'read write poll' });
scene('a reset is an error once, and then an end', async (s) => {
  const { client, fd } = await s.connection();
  client.wire.reset();
  await s.puppet.call('poll', 10_000, `${fd}:in`);
  assert.equal((await s.puppet.call('read', fd, 10)).error, 'ECONNRESET');
  assert.equal((await s.puppet.call('read', fd, 10)).result, 0);
  assert.equal((await s.puppet.call('write', fd, 'text:x')).error, 'EPIPE');
});

shows({ SO_ERROR: 'getsockopt' });
scene('SO_ERROR tells of a reset once', async (s) => {
  const { client, fd } = await s.connection();
  assert.equal((await s.puppet.call('pending-error', fd)).detail, 'none');
  client.wire.reset();
  await s.puppet.call('poll', 10_000, `${fd}:in`);
  assert.equal((await s.puppet.call('pending-error', fd)).detail, 'ECONNRESET');
  assert.equal((await s.puppet.call('pending-error', fd)).detail, 'none');
});

shows({ SO_LINGER: 'setsockopt close' });
scene('SO_LINGER of zero and close reset the connection', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('option', fd, 'linger', 0);
  await s.puppet.must('close', fd);
  await assert.rejects(client.rest(), { code: 'ECONNRESET' });
});

scene('a daemon closes everything above its standard streams, and begins', async (s) => {
  await s.puppet.must('close-from', 3);
  assert.equal(await s.puppet.must('listen', '127.0.0.1', s.puppet.server.port), listener);
  const { client, fd } = await s.connection();
  assert.equal(fd, 4);
  await s.puppet.must('close-from', 5);
  await s.deliver(client, fd, 'hello');
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:hello');
  const second = await s.connection();
  await s.puppet.must('write', second.fd, 'text:and-another');
  assert.equal((await second.client.receive(11)).toString(), 'and-another');
});

shows({ EMFILE: 'accept dup' });
scene('accept without a descriptor left fails, and gets its client later', async (s) => {
  const first = await s.connection();
  const waiting = await s.client();
  await s.puppet.must('limit', first.fd + 1);
  assert.equal((await s.puppet.call('accept', listener)).error, 'EMFILE');
  assert.equal((await s.puppet.call('poll', 0, `${listener}:in`)).result, 1);
  assert.equal((await s.puppet.call('dup', first.fd)).error, 'EMFILE');
  await s.puppet.must('close', first.fd);
  assert.equal(await s.puppet.must('accept', listener), first.fd);
  await s.deliver(waiting, first.fd, 'at-last');
  assert.equal((await s.puppet.call('read', first.fd, 100)).detail, 'text:at-last');
});

scene('a child accepts the client that its parent saw', async (s) => {
  // As inetd and its kind do.
  const client = await s.client();
  assert.equal((await s.puppet.call('poll', 0, `${listener}:in`)).result, 1);
  await s.puppet.must('in-child', 'accept', listener);
  assert.equal((await client.rest()).length, 0);
});

shows({ 'a range': 'close_range closefrom' });
scene('close_range and closefrom close connections, too', async (s) => {
  const one = await s.connection();
  const other = await s.connection();
  const kept = await s.connection();
  await s.puppet.must('close_range', one.fd, other.fd, 0);
  assert.equal((await one.client.rest()).length, 0);
  assert.equal((await other.client.rest()).length, 0);
  assert.equal((await s.puppet.call('read', other.fd, 10)).error, 'EBADF');
  assert.equal((await s.puppet.call('close_range', 9, 8, 0)).error, 'EINVAL');
  await s.puppet.must('close_range', kept.fd, kept.fd, 'cloexec');
  assert.equal(await s.puppet.must('getfd', kept.fd), 1);
  await s.deliver(kept.client, kept.fd, 'kept');
  assert.equal((await s.puppet.call('read', kept.fd, 10)).detail, 'text:kept');
  await s.puppet.must('closefrom', kept.fd);
  assert.equal((await kept.client.rest()).length, 0);
  assert.equal((await s.connection()).fd, one.fd);
});
