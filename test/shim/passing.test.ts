// Descriptors that travel from process to process: whoever receives a connection or a listener has
// a connection or a listener, and one that is still on its way belongs to somebody.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { passing, words } from '../support/loops.js';
import { listener } from '../support/puppet.js';
import { type Scene, scene } from '../support/scene.js';
import { serve } from '../support/server.js';
import type { Client } from '../support/transport.js';
import { tcp, websocket } from '../support/transport.js';

async function pair(s: Scene): Promise<{ to: number; from: number }> {
  const made = await s.puppet.call('pair');
  return { to: made.result, from: Number(made.detail) };
}

/** Receives descriptors in one message; what the call told of the message goes along. */
async function receive(s: Scene, from: number, ...args: (string | number)[]) {
  const { detail } = await s.puppet.call('receive-fds', from, ...args);
  const [, fds = '', flags = ''] = /^(.*)flags=(.*)$/.exec(detail) ?? assert.fail(detail);
  return { fds: fds.trim().split(' ').map(Number), flags };
}

/** The descriptor is the client's connection: payload comes and goes. */
async function proves(s: Scene, client: Client, fd: number): Promise<void> {
  await s.deliver(client, fd, 'ping');
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:ping');
  await s.puppet.must('write', fd, 'text:pong');
  assert.equal((await client.receive(4)).toString(), 'pong');
}

/** Nothing is said to the client yet, however long the server looks elsewhere. */
async function isLeftAlone(s: Scene, client: Client): Promise<void> {
  assert.equal((await s.puppet.call('poll', 100, `${listener}:in`)).result, 0);
  assert.equal(client.wire.socket.readableLength, 0, 'no goodbye yet');
}

for (const way of ['msg', 'mmsg', 'raw', 'raw-mmsg']) {
  scene(`a connection is received by ${way}`, async (s) => {
    const { client, fd } = await s.connection();
    const { to, from } = await pair(s);
    await s.puppet.must('send-fds', to, way, fd);
    const { fds } = await receive(s, from, way, 1, 'cloexec');
    const [copy = -1] = fds;
    assert.equal(await s.puppet.must('getfd', copy), 1);
    await proves(s, client, copy);
    await s.puppet.must('close', copy);
    await proves(s, client, fd);
    await s.puppet.must('close', fd);
    await client.ended();
  });
}

scene('a connection in a message outlives its sender', async (s) => {
  const { client, fd } = await s.connection();
  const { to, from } = await pair(s);
  await s.puppet.must('send-fds', to, 'msg', fd);
  await s.puppet.must('close', fd);
  await isLeftAlone(s, client);
  const { fds } = await receive(s, from, 'msg', 1);
  await proves(s, client, fds[0] ?? -1);
  await s.puppet.must('close', fds[0] ?? -1);
  await client.ended();
});

scene('half a message is read here, the other half there', async (s) => {
  const { client, fd } = await s.connection();
  const { to, from } = await pair(s);
  await s.deliver(client, fd, 'abcdef');
  assert.equal((await s.puppet.call('read', fd, 3)).detail, 'text:abc');
  await s.puppet.must('in-child', 'send-fds', to, 'msg', fd);
  await s.puppet.must('close', fd);
  const { fds } = await receive(s, from, 'msg', 1);
  assert.equal((await s.puppet.call('read', fds[0] ?? -1, 100)).detail, 'text:def');
});

scene('several descriptors in one message, of several kinds', async (s) => {
  const one = await s.connection();
  const two = await s.connection();
  const plain = await s.puppet.must('pipe');
  const { to, from } = await pair(s);
  await s.puppet.must('send-fds', to, 'msg', one.fd, plain, two.fd, listener);
  for (const fd of [one.fd, plain, two.fd]) await s.puppet.must('close', fd);
  const { fds, flags } = await receive(s, from, 'msg', 4);
  const [first = -1, pipe = -1, second = -1, accepting = -1] = fds;
  assert.equal(flags, '');
  await proves(s, two.client, second);
  await proves(s, one.client, first);
  assert.equal((await s.puppet.call('read', pipe, 10)).detail, 'text:x');
  const third = await s.client();
  assert.equal((await s.puppet.call('poll', 10_000, `${accepting}:in`)).result, 1);
  await proves(s, third, await s.puppet.must('accept', accepting));
});

scene('descriptors that do not fit are gone', async (s) => {
  const one = await s.connection();
  const two = await s.connection();
  const { to, from } = await pair(s);
  await s.puppet.must('send-fds', to, 'msg', one.fd, two.fd);
  const { fds, flags } = await receive(s, from, 'msg', 1);
  assert.equal(flags, 'ctrunc');
  assert.equal(fds.length, 1);
  await proves(s, one.client, fds[0] ?? -1);
  await proves(s, two.client, two.fd);
});

scene('a look at a message makes copies, and leaves the message', async (s) => {
  const { client, fd } = await s.connection();
  const { to, from } = await pair(s);
  await s.puppet.must('send-fds', to, 'msg', fd);
  await s.puppet.must('close', fd);
  const seen = await receive(s, from, 'msg', 1, 'peek');
  await proves(s, client, seen.fds[0] ?? -1);
  await s.puppet.must('close', seen.fds[0] ?? -1);
  await isLeftAlone(s, client);
  const taken = await receive(s, from, 'msg', 1);
  await proves(s, client, taken.fds[0] ?? -1);
});

scene('a message that nobody reads ends the connection with its socket', async (s) => {
  const { client, fd } = await s.connection();
  const { to, from } = await pair(s);
  await s.puppet.must('send-fds', to, 'msg', fd);
  await s.puppet.must('close', fd);
  await s.puppet.must('close', from);
  assert.equal((await client.wire.rest()).length, 0);
});

scene('a message that cannot be sent leaves its sender the last', async (s) => {
  const { client, fd } = await s.connection();
  const { to, from } = await pair(s);
  await s.puppet.must('close', from);
  assert.equal((await s.puppet.call('send-fds', to, 'msg', fd)).error, 'EPIPE');
  assert.equal((await s.puppet.call('send-fds', to, 'mmsg', fd)).error, 'EPIPE');
  await s.puppet.must('close', fd);
  await client.ended();
});

scene('a listener in a message outlives its sender', async (s) => {
  const { to, from } = await pair(s);
  await s.puppet.must('send-fds', to, 'msg', listener);
  await s.puppet.must('close', listener);
  const { fds } = await receive(s, from, 'msg', 1);
  assert.deepEqual(fds, [listener]);
  assert.equal((await s.puppet.call('getfl', listener)).detail, '');
  const { client, fd } = await s.connection();
  await proves(s, client, fd);
});

scene('both copies of a listener accept, also the last one', async (s) => {
  const { to, from } = await pair(s);
  await s.puppet.must('send-fds', to, 'msg', listener);
  const { fds } = await receive(s, from, 'msg', 1);
  await s.puppet.must('close', fds[0] ?? -1);
  const { client, fd } = await s.connection();
  await proves(s, client, fd);
});

scene('O_NONBLOCK is common to all copies', async (s) => {
  const { fd } = await s.connection();
  const { to, from } = await pair(s);
  await s.puppet.must('send-fds', to, 'msg', fd);
  const { fds } = await receive(s, from, 'msg', 1);
  await s.puppet.must('setfl', fd, 'nonblock');
  assert.equal((await s.puppet.call('read', fds[0] ?? -1, 10)).error, 'EAGAIN');
});

for (const call of ['take', 'take-by-libc']) {
  scene(`a connection is fetched from another process: ${call}`, async (s) => {
    const { client, fd } = await s.connection();
    await s.puppet.must('hold');
    await s.puppet.must('close', fd);
    const taken = await s.puppet.must(call, fd);
    await s.puppet.must('release');
    await proves(s, client, taken);
    await s.puppet.must('close', taken);
    await client.ended();
  });
}

test('workers that are older than the port serve what they are sent', async (t) => {
  for (const transport of [tcp, websocket()]) {
    const { wrapped } = transport;
    const server = await serve(t, passing.program(), words({ mode: 'echo' }), { wrapped });
    // More than there are workers: the rest wait in messages.
    const clients = await Promise.all(Array.from({ length: 8 }, () => transport.connect(server)));
    // At once: nobody knows which of them the workers serve first.
    const talks = clients.map(async (client) => {
      await client.send(Buffer.from('hello'));
      assert.equal((await client.receive(5)).toString(), 'hello');
      await client.finish();
      assert.equal((await client.rest()).length, 0);
    });
    await Promise.all(talks);
    await server.counted('end', clients.length);
  }
});
