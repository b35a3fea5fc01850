// What a listener reports: to whoever asks, in the words in which it was asked, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { listener } from '../support/puppet.js';
import { scene } from '../support/scene.js';
import { connection, wrappedPuppet } from '../support/stage.js';
import { Wire } from '../support/wire.js';

for (const events of ['rdnorm', 'in+rdnorm', 'in+out', 'out', 'pri']) {
  scene(`poll and epoll for ${events} on a listener`, async (s) => {
    const epfd = await s.puppet.must('epoll_create');
    await s.puppet.must('epoll_ctl', epfd, 'add', listener, events, 7);
    assert.equal((await s.puppet.call('poll', 0, `${listener}:${events}`)).result, 0);
    assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
    await s.client();
    await s.puppet.call('poll', 1000, `${listener}:in`);
    await s.puppet.call('poll', 0, `${listener}:${events}`);
    await s.puppet.call('epoll_wait', epfd, 8, 0);
    await s.puppet.must('accept', listener);
    assert.equal((await s.puppet.call('poll', 0, `${listener}:${events}`)).result, 0);
    assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
  });
}

scene('a listener is never writable to select', async (s) => {
  assert.equal((await s.puppet.call('select', 0, `r:${listener}`, `w:${listener}`)).result, 0);
  await s.client();
  const reply = await s.puppet.call('select', 1000, `r:${listener}`, `w:${listener}`);
  assert.equal(reply.detail, `r:${listener} w: e:`);
});

test('clients that wait at one port do not keep those of another out', async (t) => {
  const env = { WSWRAP_MAX_PENDING: '4' };
  const puppet = await wrappedPuppet(t, { ports: 2, env });
  const [, port = 0] = puppet.server.ports;
  const other = await puppet.must('listen', '127.0.0.1', port);
  // As many as may wait, at a port that the server does not look at.
  for (let i = 0; i < 4; i += 1) {
    const connecting = WebSocketClient.connect(puppet.server);
    t.after(async () => (await connecting).wire.destroy());
    let done = false;
    connecting.then(() => {
      done = true;
    });
    while (!done) await puppet.aside('poll', 10, `${listener}:in`);
  }
  const connecting = WebSocketClient.connect({ port });
  connecting.catch(() => undefined);
  assert.equal((await puppet.call('poll', 5000, `${other}:in`)).result, 1);
  const fd = await puppet.must('accept', other);
  const client = await connecting;
  t.after(() => client.wire.destroy());
  await puppet.must('write', fd, 'text:hello');
  assert.equal((await client.receive(5)).toString(), 'hello');
  for (let i = 0; i < 4; i += 1) await puppet.must('accept', listener);
  await connection(t, puppet);
});

test('clients that are refused leave no descriptor behind', async (t) => {
  const puppet = await wrappedPuppet(t);
  await puppet.must('limit', 200);
  // None of them closes its side.
  for (let i = 0; i < 400; i += 1) {
    const wire = await Wire.connect(puppet.server);
    t.after(() => wire.destroy());
    await wire.write('garbage\r\n');
    assert.equal((await puppet.aside('poll', 0, `${listener}:in`)).result, 0, `client ${i}`);
  }
  const { client, fd } = await connection(t, puppet);
  await puppet.must('write', fd, 'text:hello');
  assert.equal((await client.receive(5)).toString(), 'hello');
});
