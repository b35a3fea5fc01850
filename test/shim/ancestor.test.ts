// The wrapper of 2011 gave up on what follows. One test for each of its defects, so that none comes
// back; the suites beside this one go deeper.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { newKey, requestText, WebSocketClient } from '../support/client.js';
import { elapse, within } from '../support/deadline.js';
import { frame, Opcode } from '../support/frame.js';
import { needsIPv6 } from '../support/kernel.js';
import { blocking, fork, poll, words } from '../support/loops.js';
import { generate, summary } from '../support/payload.js';
import { listener, Puppet } from '../support/puppet.js';
import { serve } from '../support/server.js';
import { Wire } from '../support/wire.js';

async function stage(t: TestContext, subprotocol?: string) {
  const puppet = await Puppet.start(t, { wrapped: true });
  const connect = async () => {
    const headers = { 'Sec-WebSocket-Protocol': subprotocol };
    const connecting = WebSocketClient.connect(puppet.server, { headers });
    const fd = await puppet.must('accept', listener);
    const client = await connecting;
    t.after(() => client.wire.destroy());
    return { client, fd };
  };
  return { puppet, connect, ...(await connect()) };
}

describe('defect 1: the handshake happens inside accept', () => {
  test('a silent client does not keep accept from the next one', async (t) => {
    const puppet = await Puppet.start(t, { wrapped: true });
    const silent = await Wire.connect(puppet.server);
    const accepting = puppet.call('accept', listener);
    const client = await WebSocketClient.connect(puppet.server);
    assert.equal(Number((await accepting).extra), client.wire.socket.localPort);
    silent.destroy();
    client.wire.destroy();
  });

  test('a failed handshake leaves no descriptor behind', async (t) => {
    const server = await serve(t, blocking.program(), words({ mode: 'echo' }), { wrapped: true });
    const visit = async () => {
      const client = await WebSocketClient.connect(server);
      await client.close();
      await client.ended();
    };
    await visit();
    const before = server.openDescriptors().length;
    for (let i = 0; i < 20; i += 1) {
      const wire = await Wire.connect(server);
      await wire.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await wire.rest();
      wire.destroy();
    }
    await visit();
    assert.ok(server.openDescriptors().length <= before + 1);
  });
});

describe('defect 2: select clears what it did not look at', () => {
  for (const timeout of [0, 1000, -1]) {
    test(`payload that waits does not hide other descriptors (timeout ${timeout})`, async (t) => {
      const { puppet, client, fd, connect } = await stage(t, 'base64');
      const other = await connect();
      const pipe = await puppet.must('pipe');
      // A byte of a quad is taken: two are left.
      await client.wire.write(frame({ opcode: Opcode.text, payload: Buffer.from('YWJj') }));
      assert.equal((await puppet.call('recv', fd, 1, 'waitall')).detail, 'text:a');
      const { result, detail } = await puppet.call(
        'select',
        timeout,
        `r:${fd},${other.fd},${pipe}`,
        `w:${fd},${other.fd}`,
      );
      assert.equal(result, 4);
      assert.equal(detail, `r:${fd},${pipe} w:${fd},${other.fd} e:`);
    });
  }
});

describe('defect 3: poll waits before it looks, and counts time twice', () => {
  test('payload that waits is reported at once', async (t) => {
    const { puppet, client, fd } = await stage(t, 'base64');
    await client.wire.write(frame({ opcode: Opcode.text, payload: Buffer.from('YWJj') }));
    assert.equal((await puppet.call('recv', fd, 2, 'waitall')).detail, 'text:ab');
    const { detail, elapsed } = await puppet.call('poll', 10_000, `${fd}:in`);
    assert.equal(detail, `${fd}:in`);
    assert.ok(elapsed < 5000);
  });

  test('elapsed time is counted once, however often it wakes', async (t) => {
    const { puppet, client, fd } = await stage(t);
    const polling = puppet.call('poll', 1000, `${fd}:in`);
    for (let i = 0; i < 20; i += 1) await client.wire.write(frame());
    const { result, elapsed } = await polling;
    assert.equal(result, 0);
    assert.ok(elapsed >= 950 && elapsed < 2500, `${elapsed} ms`);
  });

  test('ppoll without a timeout waits, and a negative descriptor is skipped', async (t) => {
    const { puppet, client, fd } = await stage(t);
    const polling = puppet.call('ppoll', -1, '-1:in', `${fd}:in`, '-7:out');
    await client.send('x');
    assert.equal((await polling).detail, `-1: ${fd}:in -7:`);
  });
});

test('defect 4: a part of a frame burns CPU', async (t) => {
  const { puppet, client, fd } = await stage(t);
  await client.wire.write(frame({ payload: Buffer.from('x') }).subarray(0, 4));
  const { result, elapsed, cpu } = await puppet.call('select', 500, `r:${fd}`);
  assert.equal(result, 0);
  assert.ok(elapsed >= 475 && elapsed < 2000, `${elapsed} ms`);
  assert.ok(cpu < 150, `${cpu} ms of CPU`);
});

describe('defect 5: one port, IPv4, one process, small descriptors', () => {
  test('two ports, of which one is IPv6', { skip: needsIPv6() }, async (t) => {
    const puppet = await Puppet.start(t, { wrapped: true, ports: 2 });
    const [, port = 0] = puppet.server.ports;
    const other = await puppet.must('listen', '::1', port);
    const connecting = WebSocketClient.connect({ port, host: '::1' });
    const { detail } = await puppet.call('accept', other);
    assert.equal(detail, '::1');
    (await connecting).wire.destroy();
  });

  test('a connection survives fork', async (t) => {
    const server = await serve(t, fork.program(), words({ mode: 'echo' }), { wrapped: true });
    const client = await WebSocketClient.connect(server);
    t.after(() => client.wire.destroy());
    await client.send('hello');
    assert.equal((await client.receive(5)).toString(), 'hello');
  });

  test('a connection survives exec', async (t) => {
    const { puppet, client, fd } = await stage(t);
    const running = puppet.call('run-on', fd, 'cat');
    await client.send('through cat');
    assert.equal((await client.receive(11)).toString(), 'through cat');
    await client.close();
    assert.equal((await running).result, 0);
  });

  test('a descriptor with a large number', async (t) => {
    const { puppet, client, fd } = await stage(t);
    const copy = await puppet.must('dupfd', fd, 1000);
    await puppet.must('close', fd);
    await client.send('hello');
    assert.equal((await puppet.call('poll', 10_000, `${copy}:in`)).result, 1);
    assert.equal((await puppet.call('read', copy, 100)).detail, 'text:hello');
  });
});

describe('defect 6: memory outside of its bounds', () => {
  test('a long handshake, and a key without spaces', async (t) => {
    const server = await serve(t, poll.program(), words({ mode: 'echo' }), { wrapped: true });
    const head = (extra: Record<string, string>) =>
      requestText(server, {
        headers: {
          'Sec-WebSocket-Version': undefined,
          'Sec-WebSocket-Key': undefined,
          Origin: 'http://127.0.0.1',
          ...extra,
        },
      });
    const keys = { 'Sec-WebSocket-Key1': '12345', 'Sec-WebSocket-Key2': '67890' };
    for (const request of [`${head(keys)}12345678`, head({ 'X-Long': 'x'.repeat(60_000) })]) {
      const wire = await Wire.connect(server);
      await wire.write(request);
      assert.match((await wire.rest()).toString(), /^HTTP\/1\.1 4\d\d /);
    }
    (await WebSocketClient.connect(server)).wire.destroy();
  });

  test('decoding writes within the buffer of the caller', async (t) => {
    const { puppet, client, fd } = await stage(t, 'base64');
    const payload = generate(900);
    const text = Buffer.from(payload.toString('base64'));
    await client.wire.write(frame({ opcode: Opcode.text, payload: text }));
    let seen = 0;
    for (let size = 1; seen < payload.length; size += 1) {
      const { result } = await puppet.call('read', fd, size);
      assert.ok(result > 0 && result <= size);
      seen += result;
    }
    assert.equal(seen, payload.length);
  });
});

test('defect 7: MSG_PEEK takes bytes, and a partial read repeats one', async (t) => {
  const { puppet, client, fd } = await stage(t, 'base64');
  const text = Buffer.from(Buffer.from('abcdef').toString('base64'));
  await client.wire.write(frame({ opcode: Opcode.text, payload: text }));
  await puppet.call('poll', 10_000, `${fd}:in`);
  assert.equal((await puppet.call('recv', fd, 2, 'peek')).detail, 'text:ab');
  assert.equal((await puppet.call('recv', fd, 2, 'waitall')).detail, 'text:ab');
  assert.equal((await puppet.call('recv', fd, 4, 'peek')).detail, 'text:cdef');
  assert.equal((await puppet.call('recv', fd, 4, 'waitall')).detail, 'text:cdef');
});

describe('defect 8: writes spin, and the end is an error', () => {
  test('a write that cannot go on costs no CPU', async (t) => {
    const { puppet, client, fd } = await stage(t);
    const writing = puppet.call('write', fd, 'make:12000000:1');
    await client.wire.filled();
    const before = puppet.server.cpuSeconds();
    await elapse(500);
    assert.ok(puppet.server.cpuSeconds() - before < 0.2);
    assert.equal(summary(await client.receive(12_000_000)), summary(generate(12_000_000)));
    assert.equal((await writing).result, 12_000_000);
  });

  test("the client's Close is an end, and the server's close says goodbye", async (t) => {
    const { puppet, client, fd, connect } = await stage(t);
    await client.close(1000);
    assert.equal((await puppet.call('read', fd, 10)).result, 0);
    const other = await connect();
    await puppet.must('close', other.fd);
    assert.equal(await within('the goodbye', other.client.closed()), 1000);
  });
});

test('defect 9: only read, recv, write and send are known', async (t) => {
  const { puppet, client } = await stage(t);
  const connecting = Wire.connect(puppet.server);
  const wire = await connecting;
  const key = newKey();
  await wire.write(requestText(puppet.server, {}, key));
  const fd = await puppet.must('accept4', listener, 'cloexec');
  const other = await WebSocketClient.accepted(wire, key);
  const copy = await puppet.must('dupfd', fd, 50);
  await puppet.must('writev', copy, 'text:a', 'text:b');
  await puppet.must('sendmsg', copy, 0, 'text:c');
  await puppet.must('sendfile', copy, 0, 1, 'text:d');
  assert.equal((await other.receive(4)).toString(), 'abcd');
  await other.send('efgh');
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', copy, 'in', 3);
  assert.equal((await puppet.call('epoll_wait', epfd, 1, 10_000)).detail, '0x3:in');
  assert.equal((await puppet.call('readv', copy, 1, 1)).detail, 'text:ef');
  assert.match((await puppet.call('recvmsg', copy, 0, 9)).detail, /^text:gh /);
  client.wire.destroy();
  wire.destroy();
});
