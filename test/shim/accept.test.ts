// Handshakes happen before accept: the server meets only clients that completed theirs, and those
// that do not complete it delay nobody.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { newKey, requestText, WebSocketClient } from '../support/client.js';
import { compile } from '../support/compile.js';
import { eventually, within } from '../support/deadline.js';
import { closeFrame, frame } from '../support/frame.js';
import { needsIPv6 } from '../support/kernel.js';
import { blocking, loops, poll, prefork, words } from '../support/loops.js';
import { summary } from '../support/payload.js';
import { listener, Puppet } from '../support/puppet.js';
import { serve, shim } from '../support/server.js';
import { type Endpoint, Wire } from '../support/wire.js';

async function wire(t: TestContext, endpoint: Endpoint): Promise<Wire> {
  const one = await Wire.connect(endpoint);
  t.after(() => one.destroy());
  return one;
}

async function connect(t: TestContext, endpoint: Endpoint): Promise<WebSocketClient> {
  const client = await WebSocketClient.connect(endpoint);
  t.after(() => client.wire.destroy());
  return client;
}

async function echo(client: WebSocketClient, text: string): Promise<void> {
  await client.send(text);
  assert.equal((await client.receive(text.length)).toString(), text);
}

const waits: Record<string, (puppet: Puppet, timeout: number) => Promise<number>> = {
  select: async (puppet, timeout) => puppet.must('select', timeout, `r:${listener}`),
  pselect: async (puppet, timeout) => puppet.must('pselect', timeout, `r:${listener}`),
  poll: async (puppet, timeout) => puppet.must('poll', timeout, `${listener}:in`),
  ppoll: async (puppet, timeout) => puppet.must('ppoll', timeout, `${listener}:in`),
  epoll_wait: async (puppet, timeout) => {
    const epfd = await puppet.must('epoll_create');
    await puppet.must('epoll_ctl', epfd, 'add', listener, 'in', 1);
    return puppet.must('epoll_wait', epfd, 8, timeout);
  },
};

for (const [name, ready] of Object.entries(waits)) {
  test(`${name} reports the listener when a handshake is complete, not before`, async (t) => {
    const puppet = await Puppet.start(t, { wrapped: true });
    const silent = await wire(t, puppet.server);
    assert.equal(await ready(puppet, 100), 0, 'a connection is no client yet');
    const key = newKey();
    const head = requestText(puppet.server, {}, key);
    await silent.write(head.slice(0, -1));
    assert.equal(await ready(puppet, 100), 0, 'nor is most of a handshake');
    await puppet.must('setfl', listener, 'nonblock');
    assert.equal((await puppet.call('accept', listener)).error, 'EAGAIN');
    await silent.write(head.slice(-1));
    assert.equal(await ready(puppet, 10_000), 1);
    assert.equal(await ready(puppet, 0), 1);
    const client = await WebSocketClient.accepted(silent, key);
    const fd = await puppet.must('accept', listener);
    assert.equal(await ready(puppet, 0), 0);
    await client.send('hello');
    assert.equal((await puppet.call('read', fd, 100)).detail, 'text:hello');
  });
}

test('a blocking accept takes a handshake that comes byte by byte', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const slow = await wire(t, puppet.server);
  const accepting = puppet.call('accept', listener);
  const key = newKey();
  const bytes = Buffer.from(requestText(puppet.server, {}, key));
  for (const byte of bytes) await slow.write(Buffer.of(byte));
  await WebSocketClient.accepted(slow, key);
  const { error, detail, extra, cpu } = await accepting;
  assert.equal(error, 'ok');
  assert.equal(detail, '127.0.0.1');
  assert.equal(Number(extra), slow.socket.localPort);
  assert.ok(cpu < 500, `used ${cpu} ms of CPU`);
});

test('frames that come with the handshake are not lost', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const eager = await wire(t, puppet.server);
  const key = newKey();
  const frames = Buffer.concat([
    frame({ payload: Buffer.from('first') }),
    frame({ payload: Buffer.from('second') }),
  ]);
  const head = Buffer.from(requestText(puppet.server, {}, key));
  await eager.write(Buffer.concat([head, frames]));
  const fd = await puppet.must('accept', listener);
  await WebSocketClient.accepted(eager, key);
  assert.equal((await puppet.call('poll', 10_000, `${fd}:in`)).result, 1);
  assert.equal((await puppet.call('read', fd, 100)).detail, 'text:firstsecond');
});

describe('many silent clients', () => {
  for (const loop of loops) {
    test(`do not delay a good one of a server of the style ${loop.name}`, async (t) => {
      const server = await serve(t, loop.program(), words({ mode: 'echo' }), { wrapped: true });
      for (let i = 0; i < 20; i += 1) {
        const silent = await wire(t, server);
        if (i % 2 === 1) await silent.write(requestText(server).slice(0, 50 + i));
      }
      const client = await connect(t, server);
      await echo(client, 'prompt');
      await client.close(1000);
      await client.ended();
      await echo(await connect(t, server), 'again');
      await server.counted('open', 2);
    });
  }
});

test('a client that leaves before its handshake never existed', async (t) => {
  const server = await serve(t, poll.program(), words({ mode: 'echo' }), {
    wrapped: true,
    env: { WSWRAP_HANDSHAKE_TIMEOUT: '60' },
  });
  const before = server.openDescriptors().length;
  for (let i = 0; i < 30; i += 1) {
    const one = await Wire.connect(server);
    if (i % 3 > 0) await one.write(requestText(server).slice(0, -4));
    if (i % 2 === 0) one.reset();
    else one.destroy();
  }
  const client = await connect(t, server);
  await echo(client, 'hello');
  await client.close();
  await client.ended();
  await server.line(/^end/);
  await server.counted('open', 1);
  await eventually('no descriptor is left', () => server.openDescriptors().length === before);
});

test('a client that said everything before it was accepted', async (t) => {
  const server = await serve(t, blocking.program(), words({ mode: 'sink' }), { wrapped: true });
  const first = await connect(t, server); // holds the server
  const second = await wire(t, server);
  const key = newKey();
  const farewell = Buffer.concat([
    frame({ payload: Buffer.from('short visit') }),
    closeFrame(1000),
  ]);
  await second.write(Buffer.concat([Buffer.from(requestText(server, {}, key)), farewell]));
  await first.close();
  const client = await WebSocketClient.accepted(second, key);
  assert.equal((await client.rest()).toString(), summary(Buffer.from('short visit')));
});

for (const [name, request] of Object.entries({ silent: 0, slow: 60 })) {
  test(`a ${name} client is dropped when its time is over`, async (t) => {
    const env = { WSWRAP_HANDSHAKE_TIMEOUT: '0.3' };
    const server = await serve(t, blocking.program(), words({ mode: 'echo' }), {
      wrapped: true,
      env,
    });
    const late = await wire(t, server);
    if (request > 0) await late.write(requestText(server).slice(0, request));
    const start = performance.now();
    await late.rest().catch((error: NodeJS.ErrnoException) => {
      assert.equal(error.code, 'ECONNRESET');
    });
    assert.ok(performance.now() - start > 200);
    await echo(await connect(t, server), 'still here');
    await server.counted('open', 1);
  });
}

test('a client may not take longer where the server is shown a stopped clock', async (t) => {
  const clock = compile({
    name: 'stopped-clock.so',
    sources: ['test/servers/stopped-clock.c'],
    flags: ['-shared', '-fPIC'],
  });
  const env = { WSWRAP_HANDSHAKE_TIMEOUT: '0.3', LD_PRELOAD: `${shim}:${clock}` };
  const program = blocking.program();
  const server = await serve(t, program, words({ mode: 'echo' }), { wrapped: true, env });
  const silent = await wire(t, server);
  await silent.rest();
});

test('the oldest unfinished handshake makes room for a new one', async (t) => {
  const env = { WSWRAP_MAX_PENDING: '4' };
  const server = await serve(t, poll.program(), words({ mode: 'echo' }), { wrapped: true, env });
  const silent: Wire[] = [];
  for (let i = 0; i < 3; i += 1) {
    silent.push(await wire(t, server));
    // A finished client in between proves that the server has seen the silent one.
    const client = await connect(t, server);
    await echo(client, 'hello');
    client.wire.destroy();
  }
  const [oldest, ...others] = silent;
  const gone = within(
    'the oldest to be dropped',
    oldest?.rest().catch(() => null) ?? assert.fail(),
  );
  await wire(t, server);
  await wire(t, server);
  await gone;
  assert.ok(others.every((other) => !other.socket.readableEnded && !other.socket.destroyed));
});

for (const [address, host, peer] of [
  ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
  ['::1', '::1', '::1'],
  ['::ffff:127.0.0.1', '127.0.0.1', '::ffff:127.0.0.1'],
] as const) {
  const skip = address.includes(':') && needsIPv6();
  test(`a listener on ${address}`, { skip }, async (t) => {
    const server = await serve(t, poll.program(), words({ mode: 'echo', address }), {
      wrapped: true,
    });
    const client = await connect(t, { port: server.port, host });
    await echo(client, 'hello');
    assert.equal(await server.line(/^open/), `open ${peer} ${client.wire.socket.localPort}`);
  });
}

test('several listeners in one process', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true, ports: 2 });
  const [first = 0, second = 0] = puppet.server.ports;
  const other = await puppet.must('listen', '127.0.0.1', second);
  const one = connect(t, { port: first });
  const two = connect(t, { port: second });
  assert.equal((await puppet.call('poll', 10_000, `${listener}:in`)).result, 1);
  assert.equal((await puppet.call('poll', 10_000, `${other}:in`)).result, 1);
  const fds = [await puppet.must('accept', listener), await puppet.must('accept', other)];
  await (await one).send('one');
  await (await two).send('two');
  assert.equal((await puppet.call('read', fds[0] ?? -1, 10)).detail, 'text:one');
  assert.equal((await puppet.call('read', fds[1] ?? -1, 10)).detail, 'text:two');
  // Each listener reports its own clients only.
  const third = connect(t, { port: second });
  assert.equal((await puppet.call('poll', 10_000, `${other}:in`)).result, 1);
  assert.equal((await puppet.call('poll', 0, `${listener}:in`)).result, 0);
  await third;
});

test('a port that was not named stays what it is', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const plain = await puppet.must('listen', '127.0.0.1', 0);
  const port = Number((await puppet.call('getsockname', plain)).extra);
  const raw = await wire(t, { port });
  const fd = await puppet.must('accept', plain);
  await raw.write('GET / HTTP/1.1\r\n\r\n');
  assert.equal((await puppet.call('read', fd, 100)).result, 18);
  await puppet.must('write', fd, 'text:plain');
  assert.equal((await raw.chunk())?.toString(), 'plain');
  const client = connect(t, puppet.server);
  const wrapped = await puppet.must('accept', listener);
  await puppet.must('write', wrapped, 'text:framed');
  assert.equal((await (await client).receive(6)).toString(), 'framed');
});

test('closing the listener ends the clients that wait for it', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const silent = await wire(t, puppet.server);
  const ready = connect(t, puppet.server);
  await puppet.call('poll', 10_000, `${listener}:in`);
  const client = await ready;
  await puppet.must('close', listener);
  await within(
    'the silent client to be dropped',
    silent.rest().catch(() => null),
  );
  await client.ended().catch((error: NodeJS.ErrnoException) => {
    assert.equal(error.code, 'ECONNRESET');
  });
});

test('a listener that several children accept from', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  for (let i = 0; i < 3; i += 1) {
    const connecting = connect(t, puppet.server);
    assert.equal((await puppet.call('in-child', 'accept', listener)).error, 'ok');
    // The child has gone, and with it its connection; the listener has not.
    assert.equal(await (await connecting).closed(), 1001);
  }
});

test('several threads accept from one listener', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const accepting = [1, 2, 3].map(() => puppet.begin('accept', listener).reply);
  const clients = await Promise.all([1, 2, 3].map(() => connect(t, puppet.server)));
  const replies = await Promise.all(accepting);
  assert.equal(new Set(replies.map((reply) => reply.result)).size, 3);
  const ports = clients.map((client) => client.wire.socket.localPort);
  assert.deepEqual(replies.map((reply) => Number(reply.extra)).sort(), ports.sort());
});

function activator(): string {
  return compile({
    name: 'activate',
    sources: ['test/servers/activate.c'],
    flags: ['-D_GNU_SOURCE'],
  });
}

test('a listener that was inherited from a process without the shim', async (t) => {
  // What the service manager does: the environment is the service's, not its own.
  const activated = (port: number) => [
    String(port),
    'env',
    `LD_PRELOAD=${shim}`,
    `WSWRAP_PORT=${port}`,
    blocking.program(),
    ...words({ mode: 'echo' })(port),
  ];
  const server = await serve(t, activator(), activated, { wrapped: false });
  await echo(await connect(t, server), 'hello');
});

test('a listener that was inherited from a process with the shim', async (t) => {
  const activated = (port: number) => [
    String(port),
    poll.program(),
    ...words({ mode: 'echo' })(port),
  ];
  const server = await serve(t, activator(), activated, { wrapped: true });
  await echo(await connect(t, server), 'hello');
});

test('clients that connect slowly are shared by processes that share a listener', async (t) => {
  const server = await serve(t, prefork.program(), words({ mode: 'echo' }), { wrapped: true });
  // One worker at least has more of these than it can serve at a time.
  const slow = await Promise.all(Array.from({ length: 9 }, () => wire(t, server)));
  const busy = [await connect(t, server), await connect(t, server)];
  for (const client of busy) await echo(client, 'busy');
  // A worker is free. Whoever comes first is served.
  const [first, ...others] = slow;
  const key = newKey();
  await first?.write(requestText(server, {}, key));
  const client = await WebSocketClient.accepted(first ?? assert.fail(), key);
  await echo(client, 'served');
  for (const other of others) other.destroy();
});
