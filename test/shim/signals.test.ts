// Signals: interrupted calls, restarted calls, SIGPIPE.
import assert from 'node:assert/strict';
import { elapse, within } from '../support/deadline.js';
import { encodings } from '../support/framings.js';
import { generate, hash } from '../support/payload.js';
import { listener } from '../support/puppet.js';
import { scene, shows } from '../support/scene.js';

/** A request for each call that waits on a connection for bytes, with one to time out on. */
const waits: Record<string, (fd: number) => (string | number)[]> = {
  read: (fd) => [fd, 10],
  recv: (fd) => [fd, 10, 0],
  recvmsg: (fd) => [fd, 0, 10],
  readv: (fd) => [fd, 5, 5],
  recvfrom: (fd) => [fd, 10, 0],
  recvmmsg: (fd) => [fd, 0, -1, 10],
  preadv2: (fd) => [fd, 0, 10],
  select: (fd) => [10_000, `r:${fd}`],
  pselect: (fd) => [10_000, `r:${fd}`],
  poll: (fd) => [10_000, `${fd}:in`],
  ppoll: (fd) => [-1, `${fd}:in`],
};

for (const [name, args] of Object.entries(waits)) {
  shows({ EINTR: name });
  scene(`${name} on a connection is interrupted by a signal`, async (s) => {
    const { fd } = await s.connection();
    const reply = await s.puppet.call('alarm', 100, 'interrupt', name, ...args(fd));
    assert.equal(reply.error, 'EINTR');
    assert.ok(reply.elapsed < 5000, `${reply.elapsed} ms`);
  });
}

for (const name of ['epoll_wait', 'epoll_pwait', 'epoll_pwait2']) {
  shows({ EINTR: name });
  scene(`${name} is interrupted by a signal`, async (s) => {
    const { fd } = await s.connection();
    const epfd = await s.puppet.must('epoll_create');
    await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 1);
    const reply = await s.puppet.call('alarm', 100, 'interrupt', name, epfd, 8, 10_000);
    assert.equal(reply.error, 'EINTR');
  });
}

for (const name of ['accept', 'accept-anonymous']) {
  shows({ EINTR: name });
  scene(`${name} is interrupted by a signal`, async (s) => {
    const reply = await s.puppet.call('alarm', 100, 'interrupt', name, listener);
    assert.equal(reply.error, 'EINTR');
  });
}

/** Those of them that the kernel restarts, and what is shown when they get their byte. */
const restarted = ['read', 'recv', 'recvmsg', 'readv', 'recvfrom', 'recvmmsg', 'preadv2'];

for (const name of restarted) {
  shows({ SA_RESTART: name });
  scene(`${name} goes on after a signal with SA_RESTART`, async (s) => {
    const { client, fd } = await s.connection();
    const reading = s.puppet.begin('alarm', 50, 'restart', name, ...(waits[name]?.(fd) ?? []));
    await s.blocked(1);
    await elapse(200);
    await client.send(Buffer.from('late'));
    assert.match((await reading.reply).detail, /late/);
  });
}

shows({ SA_RESTART: 'accept' });
scene('accept goes on after a signal with SA_RESTART', async (s) => {
  const accepting = s.puppet.call('alarm', 100, 'restart', 'accept', listener);
  await elapse(300);
  await s.connect();
  assert.equal((await accepting).error, 'ok');
});

shows({ SA_RESTART: 'poll' });
scene('poll does not go on after a signal, SA_RESTART or not', async (s) => {
  const { fd } = await s.connection();
  const reply = await s.puppet.call('alarm', 100, 'restart', 'poll', 10_000, `${fd}:in`);
  assert.equal(reply.error, 'EINTR');
});

shows({ EINTR: 'write' });
scene(
  'a blocked write tells what it had written when a signal came',
  async (s) => {
    const { client, fd } = await s.connection();
    const write = async () => {
      const writing = s.puppet.begin('write', fd, 'make:30000000:1');
      await client.wire.filled();
      await s.blocked(1);
      await s.puppet.must('interrupt', writing.id);
      return writing.reply;
    };
    let written = 0;
    let reply = await write();
    for (; reply.error === 'ok'; reply = await write()) written += reply.result;
    assert.equal(reply.error, 'EINTR');
    assert.ok(written > 0);
    assert.equal((await s.receive(client, written)).length, written);
  },
  { incomparable: true, framings: encodings },
);

scene('a thread in a blocking call is interrupted alone', async (s) => {
  const one = await s.connection();
  const other = await s.connection();
  const waiting = s.puppet.begin('read', one.fd, 10);
  const others = s.puppet.begin('read', other.fd, 10);
  await s.blocked(2);
  await s.puppet.must('interrupt', waiting.id);
  assert.equal((await waiting.reply).error, 'EINTR');
  await other.client.send(Buffer.from('still-here'));
  assert.equal((await others.reply).detail, 'text:still-here');
});

for (const call of ['write', 'send', 'writev', 'sendfile'] as const) {
  const args = {
    write: ['text:x'],
    send: ['text:x', 0],
    writev: ['text:x'],
    sendfile: [0, 1, 'text:x'],
  }[call];
  shows({ 'SIGPIPE, EPIPE': call });
  scene(`${call} after shutdown raises SIGPIPE, or gives EPIPE when that is ignored`, async (s) => {
    const { fd } = await s.connection();
    await s.puppet.must('shutdown', fd, 'wr');
    assert.equal((await s.puppet.call(call, fd, ...args)).error, 'EPIPE');
    await s.puppet.must('sigpipe-default');
    assert.equal((await s.puppet.call('send', fd, 'text:x', 'nosignal')).error, 'EPIPE');
    s.puppet.call(call, fd, ...args).catch(() => undefined);
    assert.equal((await within('death', s.puppet.server.exit())).signal, 'SIGPIPE');
  });
}

scene('a signal handler may write to the connection that was interrupted', async (s) => {
  const { client, fd } = await s.connection();
  const dots = 300;
  const size = 4_000_000;
  await s.puppet.must('storm', fd, dots);
  const sending = s.puppet.call('send-all', fd, `repeat:61:${size}`);
  const seen = await client.receive(size + dots);
  assert.equal((await sending).result, size);
  assert.equal(seen.filter((byte) => byte === 0x2e).length, dots);
  assert.equal(seen.filter((byte) => byte === 0x61).length, size);
  await s.puppet.must('storm', fd, dots);
  const reading = s.puppet.call('read-all', fd);
  await client.send(generate(size));
  await client.finish();
  assert.equal((await reading).detail, `data:${size}:${hash(generate(size))}`);
  assert.equal((await client.receive(dots)).toString(), '.'.repeat(dots));
});

for (const name of ['accept', 'read']) {
  scene(`${name} on what a handler closes meanwhile is over`, async (s) => {
    const { client, fd } = await s.connection();
    const closed = name === 'accept' ? listener : fd;
    await s.puppet.must('doom', closed);
    const words = name === 'accept' ? [listener] : [fd, 10];
    assert.equal((await s.puppet.call('alarm', 100, 'restart', name, ...words)).error, 'EBADF');
    client.wire.destroy();
  });
}
