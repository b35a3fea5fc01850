// Threads that are cancelled while a call of theirs waits: they end, their cleanup handlers run, and
// other threads go on with the connection.
import assert from 'node:assert/strict';
import { oneFrame } from '../support/framings.js';
import { generate } from '../support/payload.js';
import { listener } from '../support/puppet.js';
import { type Scene, scene, shows } from '../support/scene.js';
import type { Client } from '../support/transport.js';

type Words = [string, ...(string | number)[]];

async function cancel(s: Scene, words: Words): Promise<void> {
  const waiting = s.puppet.begin(...words);
  await s.blocked(1);
  await s.puppet.must('cancel', waiting.id);
  assert.equal((await waiting.reply).error, 'canceled');
}

/** Both directions of the connection work. */
async function proves(s: Scene, client: Client, fd: number): Promise<void> {
  await s.deliver(client, fd, 'after');
  assert.equal((await s.puppet.call('read', fd, 10)).detail, 'text:after');
  assert.equal(await s.puppet.must('write', fd, 'text:too'), 3);
  assert.equal((await client.receive(3)).toString(), 'too');
}

/** A request for each call that waits for bytes. */
const inputs: readonly ((fd: number, epfd: number, pipe: number) => Words)[] = [
  (fd) => ['read', fd, 10],
  (fd) => ['readv', fd, 5, 5],
  (fd) => ['preadv2', fd, 0, 10],
  (fd) => ['recv', fd, 10, 0],
  (fd) => ['recv', fd, 10, 'waitall'],
  (fd) => ['recvfrom', fd, 10, 0],
  (fd) => ['recvmsg', fd, 0, 10],
  (fd) => ['recvmmsg', fd, 0, -1, 10],
  (fd, _, pipe) => ['splice', fd, pipe, 10, 0],
  (fd) => ['select', 10_000, `r:${fd}`],
  (fd) => ['pselect', 10_000, `r:${fd}`],
  (fd) => ['poll', 10_000, `${fd}:in`],
  (fd) => ['ppoll', -1, `${fd}:in`],
  (_, epfd) => ['epoll_wait', epfd, 8, -1],
  (_, epfd) => ['epoll_pwait', epfd, 8, -1],
  (_, epfd) => ['epoll_pwait2', epfd, 8, -1],
];

for (const input of inputs) {
  const [name] = input(0, 0, 0);
  shows({ cancellation: name });
  scene(
    `a thread that waits in ${name} is cancelled`,
    async (s) => {
      const { client, fd } = await s.connection();
      const epfd = await s.puppet.must('epoll_create');
      await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 1);
      const { detail: pipe } = await s.puppet.call('pipe-of', 4096);
      const words = input(fd, epfd, Number(pipe));
      for (const how of [words, ['asynchronous', ...words] as Words]) {
        await cancel(s, how);
        await proves(s, client, fd);
      }
    },
    { framings: [oneFrame] },
  );
}

for (const [name, ...args] of [['accept'], ['accept4', 0], ['accept-anonymous']] as const) {
  shows({ cancellation: name });
  scene(
    `a thread that waits in ${name} is cancelled`,
    async (s) => {
      await cancel(s, [name, listener, ...args]);
      const { client, fd } = await s.connection();
      await proves(s, client, fd);
    },
    { framings: [oneFrame] },
  );
}

const large = 'make:8000000:1';

const outputs: readonly ((fd: number) => Words)[] = [
  (fd) => ['write', fd, large],
  (fd) => ['writev', fd, large],
  (fd) => ['pwritev2', fd, 0, large],
  (fd) => ['send', fd, large, 0],
  (fd) => ['sendto', fd, large, 0],
  (fd) => ['sendmsg', fd, 0, large],
  (fd) => ['sendmmsg', fd, large],
];

for (const output of outputs) {
  const [name] = output(0);
  shows({ cancellation: name });
  scene(
    `a thread that waits in ${name} is cancelled`,
    async (s) => {
      const { client, fd } = await s.connection();
      const waiting = s.puppet.begin(...output(fd));
      await client.wire.filled();
      await s.blocked(1);
      await s.puppet.must('cancel', waiting.id);
      assert.equal((await waiting.reply).error, 'canceled');
      const last = generate(200_000, 7);
      const writing = s.puppet.call('write', fd, 'make:200000:7');
      const receiving = client.rest();
      assert.equal((await writing).result, last.length);
      await s.puppet.must('shutdown', fd, 'wr');
      const seen = await receiving;
      assert.ok(seen.subarray(-last.length).equals(last));
      const before = seen.subarray(0, -last.length);
      assert.ok(before.equals(generate(before.length, 1)));
    },
    { incomparable: true, framings: [oneFrame] },
  );
}
