// Several threads on one connection, on several, and on one epoll.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { compile } from '../support/compile.js';
import { generate, hash, summary } from '../support/payload.js';
import { scene, shows } from '../support/scene.js';
import { serve } from '../support/server.js';

const megabyte = 1024 * 1024;

shows({ threads: 'read write' });
scene('one thread reads and another writes on one connection', async (s) => {
  const { client, fd } = await s.connection();
  const reading = s.puppet.begin('read-all', fd).reply;
  const writing = s.puppet.begin('send-all', fd, `make:${8 * megabyte}:1`).reply;
  const [seen] = await Promise.all([
    client.receive(8 * megabyte),
    client.send(generate(6 * megabyte, 2)).then(() => client.finish()),
  ]);
  assert.equal(summary(seen), summary(generate(8 * megabyte, 1)));
  assert.equal((await writing).result, 8 * megabyte);
  const expected = hash(generate(6 * megabyte, 2));
  assert.equal((await reading).detail, `data:${6 * megabyte}:${expected}`);
});

scene('a thread that waits on one connection does not hold another up', async (s) => {
  const idle = await s.connection();
  const busy = await s.connection();
  const waiting = s.puppet.begin('read', idle.fd, 100).reply;
  await s.blocked(1);
  for (const word of ['one', 'two', 'three']) {
    await s.deliver(busy.client, busy.fd, word);
    assert.equal((await s.puppet.call('read', busy.fd, 100)).detail, `text:${word}`);
    await s.puppet.must('write', busy.fd, `text:${word}`);
    assert.equal((await busy.client.receive(word.length)).toString(), word);
  }
  // Nor does it keep its own connection from being written to.
  await s.puppet.must('write', idle.fd, 'text:hello');
  assert.equal((await idle.client.receive(5)).toString(), 'hello');
  await idle.client.send(Buffer.from('now'));
  assert.equal((await waiting).detail, 'text:now');
});

scene('what several threads write at once is whole', async (s) => {
  const { client, fd } = await s.connection();
  const letters = ['a', 'b', 'c', 'd'];
  const writing = letters.flatMap((letter) =>
    Array.from({ length: 10 }, () => s.puppet.begin('write', fd, `text:${letter.repeat(500)}`)),
  );
  const seen = (await client.receive(4 * 10 * 500)).toString();
  for (const { reply } of writing) assert.equal((await reply).result, 500);
  for (const letter of letters) assert.equal(seen.split(letter).length - 1, 5000);
  assert.match(seen, /^((.)\2{499})+$/s, 'no write is torn apart');
});

scene(
  'what several threads read at once is each byte once',
  async (s) => {
    const { client, fd } = await s.connection();
    const reading = Array.from(
      { length: 8 },
      () => s.puppet.begin('recv', fd, 100, 'waitall').reply,
    );
    await s.blocked(8);
    await client.send(Buffer.from('x'.repeat(800)));
    const replies = await Promise.all(reading);
    assert.equal(
      replies.reduce((sum, { result }) => sum + result, 0),
      800,
    );
  },
  { incomparable: true },
);

shows({ threads: 'poll' });
scene('threads that poll one connection all hear of its payload', async (s) => {
  const { client, fd } = await s.connection();
  const polling = Array.from({ length: 4 }, () => s.puppet.begin('poll', 10_000, `${fd}:in`).reply);
  await s.blocked(4);
  await client.send(Buffer.from('x'));
  for (const reply of polling) assert.equal((await reply).result, 1);
});

shows({ threads: 'epoll_wait' });
scene(
  'a level-triggered epoll hands one event to one thread at a time',
  async (s) => {
    const { client, fd } = await s.connection();
    const epfd = await s.puppet.must('epoll_create');
    await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in+once', 1);
    const waiting = Array.from(
      { length: 3 },
      () => s.puppet.begin('epoll_wait', epfd, 8, 1000).reply,
    );
    await s.blocked(3);
    await client.send(Buffer.from('x'));
    const results = await Promise.all(waiting);
    assert.deepEqual(results.map(({ result }) => result).sort(), [0, 0, 1]);
  },
  { incomparable: true },
);

scene('close and accept in one thread, while another waits for other things', async (s) => {
  const keeper = await s.connection();
  const waiting = s.puppet.begin('poll', 20_000, `${keeper.fd}:in`).reply;
  await s.blocked(1);
  for (let i = 0; i < 10; i += 1) {
    const { client, fd } = await s.connection();
    await s.deliver(client, fd, 'hello');
    assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:hello');
    await s.puppet.must('close', fd);
    assert.equal((await client.rest()).length, 0);
  }
  await keeper.client.send(Buffer.from('x'));
  assert.equal((await waiting).result, 1);
});

test('threads that change an epoll, close what is in it and fork do not wait for each other', async (t) => {
  const program = compile({
    name: 'epoll-churn',
    sources: ['test/servers/epoll-churn.c'],
    flags: ['-O2', '-D_GNU_SOURCE', '-pthread'],
  });
  const server = await serve(t, program, (port) => [`port=${port}`], { wrapped: true });
  const client = await WebSocketClient.connect(server);
  await server.line(/^churned$/);
  assert.deepEqual(await server.exit(), { code: 0, signal: null });
  client.wire.destroy();
});
