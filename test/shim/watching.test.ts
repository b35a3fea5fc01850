// epoll where it gets difficult: shared by processes, nested, one event at a time, flooded with
// frames that hold no payload, asked to watch what does not listen yet.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { frame, ping } from '../support/frame.js';
import { type Framing, oneFrame } from '../support/framings.js';
import { listener } from '../support/puppet.js';
import { scene, shows } from '../support/scene.js';
import { stage, wrappedPuppet } from '../support/stage.js';
import { Wire } from '../support/wire.js';

shows({ maxevents: 'epoll_wait' });
scene('maxevents of 1 tells of each in turn, whatever it is', async (s) => {
  const epfd = await s.puppet.must('epoll_create');
  for (let i = 1; i <= 3; i += 1) {
    const { client, fd } = await s.connection();
    await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', i);
    await s.deliver(client, fd, 'x');
    const pipe = await s.puppet.must('pipe');
    await s.puppet.must('epoll_ctl', epfd, 'add', pipe, 'in', 10 + i);
  }
  const seen = new Set<string>();
  for (let i = 0; i < 6; i += 1) {
    const { detail } = await s.puppet.aside('epoll_wait', epfd, 1, 1000);
    seen.add(detail);
  }
  assert.equal(seen.size, 6);
});

shows({ 'after fork': 'epoll_wait' });
scene('two processes wait in one epoll', async (s) => {
  const { client, fd } = await s.connection();
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 7);
  await s.puppet.must('epoll_ctl', epfd, 'add', listener, 'in', 8);
  const child = s.puppet.begin('in-child', 'epoll_wait', epfd, 8, 10_000);
  const parent = s.puppet.begin('epoll_wait', epfd, 8, 10_000);
  await s.blocked(2);
  await s.deliver(client, fd, 'x');
  assert.equal((await child.reply).detail, '0x7:in');
  assert.equal((await parent.reply).detail, '0x7:in');
});

shows({ workers: 'epoll_wait accept' });
scene(
  'workers with an epoll each wait for one listener',
  async (s) => {
    for (const events of ['in+exclusive', 'in', 'in+et']) {
      const workers = [1, 2, 3].map(
        () => s.puppet.begin('in-child', 'worker', listener, events, 1000).reply,
      );
      await s.blocked(3);
      const connecting = s.connect();
      const results = await Promise.all(workers);
      assert.ok(results.some(({ result }) => result === 1));
      assert.equal((await s.puppet.call('accept', listener)).error, 'ok');
      const client = await connecting;
      client.wire.destroy();
    }
  },
  { incomparable: true, framings: [oneFrame] },
);

shows({ 'before listen': 'epoll_ctl listen' });
scene('a listener that was put into an epoll before it listened', async (s) => {
  await s.puppet.must('close', listener);
  const fd = await s.puppet.must('bind', s.puppet.server.port);
  assert.equal(fd, listener);
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', '0x123456789abcdef0');
  await s.puppet.must('listen-on', fd);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
  const connecting = s.connect();
  const { detail } = await s.puppet.call('epoll_wait', epfd, 8, 10_000);
  assert.equal(detail, '0x123456789abcdef0:in');
  await s.puppet.must('accept', fd);
  await connecting;
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
});

test('a listener that was put into an epoll before it listened hides who only connects', async (t) => {
  const puppet = await wrappedPuppet(t);
  await puppet.must('close', listener);
  const fd = await puppet.must('bind', puppet.server.port);
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', fd, 'in+et', 5);
  await puppet.must('listen-on', fd);
  const scan = await Wire.connect(puppet.server);
  t.after(() => scan.destroy());
  assert.equal((await puppet.call('epoll_wait', epfd, 8, 300)).result, 0);
  const connecting = WebSocketClient.connect(puppet.server);
  assert.equal((await puppet.call('epoll_wait', epfd, 8, 10_000)).detail, '0x5:in');
  (await connecting).wire.destroy();
});

for (const events of ['in', 'in+et', 'in+once']) {
  shows({ nested: 'select poll ppoll epoll_wait' });
  scene(`an epoll in an epoll in poll and select: ${events}`, async (s) => {
    const { client, fd } = await s.connection();
    const inner = await s.puppet.must('epoll_create');
    const middle = await s.puppet.must('epoll_create');
    const outer = await s.puppet.must('epoll_create');
    await s.puppet.must('epoll_ctl', outer, 'add', middle, events, 3);
    await s.puppet.must('epoll_ctl', middle, 'add', inner, 'in', 2);
    await s.puppet.must('epoll_ctl', inner, 'add', fd, 'in', 1);
    await s.puppet.must('epoll_ctl', inner, 'add', listener, 'in', 9);
    const waits = [
      ['select', 10_000, `r:${outer}`],
      ['poll', 10_000, `${middle}:in`],
      ['ppoll', 10_000, `${inner}:in`],
      ['epoll_wait', outer, 8, 10_000],
    ] as const;
    for (const [name, ...args] of waits) {
      const waiting = s.puppet.begin(name, ...args);
      await s.blocked(1);
      await client.send(Buffer.from('x'));
      assert.equal((await waiting.reply).result, 1);
      assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:x');
      assert.equal((await s.puppet.call('poll', 0, `${outer}:in`)).result, 0);
      if (events === 'in+once') {
        await s.puppet.must('epoll_ctl', outer, 'mod', middle, events, 3);
      }
    }
  });
}

test('an epoll in another is not ready for frames without payload', async (t) => {
  const { puppet, client, fd } = await stage(t);
  const inner = await puppet.must('epoll_create');
  const outer = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', outer, 'add', inner, 'in', 2);
  await puppet.must('epoll_ctl', inner, 'add', fd, 'in', 1);
  for (const [name, ...args] of [
    ['poll', 300, `${inner}:in`],
    ['select', 300, `r:${outer}`],
    ['epoll_wait', outer, 8, 300],
  ] as const) {
    await client.ping('one');
    const waiting = puppet.begin(name, ...args);
    assert.equal(await client.pong(), 'one');
    await client.wire.write(frame().subarray(0, 3));
    await client.wire.write(frame().subarray(3));
    assert.equal((await waiting.reply).result, 0);
  }
});

/** More than one look at the stream takes. */
const flood: Framing = {
  name: 'three megabytes without payload, and then payload',
  segments(payload) {
    const empty = Buffer.concat(Array.from({ length: 1000 }, () => frame()));
    const many = Array.from({ length: 500 }, () => Buffer.concat([empty, ping('x')]));
    return [Buffer.concat([...many, frame({ payload })])];
  },
};

for (const events of ['in+et', 'in+et+once', 'in+once', 'in']) {
  shows({ floods: 'epoll_wait' });
  scene(
    `payload behind a flood of empty frames is reported: ${events}`,
    async (s) => {
      const { client, fd } = await s.connection();
      const epfd = await s.puppet.must('epoll_create');
      await s.puppet.must('setfl', fd, 'nonblock');
      await s.puppet.must('epoll_ctl', epfd, 'add', fd, events, 1);
      const waiting = s.puppet.begin('epoll_wait', epfd, 8, 20_000);
      await s.blocked(1);
      await client.send(Buffer.from('at-last'));
      assert.equal((await waiting.reply).detail, '0x1:in');
      assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:at-last');
      assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
    },
    { framings: [flood] },
  );
}

for (const waits of ['read', 'recv', 'poll', 'epoll_wait'] as const) {
  test(`dup2 over a connection wakes a thread in ${waits}`, async (t) => {
    // The kernel lets it sleep on; the Java runtime, which closes sockets so, sends it a signal.
    const { puppet, client, fd } = await stage(t);
    const pipe = await puppet.must('pipe');
    const epfd = await puppet.must('epoll_create');
    await puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 1);
    const args = {
      read: [fd, 10],
      recv: [fd, 10, 0],
      poll: [10_000, `${fd}:in`],
      epoll_wait: [epfd, 8, 500],
    }[waits];
    const waiting = puppet.begin(waits, ...args);
    await puppet.must('dup2', pipe, fd);
    await client.closed();
    await client.close(1000);
    const reply = await waiting.reply;
    assert.ok(reply.elapsed < 9000, `${reply.elapsed} ms`);
  });
}
