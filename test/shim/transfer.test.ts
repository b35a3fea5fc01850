// Reading and writing, call by call: what a server is told about bytes.
import assert from 'node:assert/strict';
import { encodings } from '../support/framings.js';
import { generate, hash, summary } from '../support/payload.js';
import { type Scene, scene, shows } from '../support/scene.js';
import type { Client } from '../support/transport.js';

async function text(client: Client, size: number): Promise<string> {
  return (await client.receive(size)).toString('latin1');
}

// What the puppet shows of pseudo-random data.
function shown(size: number, seed: number): string {
  return `data:${size}:${hash(generate(size, seed))}`;
}

shows({ bytes: 'read', 'short reads': 'read recv' });
scene('read takes what there is, up to what was asked for', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'hello-world');
  assert.equal((await s.puppet.call('read', fd, 6)).detail, 'text:hello-');
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:world');
  assert.equal((await s.puppet.call('recv', fd, 100, 'dontwait')).error, 'EAGAIN');
  assert.equal((await s.puppet.call('poll', 0, `${fd}:in`)).result, 0);
});

shows({ bytes: 'recv recvfrom readv recvmsg' });
scene('every family of receiving calls takes the same bytes', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'abcdefghijklmnopqrstuvwxyz');
  assert.equal((await s.puppet.call('recv', fd, 3, 0)).detail, 'text:abc');
  assert.match((await s.puppet.call('recvfrom', fd, 3, 0)).detail, /^text:def name=/);
  assert.equal((await s.puppet.call('readv', fd, 2, 0, 3)).detail, 'text:ghijk');
  assert.equal((await s.puppet.call('recvmsg', fd, 0, 1, 4)).detail, 'text:lmnop control=0 flags=');
  assert.equal((await s.puppet.call('readv', fd, 6, 6)).detail, 'text:qrstuvwxyz');
});

shows({ bytes: 'write send sendto writev sendmsg sendfile' });
scene('every family of sending calls sends the same bytes', async (s) => {
  const { client, fd } = await s.connection();
  const { puppet } = s;
  assert.equal(await puppet.must('write', fd, 'text:abc'), 3);
  assert.equal(await puppet.must('send', fd, 'text:def', 'nosignal'), 3);
  assert.equal(await puppet.must('sendto', fd, 'text:ghi', 0), 3);
  assert.equal(await puppet.must('writev', fd, 'text:j', 'text:', 'text:klm'), 4);
  assert.equal(await puppet.must('sendmsg', fd, 0, 'text:', 'text:nop', 'text:q'), 4);
  assert.equal(await puppet.must('sendfile', fd, 2, 3, 'text:01rst567'), 3);
  assert.equal(await puppet.must('sendfile', fd, 'at', 100, 'text:uvwxyz'), 6);
  assert.equal(await text(client, 26), 'abcdefghijklmnopqrstuvwxyz');
});

shows({ 'large payload': 'sendfile' });
scene(
  'sendfile sends a large file as far as it goes',
  async (s) => {
    const { client, fd } = await s.connection();
    const sending = s.puppet.begin('sendfile', fd, 1000, 3_000_000, 'make:2000000:5').reply;
    const expected = generate(2_000_000, 5).subarray(1000);
    assert.equal(summary(await client.receive(expected.length)), summary(expected));
    const { result, detail } = await sending;
    assert.equal(result, expected.length);
    assert.equal(detail, 'offset=2000000 position=0');
  },
  { framings: encodings },
);

shows({ MSG_PEEK: 'recv recvmsg' });
scene('MSG_PEEK shows bytes and takes none', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'hello-world');
  for (let i = 0; i < 3; i += 1) {
    assert.equal((await s.puppet.call('recv', fd, 5, 'peek')).detail, 'text:hello');
  }
  assert.equal((await s.puppet.call('recvmsg', fd, 'peek', 4, 100)).result, 11);
  assert.equal((await s.puppet.call('fionread', fd)).detail, '11');
  assert.equal((await s.puppet.call('read', fd, 6)).detail, 'text:hello-');
  assert.equal((await s.puppet.call('recv', fd, 100, 'peek')).detail, 'text:world');
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:world');
  assert.equal((await s.puppet.call('recv', fd, 100, 'peek+dontwait')).error, 'EAGAIN');
});

shows({ 'the end': 'recv read' });
scene('MSG_PEEK shows the end as often as it is asked', async (s) => {
  const { client, fd } = await s.connection();
  await client.finish();
  await s.puppet.call('poll', 10_000, `${fd}:in`);
  assert.equal((await s.puppet.call('recv', fd, 5, 'peek')).result, 0);
  assert.equal((await s.puppet.call('recv', fd, 5, 'peek')).result, 0);
  assert.equal((await s.puppet.call('read', fd, 5)).result, 0);
  assert.equal((await s.puppet.call('read', fd, 5)).result, 0);
});

shows({ MSG_WAITALL: 'recv', MSG_DONTWAIT: 'recv' });
scene('MSG_WAITALL waits for all of it, MSG_DONTWAIT for nothing', async (s) => {
  const { client, fd } = await s.connection();
  const waiting = s.puppet.begin('recv', fd, 10, 'waitall').reply;
  await client.send(Buffer.from('0123'));
  await client.wire.consumed();
  await client.send(Buffer.from('456789'));
  assert.equal((await waiting).detail, 'text:0123456789');
  await s.deliver(client, fd, 'abc');
  assert.equal((await s.puppet.call('recv', fd, 10, 'waitall+dontwait')).detail, 'text:abc');
  const ended = s.puppet.begin('recv', fd, 10, 'waitall').reply;
  await client.send(Buffer.from('de'));
  await client.finish();
  assert.equal((await ended).detail, 'text:de');
});

shows({ 'no bytes': 'read readv recv write send writev' });
scene('calls for no bytes at all', async (s) => {
  const { client, fd } = await s.connection();
  assert.equal(await s.puppet.must('read', fd, 0), 0);
  assert.equal(await s.puppet.must('readv', fd, 0, 0), 0);
  await s.puppet.call('recv', fd, 0, 'dontwait');
  await s.deliver(client, fd, 'abc');
  assert.equal(await s.puppet.must('read', fd, 0), 0);
  assert.equal(await s.puppet.must('recv', fd, 0, 0), 0);
  assert.equal(await s.puppet.must('write', fd, 'text:'), 0);
  assert.equal(await s.puppet.must('send', fd, 'text:', 0), 0);
  assert.equal(await s.puppet.must('writev', fd, 'text:', 'text:'), 0);
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:abc');
  // The client's reader takes an empty frame for a mistake.
  assert.equal(await s.puppet.must('write', fd, 'text:xyz'), 3);
  assert.equal(await text(client, 3), 'xyz');
});

shows({ 'large payload': 'write' });
scene(
  'a blocking write takes all of a large payload',
  async (s) => {
    const { client, fd } = await s.connection();
    const writing = s.puppet.begin('write', fd, 'make:9000000:3').reply;
    await client.wire.filled();
    assert.equal(summary(await client.receive(9_000_000)), summary(generate(9_000_000, 3)));
    assert.equal((await writing).result, 9_000_000);
  },
  { framings: encodings },
);

scene('a blocking read waits for the first byte and takes all that follows it', async (s) => {
  const { client, fd } = await s.connection();
  const reading = s.puppet.begin('read', fd, 100).reply;
  await client.send(Buffer.from('now'));
  assert.equal((await reading).detail, 'text:now');
  const all = s.puppet.begin('read-all', fd).reply;
  await client.send(generate(5_000_000, 9));
  await client.finish();
  assert.equal((await all).detail, shown(5_000_000, 9));
});

// Writes until the kernel takes no more; returns what was taken.
async function fill(s: Scene, fd: number): Promise<Buffer> {
  const taken: Buffer[] = [];
  for (let seed = 1; ; seed += 1) {
    const reply = await s.puppet.call('write', fd, `make:300000:${seed}`);
    if (reply.error === 'EAGAIN') return Buffer.concat(taken);
    assert.equal(reply.error, 'ok');
    taken.push(generate(300_000, seed).subarray(0, reply.result));
  }
}

shows({ 'short writes': 'write' });
scene(
  'a short write counts payload, and what was counted arrives',
  async (s) => {
    const { client, fd } = await s.connection();
    await s.puppet.must('setfl', fd, 'nonblock');
    const sent = [await fill(s, fd)];
    assert.equal((await s.puppet.call('poll', 0, `${fd}:out`)).result, 0);
    for (let round = 0; round < 3; round += 1) {
      const size = sent.reduce((sum, part) => sum + part.length, 0);
      const seen = await client.receive(Math.floor(size / 2));
      const all = Buffer.concat(sent);
      assert.equal(summary(seen), summary(all.subarray(0, seen.length)));
      await s.puppet.call('poll', 10_000, `${fd}:out`);
      sent.splice(0, sent.length, all.subarray(seen.length), await fill(s, fd));
    }
    // A WebSocket frame may be open: it needs what it was promised.
    await s.puppet.must('setfl', fd, '0');
    const last = s.puppet.call('write', fd, 'make:100000:99');
    const expected = Buffer.concat([...sent, generate(100_000, 99)]);
    assert.equal(summary(await client.receive(expected.length)), summary(expected));
    assert.equal((await last).result, 100_000);
    await s.puppet.must('shutdown', fd, 'wr');
    assert.equal((await client.rest()).length, 0);
  },
  { incomparable: true, framings: encodings },
);

shows({ SO_SNDTIMEO: 'write' });
scene(
  'SO_SNDTIMEO ends a write that makes no progress',
  async (s) => {
    const { client, fd } = await s.connection();
    await s.puppet.must('option', fd, 'sndtimeo', 200);
    const sent: Buffer[] = [];
    let reply = await s.puppet.call('write', fd, 'make:30000000:1');
    while (reply.error === 'ok') {
      sent.push(generate(30_000_000, 1).subarray(0, reply.result));
      reply = await s.puppet.call('write', fd, 'make:30000000:1');
    }
    assert.equal(reply.error, 'EAGAIN');
    assert.ok(reply.elapsed > 150, `${reply.elapsed} ms`);
    const expected = Buffer.concat(sent);
    assert.ok(expected.length > 0);
    assert.equal(summary(await s.receive(client, expected.length)), summary(expected));
  },
  { incomparable: true, framings: encodings },
);

shows({ FIONREAD: 'ioctl' });
scene('FIONREAD counts what read would return', async (s) => {
  const { client, fd } = await s.connection();
  assert.equal((await s.puppet.call('fionread', fd)).detail, '0');
  await s.deliver(client, fd, 'hello');
  assert.equal((await s.puppet.call('fionread', fd)).detail, '5');
  await s.puppet.must('read', fd, 2);
  assert.equal((await s.puppet.call('fionread', fd)).detail, '3');
  await s.puppet.must('read', fd, 3);
  assert.equal((await s.puppet.call('fionread', fd)).detail, '0');
});

shows({ SO_RCVLOWAT: 'poll read setsockopt' });
scene('SO_RCVLOWAT counts payload', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('option', fd, 'rcvlowat', 10);
  await client.send(Buffer.from('01234'));
  assert.equal((await s.puppet.call('poll', 200, `${fd}:in`)).result, 0);
  await client.send(Buffer.from('56789'));
  assert.equal((await s.puppet.call('poll', 10_000, `${fd}:in`)).result, 1);
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:0123456789');
});

scene('what is below SO_RCVLOWAT is read by who does not wait for more', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, '01234');
  await s.puppet.must('option', fd, 'rcvlowat', 10);
  assert.equal((await s.puppet.call('recv', fd, 100, 'dontwait')).detail, 'text:01234');
});

const ends: Readonly<Record<string, (client: Client) => void | Promise<void>>> = {
  end: (client) => client.finish(),
  FIN: (client) => client.wire.end(),
};

for (const [name, leave] of Object.entries(ends)) {
  shows({ SO_RCVLOWAT: 'poll read' });
  scene(`the client’s ${name} is reported, however little is there for SO_RCVLOWAT`, async (s) => {
    const { client, fd } = await s.connection();
    await s.puppet.must('option', fd, 'rcvlowat', 10);
    await client.send(Buffer.from('01234'));
    await leave(client);
    assert.equal((await s.puppet.call('poll', 5000, `${fd}:in`)).detail, `${fd}:in`);
    assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:01234');
    assert.equal((await s.puppet.call('read', fd, 100)).result, 0);
  });
}

shows({ SO_RCVLOWAT: 'poll' });
scene('SO_RCVLOWAT is reached by more messages than are looked at', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('option', fd, 'rcvlowat', 10_000);
  for (let i = 0; i < 20; i += 1) await client.send(generate(500, i));
  assert.equal((await s.puppet.call('poll', 5000, `${fd}:in`)).detail, `${fd}:in`);
});

shows({ O_NONBLOCK: 'read recvmsg fcntl' });
scene('O_NONBLOCK comes and goes', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('setfl', fd, 'nonblock');
  assert.equal((await s.puppet.call('read', fd, 10)).error, 'EAGAIN');
  const copy = await s.puppet.must('dup', fd);
  assert.equal((await s.puppet.call('recvmsg', copy, 0, 10)).error, 'EAGAIN');
  await s.puppet.must('setfl', copy, '0');
  const reading = s.puppet.begin('read', fd, 10).reply;
  await client.send(Buffer.from('x'));
  assert.equal((await reading).detail, 'text:x');
});

shows({ EBADF: 'read recv recvmsg write close' });
scene('calls on a closed descriptor', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('close', fd);
  assert.equal((await s.puppet.call('read', fd, 1)).error, 'EBADF');
  assert.equal((await s.puppet.call('recv', fd, 1, 0)).error, 'EBADF');
  assert.equal((await s.puppet.call('recvmsg', fd, 0, 1)).error, 'EBADF');
  assert.equal((await s.puppet.call('write', fd, 'text:x')).error, 'EBADF');
  assert.equal((await s.puppet.call('close', fd)).error, 'EBADF');
  assert.equal((await client.rest()).length, 0);
  assert.equal((await s.connection()).fd, fd);
});

scene('one descriptor number serves one connection after the other', async (s) => {
  for (const word of ['one', 'two', 'three']) {
    const { client, fd } = await s.connection();
    // The first leaves in the middle of what it was sent.
    await s.deliver(client, fd, `${word}-and-more`);
    assert.equal((await s.puppet.call('read', fd, word.length)).detail, `text:${word}`);
    assert.equal(await s.puppet.must('write', fd, `text:${word}`), word.length);
    assert.equal(await text(client, word.length), word);
    await s.puppet.must('close', fd);
  }
});

shows({ bytes: 'sendmmsg pwritev2 recvmmsg preadv2' });
scene('several messages in one call', async (s) => {
  const { client, fd } = await s.connection();
  assert.equal((await s.puppet.call('sendmmsg', fd, 'text:abc', 'text:de')).detail, '3,2,');
  assert.equal(await s.puppet.must('pwritev2', fd, 0, 'text:f', 'text:gh'), 3);
  assert.equal(await text(client, 8), 'abcdefgh');
  await s.deliver(client, fd, 'abcdefgh');
  assert.equal((await s.puppet.call('recvmmsg', fd, 'waitforone', -1, 3, 2)).detail, 'abc,de,');
  assert.equal((await s.puppet.call('preadv2', fd, 0, 1, 10)).detail, 'text:fgh');
});

const sizes = [1, 125, 126, 127, 65535, 65536, 65537, 131072, 131073];

shows({ 'large payload': 'recv send' });
scene('every size at which a frame header changes', async (s) => {
  const { client, fd } = await s.connection();
  for (const size of sizes) {
    const payload = generate(size, size);
    const reading = s.puppet.call('recv', fd, size, 'waitall');
    await client.send(payload);
    assert.equal((await reading).result, size);
    const writing = s.puppet.call('send', fd, `make:${size}:${size}`, 0);
    assert.deepEqual(await client.receive(size), payload);
    assert.equal((await writing).result, size);
  }
});

scene(
  'io_uring, which would go around the shim, is not there',
  async (s) => {
    const { error } = await s.puppet.call('io-uring');
    if (s.wrapped) assert.equal(error, 'ENOSYS');
  },
  { incomparable: true },
);
