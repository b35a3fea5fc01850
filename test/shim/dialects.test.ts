// How payload is written: binary, text, base64, and the two protocols from before RFC 6455.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { frame, Opcode } from '../support/frame.js';
import { HixieClient } from '../support/hixie.js';
import { confinedPoll, epollShort, loops, poll, words } from '../support/loops.js';
import { generate, summary } from '../support/payload.js';
import { listener, Puppet } from '../support/puppet.js';
import { Random, seedOfThisRun } from '../support/random.js';
import { serve } from '../support/server.js';

function offering(port: number, subprotocol: string): Promise<WebSocketClient> {
  return WebSocketClient.connect({ port }, { headers: { 'Sec-WebSocket-Protocol': subprotocol } });
}

async function stage(t: TestContext, env: Record<string, string>, subprotocol?: string) {
  const puppet = await Puppet.start(t, { wrapped: true, env });
  const headers = { 'Sec-WebSocket-Protocol': subprotocol };
  const connecting = WebSocketClient.connect(puppet.server, { headers });
  const fd = await puppet.must('accept', listener);
  const client = await connecting;
  t.after(() => client.wire.destroy());
  return { puppet, client, fd };
}

test('frames to the client are binary, and no larger than 64 KiB', async (t) => {
  const { puppet, client, fd } = await stage(t, {});
  const writing = puppet.call('write', fd, 'make:1000000:1');
  assert.equal(summary(await client.receive(1_000_000)), summary(generate(1_000_000)));
  await writing;
  for (const { opcode, fin, length } of client.reader.frames) {
    assert.equal(opcode, Opcode.binary);
    assert.ok(fin && length <= 65536, `a frame of ${length} bytes`);
  }
});

describe('text to the client', () => {
  test('comes as text messages', async (t) => {
    const { puppet, client, fd } = await stage(t, { WSWRAP_TEXT: '1' });
    await puppet.must('write', fd, 'text:plain');
    await puppet.must('write', fd, 'text:words');
    await client.receive(10);
    assert.deepEqual(client.reader.texts, ['plain', 'words']);
  });

  test('has a code point that a write split in one message', async (t) => {
    const { puppet, client, fd } = await stage(t, { WSWRAP_TEXT: '1' });
    const bytes = Buffer.from('a€b');
    for (const part of [bytes.subarray(0, 2), bytes.subarray(2, 3), bytes.subarray(3)]) {
      await puppet.must('write', fd, `hex:${part.toString('hex')}`);
    }
    await client.receive(bytes.length);
    assert.deepEqual(client.reader.texts, ['a€b']);
    await puppet.must('write', fd, `hex:${Buffer.from('😀').toString('hex')}`);
    await client.receive(4);
    assert.deepEqual(client.reader.texts, ['a€b', '😀']);
  });

  test('survives a large write that splits anywhere', async (t) => {
    const { puppet, client, fd } = await stage(t, { WSWRAP_TEXT: '1' });
    const text = '€'.repeat(100_000);
    const size = Buffer.byteLength(text);
    const writing = puppet.call('write', fd, `repeat:e282ac:${text.length}`);
    await client.receive(size);
    assert.equal((await writing).result, size);
    assert.equal(client.reader.texts.join(''), text);
  });
});

describe('text from the client', () => {
  test('is read like anything else, in fragments too', async (t) => {
    const { puppet, client, fd } = await stage(t, {});
    await client.wire.write(
      Buffer.concat([
        frame({ opcode: Opcode.text, payload: Buffer.from('plain') }),
        frame({ opcode: Opcode.text, fin: false, payload: Buffer.from('fr') }),
        frame({ opcode: Opcode.continuation, payload: Buffer.from('agments') }),
      ]),
    );
    await puppet.call('poll', 10_000, `${fd}:in`);
    assert.equal((await puppet.call('read', fd, 100)).detail, 'text:plainfragments');
  });
});

/** A text frame of the base64 form of `payload`. */
function encoded(payload: Buffer): Buffer {
  return frame({ opcode: Opcode.text, payload: Buffer.from(payload.toString('base64')) });
}

/** What the server's base64 frames hold, each padded for itself. */
async function decoded(client: WebSocketClient, size: number): Promise<Buffer> {
  const all = () => Buffer.concat(client.reader.texts.map((text) => Buffer.from(text, 'base64')));
  while (all().length < size) assert.ok(await client.advance(), 'the end came early');
  return all();
}

describe('the subprotocol base64', () => {
  test('carries bytes in both directions', async (t) => {
    const { puppet, client, fd } = await stage(t, {}, 'base64');
    assert.equal(client.subprotocol, 'base64');
    await client.wire.write(encoded(generate(1000)));
    await puppet.call('poll', 10_000, `${fd}:in`);
    const read = await puppet.call('read', fd, 2000);
    assert.equal(read.detail, `data:${summary(generate(1000)).replace(' ', ':')}`);
    for (const word of ['a', 'ab', 'abc', 'abcd']) await puppet.must('write', fd, `text:${word}`);
    assert.equal((await decoded(client, 10)).toString(), 'aababcabcd');
    const writing = puppet.call('write', fd, 'make:300000:3');
    const expected = Buffer.concat([Buffer.from('aababcabcd'), generate(300_000, 3)]);
    assert.equal(summary(await decoded(client, expected.length)), summary(expected));
    assert.equal((await writing).result, 300_000);
  });

  test('lets a server read byte by byte', async (t) => {
    const { puppet, client, fd } = await stage(t, {}, 'base64');
    await client.wire.write(encoded(Buffer.from('abcdefgh')));
    for (const letter of 'abcdefgh') {
      assert.equal((await puppet.call('poll', 10_000, `${fd}:in`)).result, 1);
      assert.equal((await puppet.call('fionread', fd)).error, 'ok');
      assert.equal((await puppet.call('recv', fd, 1, 'peek')).detail, `text:${letter}`);
      assert.equal((await puppet.call('read', fd, 1)).detail, `text:${letter}`);
    }
    assert.equal((await puppet.call('poll', 100, `${fd}:in`)).result, 0);
  });

  test('is readable when a byte is complete, and not before', async (t) => {
    const { puppet, client, fd } = await stage(t, {}, 'base64');
    const part = (characters: string, opcode: number = Opcode.continuation) =>
      frame({ opcode, fin: characters === 'j', payload: Buffer.from(characters) });
    await client.wire.write(part('Y', Opcode.text));
    for (const blank of ['', ' ', '\r\n']) {
      await client.wire.write(part(blank));
      assert.equal((await puppet.call('poll', 50, `${fd}:in`)).result, 0);
      assert.equal((await puppet.call('fionread', fd)).detail, '0');
      assert.equal((await puppet.call('recv', fd, 10, 'dontwait')).error, 'EAGAIN');
    }
    for (const [character, letter] of ['Wa', 'Jb', 'jc']) {
      await client.wire.write(part(character ?? assert.fail()));
      assert.equal((await puppet.call('poll', 10_000, `${fd}:in`)).result, 1);
      assert.equal((await puppet.call('fionread', fd)).detail, '1');
      assert.equal((await puppet.call('read', fd, 10)).detail, `text:${letter}`);
    }
    assert.equal((await puppet.call('poll', 50, `${fd}:in`)).result, 0);
  });

  test('is one stream: a quad may go on in the next message', async (t) => {
    const { puppet, client, fd } = await stage(t, {}, 'base64');
    for (const characters of ['YWJjZ', 'G', 'Vm']) {
      await client.wire.write(frame({ opcode: Opcode.text, payload: Buffer.from(characters) }));
    }
    assert.equal((await puppet.call('recv', fd, 6, 'waitall')).detail, 'text:abcdef');
  });

  test('refuses a character that is none with 1007', async (t) => {
    const { puppet, client, fd } = await stage(t, {}, 'base64');
    await client.wire.write(frame({ opcode: Opcode.text, payload: Buffer.from('YWJjQUJ!') }));
    assert.equal((await puppet.call('read', fd, 10)).detail, 'text:abcAB');
    assert.equal((await puppet.call('read', fd, 10)).error, 'ECONNRESET');
    assert.equal(await client.closed(), 1007);
  });

  // Where nothing can be looked at before it is taken, padding looks like payload to poll.
  for (const loop of loops.filter((each) => each !== confinedPoll)) {
    test(`echoes whatever way it is cut, from a server of the style ${loop.name}`, async (t) => {
      const seed = seedOfThisRun();
      const random = new Random(seed);
      t.diagnostic(`WSWRAP_TEST_SEED=${seed}`);
      const args = words({ mode: 'echo', buffer: 1000 });
      const server = await serve(t, loop.program(), args, { wrapped: true });
      const client = await offering(server.port, 'base64');
      t.after(() => client.wire.destroy());
      const payload = generate(3000, seed);
      const frames: Buffer[] = [];
      for (let at = 0; at < payload.length; ) {
        const size = random.between(1, 100);
        frames.push(encoded(payload.subarray(at, at + size)));
        at += size;
      }
      const wire = Buffer.concat(frames);
      for (let at = 0; at < wire.length; ) {
        const size = random.between(1, 9);
        await client.wire.write(wire.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(await decoded(client, payload.length), payload);
      await client.close(1000);
      assert.equal(await client.closed(), 1000);
      assert.equal(await server.line(/^end/), `end ${summary(payload)}`);
    });
  }
});

for (const version of [75, 76] as const) {
  describe(`a client of draft-hixie-${version}`, () => {
    test('exchanges bytes and closes', async (t) => {
      const server = await serve(t, poll.program(), words({ mode: 'echo' }), { wrapped: true });
      const client = await HixieClient.connect(server, version);
      t.after(() => client.wire.destroy());
      const payload = generate(100_000, 6);
      const [echo] = await Promise.all([client.receive(payload.length), client.send(payload)]);
      assert.equal(summary(echo), summary(payload));
      await client.wire.write(Buffer.of(0xff, 0x00));
      await client.closed();
      assert.equal(await server.line(/^end/), `end ${summary(payload)}`);
    });

    test('may send its frames byte by byte, and empty ones', async (t) => {
      const program = epollShort.program();
      const server = await serve(t, program, words({ mode: 'echo' }), { wrapped: true });
      const client = await HixieClient.connect(server, version);
      t.after(() => client.wire.destroy());
      const bytes = Buffer.concat([
        Buffer.of(0x00, 0xff),
        HixieClient.frame(Buffer.from('one')),
        Buffer.of(0x00, 0xff, 0x00, 0xff),
        HixieClient.frame(Buffer.from('two!')),
      ]);
      for (const byte of bytes) await client.wire.write(Buffer.of(byte));
      assert.equal((await client.receive(7)).toString(), 'onetwo!');
    });

    test('is told when the server closes', async (t) => {
      const args = words({ mode: 'spill', bytes: 20_000 });
      const server = await serve(t, poll.program(), args, { wrapped: true });
      const client = await HixieClient.connect(server, version);
      t.after(() => client.wire.destroy());
      assert.equal(summary(await client.receive(20_000)), summary(generate(20_000)));
      await client.closed();
    });
  });
}

describe('of the subprotocols that a client offers', () => {
  const cases: Record<string, string | undefined> = {
    'base64, binary': 'binary',
    binary: 'binary',
    base64: 'base64',
    'chat, base64': 'base64',
    'chat, superchat': 'chat',
  };
  for (const [offered, chosen] of Object.entries(cases)) {
    test(`"${offered}", ${chosen} is spoken`, async (t) => {
      const { client } = await stage(t, {}, offered);
      assert.equal(client.subprotocol, chosen);
    });
  }

  test('none, none is spoken', async (t) => {
    const { client } = await stage(t, {});
    assert.equal(client.subprotocol, undefined);
  });

  test('the one that was asked for is spoken', async (t) => {
    const { client } = await stage(t, { WSWRAP_SUBPROTOCOL: 'chat' }, 'binary, chat');
    assert.equal(client.subprotocol, 'chat');
  });

  test('none that was asked for, the client is refused', async (t) => {
    const server = await serve(t, poll.program(), words({ mode: 'echo' }), {
      wrapped: true,
      env: { WSWRAP_SUBPROTOCOL: 'chat' },
    });
    await assert.rejects(offering(server.port, 'binary'), /refused with 400/);
  });
});
