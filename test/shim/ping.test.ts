// Pings are answered from within whatever the server does with a connection, and nothing of it shows.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { frame, Opcode, ping } from '../support/frame.js';
import { generate, summary } from '../support/payload.js';
import { listener, Puppet } from '../support/puppet.js';

async function stage(t: TestContext, env: Record<string, string> = {}) {
  const puppet = await Puppet.start(t, { wrapped: true, env });
  const connecting = WebSocketClient.connect(puppet.server);
  const fd = await puppet.must('accept', listener);
  const client = await connecting;
  t.after(() => client.wire.destroy());
  return { puppet, client, fd };
}

type Call = (puppet: Puppet, fd: number) => Promise<unknown>;

async function epoll(puppet: Puppet, fd: number, name: string, events: string): Promise<unknown> {
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', fd, events, 1);
  return puppet.call(name, epfd, 8, 10_000);
}

const calls: Record<string, Call> = {
  select: (puppet, fd) => puppet.call('select', -1, `r:${fd}`),
  pselect: (puppet, fd) => puppet.call('pselect', 10_000, `r:${fd}`),
  poll: (puppet, fd) => puppet.call('poll', -1, `${fd}:in`),
  ppoll: (puppet, fd) => puppet.call('ppoll', 10_000, `${fd}:in`),
  epoll_wait: (puppet, fd) => epoll(puppet, fd, 'epoll_wait', 'in'),
  'edge-triggered epoll_wait': (puppet, fd) => epoll(puppet, fd, 'epoll_wait', 'in+et'),
  epoll_pwait: (puppet, fd) => epoll(puppet, fd, 'epoll_pwait', 'in'),
  epoll_pwait2: (puppet, fd) => epoll(puppet, fd, 'epoll_pwait2', 'in+once'),
  read: (puppet, fd) => puppet.call('recv', fd, 100, 'peek'),
  'a poll for writing only': (puppet, fd) => puppet.call('poll', 10_000, `${fd}:in`, `${fd}:0`),
};

for (const [name, call] of Object.entries(calls)) {
  test(`pings are answered while the server is in ${name}`, async (t) => {
    const { puppet, client, fd } = await stage(t);
    const waiting = call(puppet, fd);
    for (const word of ['one', 'two', '', 'x'.repeat(125)]) {
      await client.ping(word);
      assert.equal(await client.pong(), word);
    }
    await client.send('payload');
    await waiting;
    assert.equal((await puppet.call('read', fd, 100)).detail, 'text:payload');
  });
}

test('the newest ping is answered, once the server does anything', async (t) => {
  const { puppet, client, fd } = await stage(t);
  await client.wire.write(Buffer.concat([ping('one'), ping('two'), ping('three')]));
  assert.equal((await puppet.call('poll', 100, `${fd}:in`)).result, 0);
  assert.equal(await client.pong(), 'three');
  await client.ping('four');
  assert.equal(await puppet.must('write', fd, 'text:data'), 4);
  assert.equal((await client.receive(4)).toString(), 'data');
  assert.equal((await puppet.call('recv', fd, 10, 'dontwait')).error, 'EAGAIN');
  assert.equal(await client.pong(), 'four');
  assert.deepEqual(client.reader.pongs, []);
});

test('pings inside a message, and between the bytes of one read', async (t) => {
  const { puppet, client, fd } = await stage(t);
  await client.wire.write(
    Buffer.concat([
      frame({ fin: false, payload: Buffer.from('abc') }),
      ping('inside'),
      frame({ opcode: Opcode.continuation, payload: Buffer.from('def') }),
      ping('after'),
    ]),
  );
  await puppet.call('poll', 10_000, `${fd}:in`);
  assert.equal((await puppet.call('read', fd, 100)).detail, 'text:abcdef');
  assert.equal((await puppet.call('poll', 100, `${fd}:in`)).result, 0);
  const pongs = [await client.pong()];
  if (pongs[0] === 'inside') pongs.push(await client.pong());
  assert.equal(pongs.at(-1), 'after');
});

test('a pong waits for the end of a half-sent frame, and comes', async (t) => {
  const { puppet, client, fd } = await stage(t);
  await puppet.must('setfl', fd, 'nonblock');
  // Fill the way to the client until a write is short: a frame is open then.
  const sent: Buffer[] = [];
  for (;;) {
    const reply = await puppet.call('write', fd, 'make:1000000:4');
    if (reply.error === 'EAGAIN') break;
    sent.push(generate(1_000_000, 4).subarray(0, reply.result));
  }
  await client.ping('are you there');
  assert.equal((await puppet.call('poll', 100, `${fd}:in`)).result, 0);
  const expected = Buffer.concat(sent);
  assert.equal(summary(await client.receive(expected.length)), summary(expected));
  assert.deepEqual(client.reader.pongs, []);
  // More than the open frame can still take, so that it must come to its end.
  await puppet.must('setfl', fd, '0');
  const writing = puppet.call('write', fd, 'make:200000:1');
  assert.equal(summary(await client.receive(200_000)), summary(generate(200_000, 1)));
  assert.equal((await writing).result, 200_000);
  assert.equal((await puppet.call('poll', 100, `${fd}:in`)).result, 0);
  assert.equal(await client.pong(), 'are you there');
});

test('a pong that nobody asked for is ignored', async (t) => {
  const { puppet, client, fd } = await stage(t);
  await client.wire.write(frame({ opcode: Opcode.pong, payload: Buffer.from('hm') }));
  assert.equal((await puppet.call('poll', 100, `${fd}:in`)).result, 0);
  await client.send('x');
  assert.equal((await puppet.call('read', fd, 10)).detail, 'text:x');
});

const waits: Record<string, Call> = {
  select: (puppet, fd) => puppet.call('select', 20_000, `r:${fd}`),
  poll: (puppet, fd) => puppet.call('poll', -1, `${fd}:in`),
  epoll_wait: (puppet, fd) => epoll(puppet, fd, 'epoll_wait', 'in+et'),
  'a blocking read': (puppet, fd) => puppet.call('recv', fd, 100, 'peek'),
};

describe('the heartbeat', { concurrency: 8 }, () => {
  for (const [name, call] of Object.entries(waits)) {
    test(`reaches an idle client from within ${name}, and drops it when it is gone`, async (t) => {
      const { puppet, client, fd } = await stage(t, { WSWRAP_HEARTBEAT: '0.5' });
      const waiting = call(puppet, fd);
      // It answers twice, and the connection stays.
      for (let i = 0; i < 2; i += 1) {
        while (client.reader.pings.length <= i) assert.ok(await client.advance());
        const payload = client.reader.pings[i] ?? assert.fail();
        await client.wire.write(frame({ opcode: Opcode.pong, payload }));
      }
      // Then it does not: two more pings, and the server learns that the connection is dead.
      await client.ended().catch((error: NodeJS.ErrnoException) => {
        assert.equal(error.code, 'ECONNRESET');
      });
      assert.equal(client.reader.pings.length, 4);
      await waiting;
      const reply = await puppet.call('read', fd, 10);
      assert.ok(reply.result === 0 || reply.error === 'ETIMEDOUT', reply.error);
    });
  }

  test('keeps a client that answers', async (t) => {
    const { puppet, client, fd } = await stage(t, { WSWRAP_HEARTBEAT: '0.1' });
    const waiting = puppet.call('poll', -1, `${fd}:in`);
    for (let i = 0; i < 30; i += 1) {
      while (client.reader.pings.length <= i) assert.ok(await client.advance(), 'it was dropped');
      const payload = client.reader.pings[i] ?? assert.fail();
      await client.wire.write(frame({ opcode: Opcode.pong, payload }));
    }
    await client.send('still-here');
    await waiting;
    assert.equal((await puppet.call('read', fd, 100)).detail, 'text:still-here');
  });

  test('leaves a client that sends alone', async (t) => {
    const { puppet, client, fd } = await stage(t, { WSWRAP_HEARTBEAT: '2' });
    for (const end = performance.now() + 2500; performance.now() < end; ) {
      await client.send('x');
      await puppet.call('poll', 10_000, `${fd}:in`);
      await puppet.must('read', fd, 10);
      assert.equal((await puppet.call('poll', 100, `${fd}:in`)).result, 0);
    }
    await puppet.must('write', fd, 'text:done');
    await client.receive(4);
    assert.deepEqual(client.reader.pings, []);
  });
});
