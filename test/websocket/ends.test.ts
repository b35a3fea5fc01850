// How a stream of the library ends: by either side, decently or not, and what each side is told.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { WebSocketError, type WebSocketStream } from '../../src/index.js';
import { elapse, eventually, within } from '../support/deadline.js';
import { closeFrame, frame, Opcode, ping } from '../support/frame.js';
import { generate, summary } from '../support/payload.js';
import { pair, readAll } from './listen.js';

function closed(stream: WebSocketStream): Promise<unknown> {
  const event: Promise<unknown> = stream.closed ? Promise.resolve() : once(stream, 'close');
  return within('the stream is closed', event);
}

async function failure(stream: WebSocketStream): Promise<WebSocketError> {
  const [error] = await within('an error', once(stream, 'error'));
  assert.ok(error instanceof WebSocketError, String(error));
  assert.equal(error.name, 'WebSocketError');
  return error;
}

describe('the client’s Close', () => {
  test('is the end of what can be read; writing goes on until end()', async (t) => {
    const { stream, client } = await pair(t);
    await client.send('request');
    await client.close(3000, 'that was it');
    assert.equal(String(await readAll(stream)), 'request');
    assert.deepEqual(stream.peerClose, { code: 3000, reason: 'that was it' });
    stream.write('ans');
    assert.equal(String(await client.receive(3)), 'ans');
    stream.end('wer');
    assert.equal(String(await client.rest()), 'wer');
    assert.equal(await client.closed(), 3000, 'the client’s own code');
    await client.ended();
    await closed(stream);
  });

  test('without a code is 1005, and answered by none', async (t) => {
    const { stream, client } = await pair(t);
    await client.close();
    await readAll(stream);
    assert.deepEqual(stream.peerClose, { code: 1005, reason: '' });
    stream.end();
    assert.equal(await client.closed(), 1005);
  });

  test('is answered after closeTimeout by itself', async (t) => {
    const { stream, client } = await pair(t, { closeTimeout: 50 });
    await client.close(1000);
    await readAll(stream);
    assert.equal(await client.closed(), 1000);
    await client.ended();
    await closed(stream);
    assert.ok(!stream.write('too late', () => undefined) || stream.destroyed);
  });

  test('takes nothing from a program that reads slowly', async (t) => {
    const { stream, client } = await pair(t, { closeTimeout: 50 });
    const payload = generate(100_000);
    await client.send(payload);
    await client.close(1000);
    assert.equal(await client.closed(), 1000);
    await client.ended();
    client.wire.end();
    await eventually('the socket is closed', () => stream.socket.destroyed);
    assert.ok(!stream.destroyed);
    assert.equal(summary(await readAll(stream)), summary(payload));
    await closed(stream);
  });

  test('ends what it says: nothing after it is read', async (t) => {
    const { stream, client } = await pair(t);
    const frames = [frame({ payload: Buffer.from('before') }), closeFrame(1000)];
    await client.wire.write(Buffer.concat([...frames, frame({ payload: Buffer.from('after') })]));
    await client.send('even later');
    assert.equal(String(await readAll(stream)), 'before');
  });
});

describe('end()', () => {
  test('is a Close frame; the client may go on until its own', async (t) => {
    const { stream, client } = await pair(t);
    stream.end('bye');
    assert.equal(String(await client.rest()), 'bye');
    assert.equal(await client.closed(), 1000);
    await client.send('one more thing');
    await client.close(1000);
    const finished = stream.writableFinished || once(stream, 'finish');
    assert.equal(String(await readAll(stream)), 'one more thing');
    await client.ended();
    await closed(stream);
    await within('finish', Promise.resolve<unknown>(finished));
  });

  test('and the client’s Close are the end of the connection, even if nobody reads', async (t) => {
    const { stream, client } = await pair(t, { closeTimeout: 60_000 });
    await client.send('unread');
    stream.end();
    await client.closed();
    await client.close(1000);
    await client.ended();
    client.wire.end();
    assert.equal(String(await readAll(stream)), 'unread');
    await closed(stream);
  });

  test('waits for the client’s Close for closeTimeout', async (t) => {
    const { stream, client } = await pair(t, { closeTimeout: 50 });
    stream.end();
    stream.resume();
    assert.equal(await client.closed(), 1000);
    await client.ended();
    await closed(stream);
  });

  test('waits for longer while the client sends', async (t) => {
    const { stream, client } = await pair(t, { closeTimeout: 1000 });
    stream.end();
    await client.closed();
    const received = readAll(stream);
    for (let i = 0; i < 15; i += 1) {
      await client.send('x'.repeat(10));
      await elapse(100);
    }
    await client.close(1000);
    assert.equal((await received).length, 150);
  });

  test('closes when the client’s FIN is all that comes', async (t) => {
    const { stream, client } = await pair(t);
    stream.end();
    stream.resume();
    await client.closed();
    client.wire.end();
    await closed(stream);
    assert.equal(stream.peerClose, undefined);
  });

  test('loses nothing to a client that is slow to read, whoever said Close first', async (t) => {
    for (const first of ['client', 'server'] as const) {
      const { stream, client } = await pair(t, { closeTimeout: 100 });
      const payload = generate(30_000_000);
      if (first === 'client') await client.close(1000);
      stream.resume();
      stream.end(payload);
      await client.wire.filled();
      // Longer than the time for a Close, and than that for the end of a connection.
      await elapse(3000);
      assert.equal(summary(await client.rest()), summary(payload), `${first} first`);
      assert.equal(await client.closed(), 1000);
      if (first === 'server') await client.close(1000);
      client.wire.end();
      await closed(stream);
    }
  });
});

describe('close()', () => {
  test('tells a code and a reason, after what was written', async (t) => {
    const { stream, client } = await pair(t);
    stream.write('words');
    stream.close(4001, 'enough – genug');
    assert.equal(String(await client.rest()), 'words');
    assert.equal(await client.closed(), 4001);
    assert.equal(client.reader.closeReason, 'enough – genug');
    await client.close(4001);
    stream.resume();
    await closed(stream);
  });

  test('the first one counts', async (t) => {
    const { stream, client } = await pair(t);
    stream.close(4001);
    stream.close(4002);
    stream.destroy();
    assert.equal(await client.closed(), 4001);
  });
});

describe('destroy()', () => {
  test('is 1000 for the client, and its FIN', async (t) => {
    const { stream, client } = await pair(t);
    stream.destroy();
    await closed(stream);
    assert.equal(await client.closed(), 1000);
    await client.ended();
  });

  test('with an error is 1011', async (t) => {
    const { stream, client } = await pair(t);
    const error = once(stream, 'error');
    stream.destroy(new Error('no more disk'));
    assert.equal((await error)[0].message, 'no more disk');
    assert.equal(await client.closed(), 1011);
    assert.equal(client.reader.closeReason, '');
  });

  test('lets go of a client that never leaves, after two seconds', async (t) => {
    const { stream, client } = await pair(t);
    stream.destroy();
    await client.ended();
    await eventually('the socket is closed', () => stream.socket.destroyed);
  });
});

describe('a violation', () => {
  const violations = [
    { what: 'a frame without a mask', bytes: frame({ mask: null }), code: 1002 },
    { what: 'a reserved bit', bytes: frame({ rsv: 4 }), code: 1002 },
    { what: 'a reserved opcode', bytes: frame({ opcode: 3 }), code: 1002 },
    { what: 'a long ping', bytes: ping('x'.repeat(126)), code: 1002 },
    { what: 'a stray continuation', bytes: frame({ opcode: 0 }), code: 1002 },
    {
      what: 'text that is none',
      bytes: frame({ opcode: 1, payload: Buffer.of(0xc0) }),
      code: 1007,
    },
    { what: 'an illegal close code', bytes: closeFrame(1005), code: 1002 },
  ];
  for (const { what, bytes, code } of violations) {
    test(`${what} is told to both sides`, async (t) => {
      const { stream, client } = await pair(t);
      const failed = failure(stream);
      stream.resume();
      await client.wire.write(Buffer.concat([frame({ payload: Buffer.from('fine') }), bytes]));
      const error = await failed;
      assert.equal(error.code, 'ERR_WEBSOCKET_PROTOCOL');
      assert.equal(error.closeCode, code);
      assert.notEqual(error.message, '');
      assert.equal(await client.closed(), code);
      await client.ended();
    });
  }
});

describe('a client that vanishes', () => {
  test('by FIN is an end without a code', async (t) => {
    const { stream, client } = await pair(t);
    await client.send('all');
    client.wire.end();
    assert.equal(String(await readAll(stream)), 'all');
    assert.equal(stream.peerClose, undefined);
    stream.end('answer');
    assert.equal(String(await client.rest()), 'answer');
    assert.equal(await client.closed(), 1000);
  });

  test('by a reset is ECONNRESET', async (t) => {
    const { stream, client } = await pair(t);
    stream.resume();
    const failed = once(stream, 'error');
    client.wire.reset();
    const [error] = await within('an error', failed);
    assert.equal(error.code, 'ECONNRESET');
    assert.ok(stream.destroyed);
  });

  test('by a reset after its Close leaves what it said', async (t) => {
    const { stream, client } = await pair(t);
    const payload = generate(60_000);
    await client.send(payload);
    await client.close(1001);
    client.wire.reset();
    await eventually('the socket is closed', () => stream.socket.destroyed);
    assert.equal(summary(await readAll(stream)), summary(payload));
    await closed(stream);
    assert.equal(stream.errored, null);
  });

  test('in silence is found out by the heartbeat', async (t) => {
    const { stream, client } = await pair(t, { heartbeat: 50 });
    stream.resume();
    const error = await failure(stream);
    assert.equal(error.code, 'ERR_WEBSOCKET_TIMEOUT');
    assert.equal(error.closeCode, 1011);
    assert.equal(await client.closed(), 1011);
    assert.equal(client.reader.pings.length, 2);
  });

  test('and one that answers pings stays', async (t) => {
    const { stream, client } = await pair(t, { heartbeat: 200 });
    stream.resume();
    for (let answered = 0; answered < 5; ) {
      assert.ok(await client.advance());
      const pings = client.reader.pings.splice(0);
      for (const payload of pings) await client.wire.write(frame({ opcode: Opcode.pong, payload }));
      answered += pings.length;
    }
    assert.ok(!stream.destroyed);
  });

  test('is not suspected while nobody reads what it says', async (t) => {
    const { stream, client } = await pair(t, { heartbeat: 20 });
    await client.send(generate(500_000)).catch(() => undefined);
    await eventually('the stream is full', () => stream.socket.isPaused());
    await elapse(200);
    assert.ok(!stream.destroyed);
    assert.equal(client.reader.pings.length, 0);
  });
});

test('pings are answered while the program does not read, the newest at least', async (t) => {
  const { client } = await pair(t);
  await client.wire.write(Buffer.concat([ping('old'), ping('new')]));
  assert.equal(await client.pong(), 'new');
});
