// splice and sendfile: payload that the kernel moves; and the calls that demand a position or a
// pipe, which a connection is not.
import assert from 'node:assert/strict';
import { encodings } from '../support/framings.js';
import { type Scene, scene, shows } from '../support/scene.js';

interface Pipe {
  out: number;
  in: number;
}

/** A pipe that holds at most `size` bytes, with `content` bytes of x in it. */
async function pipeOf(s: Scene, size: number, content = 0): Promise<Pipe> {
  const { result, detail } = await s.puppet.call('pipe-of', size, content);
  return { out: result, in: Number(detail) };
}

shows({ bytes: 'splice' });
scene('splice moves from a pipe to a connection', async (s) => {
  const { client, fd } = await s.connection();
  const pipe = await pipeOf(s, 65536);
  await s.puppet.must('write', pipe.in, 'text:hello');
  assert.equal(await s.puppet.must('splice', pipe.out, fd, 3, 'move'), 3);
  assert.equal(await s.puppet.must('splice', pipe.out, fd, 100, 'more'), 2);
  assert.equal((await s.puppet.call('splice', pipe.out, fd, 100, 'nonblock')).error, 'EAGAIN');
  assert.equal(await s.puppet.must('write', fd, 'text:-world'), 6);
  assert.equal((await client.receive(11)).toString(), 'hello-world');
  await s.puppet.must('close', pipe.in);
  assert.equal(await s.puppet.must('splice', pipe.out, fd, 100, '0'), 0);
});

shows({ bytes: 'splice', 'the end': 'splice' });
scene('splice moves from a connection to a pipe', async (s) => {
  const { client, fd } = await s.connection();
  const pipe = await pipeOf(s, 65536);
  await s.puppet.must('setfl', fd, 'nonblock');
  assert.equal((await s.puppet.call('splice', fd, pipe.in, 100, '0')).error, 'EAGAIN');
  await s.puppet.must('setfl', fd, '0');
  await s.deliver(client, fd, 'hello-world');
  assert.equal(await s.puppet.must('splice', fd, pipe.in, 6, 'move'), 6);
  assert.equal((await s.puppet.call('read', pipe.out, 100)).detail, 'text:hello-');
  assert.equal(await s.puppet.must('splice', fd, pipe.in, 100, 'more'), 5);
  assert.equal((await s.puppet.call('read', pipe.out, 100)).detail, 'text:world');
  await client.finish();
  await s.puppet.call('poll', 10_000, `${fd}:in`);
  assert.equal(await s.puppet.must('splice', fd, pipe.in, 100, '0'), 0);
});

scene('splice waits for what is missing', async (s) => {
  const { client, fd } = await s.connection();
  const pipe = await pipeOf(s, 65536);
  const inward = s.puppet.begin('splice', fd, pipe.in, 100, '0');
  await s.blocked(1);
  await client.send(Buffer.from('now'));
  assert.equal((await inward.reply).result, 3);
  assert.equal((await s.puppet.call('read', pipe.out, 100)).detail, 'text:now');
  const outward = s.puppet.begin('splice', pipe.out, fd, 100, '0');
  await s.blocked(1);
  await s.puppet.must('write', pipe.in, 'text:then');
  assert.equal((await outward.reply).result, 4);
  assert.equal((await client.receive(4)).toString(), 'then');
});

shows({ 'full pipe': 'splice' });
scene('splice takes no more from a connection than the pipe holds', async (s) => {
  const { client, fd } = await s.connection();
  const full = await pipeOf(s, 4096, 4096);
  await s.deliver(client, fd, 'x'.repeat(10_000));
  assert.equal((await s.puppet.call('splice', fd, full.in, 100, 'nonblock')).error, 'EAGAIN');
  await s.puppet.must('setfl', full.in, 'nonblock');
  assert.equal((await s.puppet.call('splice', fd, full.in, 100, '0')).error, 'EAGAIN');
  assert.equal(await s.puppet.must('read', full.out, 4096), 4096);
  await s.puppet.must('setfl', full.in, '0');
  const moved = await s.puppet.must('splice', fd, full.in, 4096, '0');
  assert.equal(await s.puppet.must('read', full.out, 10_000), moved);
  assert.equal(await s.puppet.must('read', fd, 20_000), 10_000 - moved);
});

shows({ 'SIGPIPE, EPIPE': 'splice' });
scene('splice of a pipe that nobody reads', async (s) => {
  const { client, fd } = await s.connection();
  const pipe = await pipeOf(s, 4096);
  await s.deliver(client, fd, 'kept');
  await s.puppet.must('close', pipe.out);
  assert.equal((await s.puppet.call('splice', fd, pipe.in, 100, '0')).error, 'EPIPE');
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:kept');
});

shows({ 'after shutdown': 'splice' });
scene('splice after shutdown', async (s) => {
  const { fd } = await s.connection();
  const pipe = await pipeOf(s, 4096, 10);
  await s.puppet.must('shutdown', fd, 'rdwr');
  assert.equal((await s.puppet.call('splice', pipe.out, fd, 10, '0')).error, 'EPIPE');
  const empty = await pipeOf(s, 4096);
  assert.equal(await s.puppet.must('splice', fd, empty.in, 10, '0'), 0);
});

scene('a copy by splice, as a proxy makes it', async (s) => {
  const { client, fd } = await s.connection();
  const pipe = await pipeOf(s, 65536);
  const size = 1_000_000;
  await Promise.all([
    client.send(Buffer.alloc(size, 'x')),
    (async () => {
      for (let done = 0; done < size; ) {
        const taken = await s.puppet.aside('splice', fd, pipe.in, 65536, '0');
        assert.ok(taken.result > 0);
        for (let rest = taken.result; rest > 0; ) {
          const { result } = await s.puppet.aside('splice', pipe.out, fd, rest, 'more');
          assert.ok(result > 0);
          rest -= result;
        }
        done += taken.result;
      }
    })(),
    client.receive(size).then((seen) => assert.ok(seen.equals(Buffer.alloc(size, 'x')))),
  ]);
});

shows({ 'short writes': 'splice sendfile' });
scene(
  'splice and sendfile to a client that does not read',
  async (s) => {
    const { client, fd } = await s.connection();
    await s.puppet.must('setfl', fd, 'nonblock');
    const file = await s.puppet.must('file', 30_000_000);
    const pipe = await pipeOf(s, 1_048_576, 1_048_576);
    const until = async (...request: [string, ...(string | number)[]]) => {
      for (let sum = 0; ; ) {
        const { error, result } = await s.puppet.call(...request);
        if (error === 'EAGAIN') return sum;
        assert.ok(result > 0);
        sum += result;
      }
    };
    const sent = await until('sendfile-from', fd, file, 1_000_000);
    const moved = await until('splice', pipe.out, fd, 30_000, 'nonblock');
    assert.equal(await s.puppet.must('lseek', file), sent);
    await s.puppet.must('setfl', fd, '0');
    const moving = s.puppet.begin('splice', pipe.out, fd, 1_048_576, '0');
    const rest = s.puppet.begin('sendfile-from', fd, file, 30_000_000);
    await s.blocked(2);
    const expected = 30_000_000 + 1_048_576;
    assert.ok((await s.receive(client, expected)).equals(Buffer.alloc(expected, 'x')));
    assert.equal((await moving.reply).result, 1_048_576 - moved);
    assert.equal((await rest.reply).result, 30_000_000 - sent);
  },
  { incomparable: true, framings: encodings },
);

shows({ 'the end': 'sendfile' });
scene('sendfile of a file that becomes shorter, and of one at its end', async (s) => {
  const { client, fd } = await s.connection();
  const file = await s.puppet.must('file', 100);
  assert.equal(await s.puppet.must('sendfile-from', fd, file, 60), 60);
  await s.puppet.must('truncate', file, 80);
  assert.equal(await s.puppet.must('sendfile-from', fd, file, 60), 20);
  assert.equal(await s.puppet.must('sendfile-from', fd, file, 60), 0);
  await s.puppet.must('truncate', file, 30);
  assert.equal(await s.puppet.must('sendfile-from', fd, file, 60), 0);
  assert.equal(await s.puppet.must('write', fd, 'text:end'), 3);
  assert.equal((await client.receive(83)).toString(), `${'x'.repeat(80)}end`);
});

shows({ ESPIPE: 'preadv2 pwritev2', refusals: 'splice' });
scene('calls that demand a position', async (s) => {
  const { client, fd } = await s.connection();
  const pipe = await pipeOf(s, 4096, 10);
  await s.deliver(client, fd, 'untouched');
  for (const call of ['pread', 'pwrite', 'preadv', 'pwritev', 'lseek']) {
    assert.equal((await s.puppet.call(call, fd)).error, 'ESPIPE');
  }
  assert.equal((await s.puppet.call('positioned-read', fd)).error, 'ESPIPE');
  assert.equal((await s.puppet.call('positioned-write', fd)).error, 'ESPIPE');
  for (const side of ['in', 'out']) {
    assert.notEqual((await s.puppet.call('splice', fd, pipe.in, 1, '0', side)).error, 'ok');
    assert.notEqual((await s.puppet.call('splice', pipe.out, fd, 1, '0', side)).error, 'ok');
  }
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:untouched');
});

shows({ refusals: 'splice sendfile' });
scene('calls that demand a pipe or a file', async (s) => {
  const { client, fd } = await s.connection();
  const other = await s.connection();
  const pipe = await pipeOf(s, 4096, 10);
  const file = await s.puppet.must('file', 10);
  await s.deliver(client, fd, 'untouched');
  assert.equal((await s.puppet.call('splice', fd, other.fd, 1, '0')).error, 'EINVAL');
  assert.equal((await s.puppet.call('splice', fd, file, 1, '0')).error, 'EINVAL');
  assert.equal((await s.puppet.call('splice', pipe.out, fd, 1, 'unknown')).error, 'EINVAL');
  assert.equal(await s.puppet.must('splice', pipe.out, fd, 0, '0'), 0);
  assert.equal((await s.puppet.call('splice', fd, 900, 1, '0')).error, 'EBADF');
  assert.equal((await s.puppet.call('tee', pipe.out, fd, 1)).error, 'EINVAL');
  assert.equal((await s.puppet.call('tee', fd, pipe.in, 1)).error, 'EINVAL');
  assert.notEqual((await s.puppet.call('vmsplice', fd)).error, 'ok');
  assert.equal((await s.puppet.call('copy_file_range', file, fd, 1)).error, 'EINVAL');
  assert.equal((await s.puppet.call('copy_file_range', fd, file, 1)).error, 'EINVAL');
  assert.equal((await s.puppet.call('sendfile-from', file, fd, 1)).error, 'EINVAL');
  assert.equal((await s.puppet.call('sendfile-from', fd, other.fd, 1)).error, 'EINVAL');
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:untouched');
});
