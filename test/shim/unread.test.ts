// What a client says is heard even though the server does not read.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { scene } from '../support/scene.js';
import { stage } from '../support/stage.js';

describe('pings are answered by a server that only writes', () => {
  for (const wait of [false, true]) {
    test(wait ? 'and waits until it may' : 'and blocks in that', async (t) => {
      const { puppet, client, fd } = await stage(t);
      await client.ping('are you there');
      let answered = false;
      const pong = client.pong().finally(() => {
        answered = true;
      });
      pong.catch(() => undefined);
      // Such a server looks behind its back once a second.
      const end = performance.now() + 10_000;
      while (!answered && performance.now() < end) {
        if (wait) await puppet.aside('poll', 10_000, `${fd}:out`);
        await puppet.aside('write', fd, 'make:100:1');
      }
      assert.ok(answered, 'no pong in ten seconds');
      assert.equal(await pong, 'are you there');
    });
  }
});

for (const name of ['poll', 'ppoll']) {
  scene(`${name} for POLLRDHUP alone sees the client's end`, async (s) => {
    const { client, fd } = await s.connection();
    const waiting = s.puppet.call(name, 5000, `${fd}:rdhup`);
    await client.finish();
    assert.equal((await waiting).detail, `${fd}:rdhup`);
  });
}

for (const events of ['rdhup', 'rdhup+once', 'rdhup+et']) {
  scene(`epoll for ${events} sees the client's end`, async (s) => {
    const { client, fd } = await s.connection();
    const epfd = await s.puppet.must('epoll_create');
    await s.puppet.must('epoll_ctl', epfd, 'add', fd, events, 1);
    const waiting = s.puppet.call('epoll_wait', epfd, 8, 5000);
    await client.finish();
    assert.equal((await waiting).detail, '0x1:rdhup');
  });
}

// Payload that the server did not ask for must neither be reported nor keep the wait awake.
scene('a wait for POLLRDHUP sleeps over payload', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'payload');
  const reply = await s.puppet.call('poll', 400, `${fd}:rdhup`);
  assert.equal(reply.result, 0);
  assert.ok(reply.cpu < 50, `${reply.cpu} ms of CPU`);
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:payload');
});
