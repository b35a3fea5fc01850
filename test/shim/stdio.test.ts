// stdio on connections: streams made by fdopen, and the standard streams of a process whose
// standard descriptors are a connection.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { compile } from '../support/compile.js';
import { listener } from '../support/puppet.js';
import { type Scene, scene } from '../support/scene.js';
import { serve } from '../support/server.js';
import { type Client, type Transport, tcp, websocket } from '../support/transport.js';

async function open(s: Scene, mode: string): Promise<{ client: Client; fd: number; f: number }> {
  const { client, fd } = await s.connection();
  return { client, fd, f: await s.puppet.must('fdopen', fd, mode) };
}

scene('a stream reads lines, words, bytes', async (s) => {
  const { client, fd, f } = await open(s, 'r');
  await s.deliver(client, fd, 'first\nsecond\nname 42\nxyz');
  assert.equal((await s.puppet.call('fgets', f, 100)).result, 6);
  assert.equal((await s.puppet.call('getline', f)).result, 7);
  assert.equal((await s.puppet.call('fscanf', f)).detail, 'name 42');
  assert.equal((await s.puppet.call('getc', f)).result, 10);
  assert.equal((await s.puppet.call('getc', f)).result, 'x'.charCodeAt(0));
  await s.puppet.call('ungetc', f, 'w');
  assert.equal((await s.puppet.call('fread', f, 3)).detail, 'text:wyz');
  await client.finish();
  assert.equal((await s.puppet.call('getc', f)).result, -1);
  assert.equal((await s.puppet.call('state', f)).detail, 'end=1 error=0');
  await s.puppet.call('clearerr', f);
  assert.equal((await s.puppet.call('state', f)).detail, 'end=0 error=0');
});

scene('a stream is written when it is flushed, or by lines, or at once', async (s) => {
  const { client, f } = await open(s, 'w');
  await s.puppet.call('fprintf', f, 'text:kept');
  await s.puppet.call('poll', 20, `${listener}:in`);
  assert.equal(client.wire.socket.readableLength, 0);
  await s.puppet.call('fflush', f);
  assert.equal((await client.receive(5)).toString(), 'kept\n');
  await s.puppet.call('fprintf', f, 'text:kept-too');
  await s.puppet.call('fflush-all');
  assert.equal((await client.receive(9)).toString(), 'kept-too\n');
  await s.puppet.call('setvbuf', f, 'line');
  await s.puppet.call('fprintf', f, 'text:line');
  assert.equal((await client.receive(5)).toString(), 'line\n');
  await s.puppet.call('setvbuf', f, 'none');
  await s.puppet.call('fwrite', f, 'text:at-once');
  assert.equal((await client.receive(7)).toString(), 'at-once');
  await s.puppet.call('fprintf', f, 'text:last');
  await s.puppet.call('fclose', f);
  assert.equal((await client.rest()).toString(), 'last\n');
});

scene('a stream moves what is larger than its buffer', async (s) => {
  const { client, fd } = await s.connection();
  const input = await s.puppet.must('fdopen', fd, 'r');
  const output = await s.puppet.must('fdopen', await s.puppet.must('dup', fd), 'w');
  const reading = s.puppet.call('fread', input, 300_000);
  const payload = Buffer.alloc(300_000, 'a quarter of a million bytes, ');
  await client.send(payload);
  assert.equal((await reading).result, payload.length);
  const writing = s.puppet.call('fwrite', output, 'make:300000:7');
  const received = client.receive(300_000);
  await writing;
  await s.puppet.call('fflush', output);
  await received;
});

scene('a stream for both directions', async (s) => {
  const { client, fd, f } = await open(s, 'r+');
  for (const word of ['one', 'two']) {
    await s.deliver(client, fd, `${word}\n`);
    await s.puppet.call('fgets', f, 100);
    await s.puppet.call('fprintf', f, `text:${word}`);
    await s.puppet.call('fflush', f);
    assert.equal((await client.receive(4)).toString(), `${word}\n`);
  }
  await s.deliver(client, fd, 'ahead\nof\n');
  await s.puppet.call('fgets', f, 100);
  await s.puppet.call('fprintf', f, 'text:lost');
  await s.puppet.call('fflush', f);
  await s.puppet.call('state', f);
  assert.equal((await s.puppet.call('fseek', f)).error, 'ESPIPE');
});

scene('fdopen and its modes', async (s) => {
  const { client, fd } = await s.connection();
  assert.equal((await s.puppet.call('fdopen', fd, 'q')).error, 'EINVAL');
  const read = await s.puppet.call('fdopen', fd, 'rb');
  assert.equal(read.detail, `${fd} ${fd}`);
  await s.puppet.call('fwrite', read.result, 'text:no');
  await s.puppet.call('state', read.result);
  const append = await s.puppet.must('fdopen', fd, 'a+');
  await s.puppet.call('getfl', fd);
  await s.puppet.call('fprintf', append, 'text:appended');
  await s.puppet.call('fclose', append);
  assert.equal((await client.rest()).toString(), 'appended\n');
  assert.equal((await s.puppet.call('fclose', read.result)).error, 'EBADF');
  assert.equal((await s.puppet.call('fdopen', fd, 'r')).error, 'EBADF');
});

scene('a stream meets EAGAIN, a timeout, a signal, and goes on', async (s) => {
  const { client, fd, f } = await open(s, 'r');
  await s.puppet.must('setfl', fd, 'nonblock');
  assert.equal((await s.puppet.call('fgets', f, 10)).error, 'EAGAIN');
  await s.puppet.call('clearerr', f);
  await s.puppet.must('setfl', fd, '0');
  await s.puppet.must('option', fd, 'rcvtimeo', 50);
  assert.equal((await s.puppet.call('fgets', f, 10)).error, 'EAGAIN');
  await s.puppet.must('option', fd, 'rcvtimeo', 0);
  assert.equal((await s.puppet.call('alarm', 50, 'interrupt', 'fgets', f, 10)).error, 'EINTR');
  assert.equal((await s.puppet.call('state', f)).detail, 'end=0 error=1');
  await s.puppet.call('clearerr', f);
  await s.deliver(client, fd, 'at-last\n');
  assert.equal((await s.puppet.call('fgets', f, 100)).result, 8);
});

scene('a stream to a client that is gone', async (s) => {
  const { client, fd, f } = await open(s, 'w');
  client.wire.reset();
  await s.puppet.call('poll', 10_000, `${fd}:in`);
  await s.puppet.call('read', fd, 10);
  await s.puppet.call('fprintf', f, 'text:unheard');
  assert.equal((await s.puppet.call('fflush', f)).error, 'EPIPE');
  assert.equal((await s.puppet.call('state', f)).detail, 'end=0 error=1');
});

scene('dprintf writes frames', async (s) => {
  const { client, fd } = await s.connection();
  await s.puppet.must('dprintf', fd, 'text:directly');
  assert.equal((await client.receive(9)).toString(), 'directly\n');
  const printing = s.puppet.must('dprintf', fd, 'repeat:61:20000');
  assert.equal((await client.receive(20_001)).toString(), `${'a'.repeat(20_000)}\n`);
  await printing;
});

const flags = ['-O2', '-D_GNU_SOURCE', '-pthread'];
const cxx = [...flags, '-Wno-missing-field-initializers'];
const chats = [
  { name: 'chat-stdio', source: 'chat-stdio.c', flags, env: {} },
  {
    name: 'chat-fortified',
    source: 'chat-stdio.c',
    flags: [...flags, '-D_FORTIFY_SOURCE=2'],
    env: {},
  },
  { name: 'chat-iostream', source: 'chat-iostream.cc', flags: cxx, env: {} },
  { name: 'chat-iostream', source: 'chat-iostream.cc', flags: cxx, env: { UNSYNCHRONISED: '1' } },
];

/** What the client hears, and what the server's own standard output does. */
async function hear(
  t: TestContext,
  transport: Transport,
  chat: (typeof chats)[number],
  style: string,
): Promise<{ heard: string; log: string[] }> {
  const program = compile({
    name: chat.name,
    sources: [`test/servers/${chat.source}`],
    flags: chat.flags,
  });
  const { wrapped } = transport;
  const args = (port: number) => [`port=${port}`];
  const server = await serve(t, program, args, { wrapped, env: { STYLE: style, ...chat.env } });
  const client = await transport.connect(server);
  t.after(() => client.wire.destroy());
  await client.send(Buffer.from('Ada\na line\n!a flush\nthe end\nquit\n'));
  const heard = (await client.rest()).toString();
  if (style === 'back') await server.line(/served/);
  return { heard, log: server.lines.slice(1) };
}

for (const chat of chats) {
  for (const style of ['here', 'back', 'reopen', 'exec']) {
    const buffers = Object.keys(chat.env).join('').toLowerCase();
    test(`${chat.name} ${style} ${buffers}`, async (t) => {
      const native = await hear(t, tcp, chat, style);
      for (const word of ['name? ', 'hello Ada\n', 'a warning\n']) {
        assert.ok(native.heard.includes(word), word);
      }
      assert.deepEqual(await hear(t, websocket(), chat, style), native);
    });
  }
}
