// The closing handshake, in both directions, and what a client gets that breaks the protocol.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { eventually } from '../support/deadline.js';
import { closeFrame, type Frame, frame, Opcode } from '../support/frame.js';
import { epoll, poll, threads, words } from '../support/loops.js';
import { generate, summary } from '../support/payload.js';
import { listener, Puppet } from '../support/puppet.js';
import { serve } from '../support/server.js';

async function stage(t: TestContext) {
  const puppet = await Puppet.start(t, { wrapped: true });
  const connect = async () => {
    const connecting = WebSocketClient.connect(puppet.server);
    const fd = await puppet.must('accept', listener);
    const client = await connecting;
    t.after(() => client.wire.destroy());
    return { client, fd };
  };
  return { puppet, connect, ...(await connect()) };
}

test('close by the server is Close 1000, FIN, and a quick return', async (t) => {
  const { puppet, client, fd } = await stage(t);
  await puppet.must('write', fd, 'text:last-words');
  const { elapsed } = await puppet.call('close', fd);
  assert.equal((await client.rest()).toString(), 'last-words');
  assert.equal(client.reader.closeCode, 1000);
  await client.ended();
  assert.ok(elapsed < 500, `close took ${elapsed} ms`);
});

for (const how of ['by-the-book', 'now']) {
  test(`exit of the server (${how}) is Close 1001`, async (t) => {
    const { puppet, client, fd } = await stage(t);
    await puppet.must('write', fd, 'make:100000:1');
    puppet.call('exit', how).catch(() => undefined);
    assert.equal(summary(await client.rest()), summary(generate(100_000)));
    assert.equal(client.reader.closeCode, 1001);
    await client.ended();
    assert.equal((await puppet.server.exit()).code, 0);
  });
}

test('shutdown for writing is Close 1000, once', async (t) => {
  const { puppet, client, fd } = await stage(t);
  await puppet.must('shutdown', fd, 'wr');
  assert.equal(await client.closed(), 1000);
  await client.send('still listening?');
  assert.equal((await puppet.call('poll', 10_000, `${fd}:in`)).result, 1);
  assert.equal((await puppet.call('read', fd, 100)).result, 16);
  await client.close(1000);
  assert.equal((await puppet.call('poll', 10_000, `${fd}:in`)).result, 1);
  assert.equal((await puppet.call('read', fd, 100)).result, 0);
  await puppet.must('close', fd);
  await client.ended();
});

describe("the client's Close", () => {
  for (const [code, reason] of [
    [1000, ''],
    [1001, 'going away'],
    [3000, ''],
    [4999, 'x'.repeat(123)],
  ] as const) {
    test(`${code} is echoed when the server closes`, async (t) => {
      const { puppet, client, fd } = await stage(t);
      await client.close(code, reason);
      assert.equal((await puppet.call('read', fd, 10)).result, 0);
      assert.equal((await puppet.call('read', fd, 10)).result, 0);
      await puppet.must('close', fd);
      assert.equal(await client.closed(), code);
      await client.ended();
    });
  }

  test('without a code is answered without one, or with 1000', async (t) => {
    const { puppet, client, fd } = await stage(t);
    await client.close();
    assert.equal((await puppet.call('read', fd, 10)).result, 0);
    await puppet.must('close', fd);
    assert.ok([1000, 1005].includes(await client.closed()));
  });

  test('does not keep the server from writing', async (t) => {
    const { puppet, client, fd } = await stage(t);
    await client.send('question');
    await client.close(1000);
    assert.equal((await puppet.call('read', fd, 100)).detail, 'text:question');
    assert.equal((await puppet.call('read', fd, 100)).result, 0);
    await puppet.must('write', fd, 'text:answer');
    assert.equal((await client.receive(6)).toString(), 'answer');
    await puppet.must('close', fd);
    assert.equal(await client.closed(), 1000);
  });

  test('is the end of what the server reads, whatever follows', async (t) => {
    const { puppet, client, fd } = await stage(t);
    const late = frame({ payload: Buffer.from('late') });
    const bytes = [frame({ payload: Buffer.from('in-time') }), closeFrame(1000), late];
    await client.wire.write(Buffer.concat(bytes));
    assert.equal((await puppet.call('read', fd, 100)).detail, 'text:in-time');
    assert.equal((await puppet.call('read', fd, 100)).result, 0);
    await puppet.must('close', fd);
    assert.equal(await client.closed(), 1000);
  });

  test('is answered after some seconds by a server that does not close', async (t) => {
    const { puppet, client, fd } = await stage(t);
    await client.close(4000);
    assert.equal((await puppet.call('read', fd, 10)).result, 0);
    const start = performance.now();
    const waiting = puppet.call('poll', 15_000, `${listener}:in`);
    assert.equal(await client.closed(), 4000);
    assert.ok(performance.now() - start > 3000);
    client.wire.destroy();
    const other = await WebSocketClient.connect(puppet.server);
    await waiting;
    other.wire.destroy();
    assert.equal((await puppet.call('write', fd, 'text:x')).error, 'EPIPE');
  });
});

test('a FIN inside a frame is the end, and what came of the frame counts', async (t) => {
  const { puppet, client, fd } = await stage(t);
  await client.wire.write(frame({ payload: Buffer.from('abcdef') }).subarray(0, 9));
  client.wire.end();
  assert.equal((await puppet.call('recv', fd, 100, 'waitall')).detail, 'text:abc');
  assert.equal((await puppet.call('read', fd, 100)).result, 0);
  await puppet.must('write', fd, 'text:bye');
  await puppet.must('close', fd);
  assert.equal((await client.rest()).toString(), 'bye');
});

const x = Buffer.from('x');

/** What is wrong, the close code for it, and the bytes. */
const violations: Record<string, [number, Frame[]]> = {
  'a frame without a mask': [1002, [{ mask: null, payload: x }]],
  'the first reserved bit': [1002, [{ rsv: 4, payload: x }]],
  'the last reserved bit': [1002, [{ rsv: 1, payload: x }]],
  'a reserved data opcode': [1002, [{ opcode: 3, payload: x }]],
  'a reserved control opcode': [1002, [{ opcode: 0xb, payload: x }]],
  'a ping of 126 bytes': [1002, [{ opcode: Opcode.ping, payload: Buffer.alloc(126) }]],
  'a ping in fragments': [1002, [{ opcode: Opcode.ping, fin: false }]],
  'a continuation of nothing': [1002, [{ opcode: Opcode.continuation, payload: x }]],
  'a message inside a message': [1002, [{ fin: false, payload: x }, { payload: x }]],
  'a length with the top bit set': [1002, [{ length: 1n << 63n, form: 64 }]],
  'a short length in 16 bits': [1002, [{ payload: x, form: 16 }]],
  'a short length in 64 bits': [1002, [{ payload: Buffer.alloc(65535), form: 64 }]],
  'a Close of one byte': [1002, [{ opcode: Opcode.close, payload: x }]],
  'close code 1005': [1002, [{ opcode: Opcode.close, payload: Buffer.of(3, 0xed) }]],
  'close code 999': [1002, [{ opcode: Opcode.close, payload: Buffer.of(3, 0xe7) }]],
  'a close reason that is not UTF-8': [
    1007,
    [{ opcode: Opcode.close, payload: Buffer.of(3, 0xe8, 0xff) }],
  ],
  'text that is not UTF-8': [1007, [{ opcode: Opcode.text, payload: Buffer.of(0xff) }]],
  'text that ends inside a code point': [1007, [{ opcode: Opcode.text, payload: Buffer.of(0xc3) }]],
};

describe('a client that sends', () => {
  for (const [name, [code, frames]] of Object.entries(violations)) {
    test(`${name} gets Close ${code}, and the server ECONNRESET`, async (t) => {
      const { puppet, client, fd } = await stage(t);
      await client.send('decent');
      assert.equal((await puppet.call('read', fd, 100)).detail, 'text:decent');
      await client.wire.write(Buffer.concat(frames.map(frame)));
      assert.equal((await puppet.call('poll', 10_000, `${fd}:in`)).result, 1);
      let reply = await puppet.call('read', fd, 100);
      // What was decent about it is delivered.
      while (reply.result > 0) reply = await puppet.call('read', fd, 100);
      assert.equal(reply.error, 'ECONNRESET');
      assert.equal((await puppet.call('write', fd, 'text:x')).error, 'EPIPE');
      assert.equal(await client.closed(), code);
      await client.ended();
      await puppet.must('close', fd);
    });
  }

  test('payload and nonsense in one segment has its payload read', async (t) => {
    const { puppet, client, fd } = await stage(t);
    const nonsense = frame({ rsv: 7, payload: x });
    await client.wire.write(Buffer.concat([frame({ payload: Buffer.from('good') }), nonsense]));
    assert.equal((await puppet.call('read', fd, 100)).detail, 'text:good');
    assert.equal((await puppet.call('read', fd, 100)).error, 'ECONNRESET');
    assert.equal(await client.closed(), 1002);
  });

  test('nonsense wakes a server that waits in epoll', async (t) => {
    const { puppet, client, fd } = await stage(t);
    const epfd = await puppet.must('epoll_create');
    await puppet.must('epoll_ctl', epfd, 'add', fd, 'in+et', 1);
    const waiting = puppet.call('epoll_wait', epfd, 8, 10_000);
    await client.wire.write(frame({ mask: null, payload: x }));
    assert.equal((await waiting).result, 1);
    assert.equal((await puppet.call('read', fd, 100)).error, 'ECONNRESET');
    assert.equal(await client.closed(), 1002);
  });
});

describe('close with unread input', () => {
  for (const loop of [poll, epoll, threads]) {
    test(`loses nothing of a large download (${loop.name})`, async (t) => {
      const bytes = 4_000_000;
      const server = await serve(t, loop.program(), words({ mode: 'spill', bytes }), {
        wrapped: true,
      });
      const before = server.openDescriptors().length;
      const client = await WebSocketClient.connect(server);
      // The server never reads this.
      await client.wire.write(frame({ payload: generate(50_000, 5) }));
      await server.line(/^open/);
      const reading = client.rest();
      const seen = await reading;
      assert.equal(summary(seen), summary(generate(bytes)));
      assert.equal(client.reader.closeCode, 1000);
      await client.close(1000);
      client.wire.end();
      await client.ended().catch((error: NodeJS.ErrnoException) => {
        assert.equal(error.code, 'ECONNRESET');
      });
      await server.line(/^close/);
      const other = await WebSocketClient.connect(server);
      other.wire.destroy();
      await eventually('the descriptor is gone', () => server.openDescriptors().length <= before);
    });
  }

  test('of a client that is slow to read, and never says goodbye', async (t) => {
    const { puppet, client, fd, connect } = await stage(t);
    await client.wire.write(frame({ payload: generate(20_000, 5) }));
    await puppet.must('write', fd, 'make:150000:2');
    const { elapsed } = await puppet.call('close', fd);
    assert.ok(elapsed < 500, `close took ${elapsed} ms`);
    // The server goes on with another client meanwhile.
    const other = await connect();
    assert.equal(other.fd, fd, 'the number is free at once');
    assert.equal(summary(await client.rest()), summary(generate(150_000, 2)));
    assert.equal(client.reader.closeCode, 1000);
    await other.client.send('hello');
    assert.equal((await puppet.call('read', other.fd, 100)).detail, 'text:hello');
  });
});
