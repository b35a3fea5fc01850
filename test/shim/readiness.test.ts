// Readiness: select, pselect, poll, ppoll and epoll report what a plain TCP connection would.
import assert from 'node:assert/strict';
import { encodings } from '../support/framings.js';
import { listener } from '../support/puppet.js';
import { scene, shows } from '../support/scene.js';

for (const name of ['select', 'pselect']) {
  shows({ 'ready descriptors': name });
  scene(`${name} looks at every descriptor, whatever the first one holds`, async (s) => {
    const one = await s.connection();
    const idle = await s.connection();
    const pipe = await s.puppet.must('pipe');
    await s.deliver(one.client, one.fd, 'abcdef');
    await s.puppet.must('read', one.fd, 2); // leaves a part of the frame
    const in_ = `r:${one.fd},${idle.fd},${pipe},${listener}`;
    const all = `r:${one.fd},${pipe} w:${one.fd},${idle.fd} e:`;
    for (const timeout of [0, 5000, -1]) {
      const reply = await s.puppet.call(
        name,
        timeout,
        in_,
        `w:${one.fd},${idle.fd}`,
        `e:${one.fd}`,
      );
      assert.equal(reply.result, 4);
      assert.equal(reply.detail, all);
    }
  });

  shows({ 'the end': name, reset: name });
  scene(`${name} sees the end and a reset as readable`, async (s) => {
    const ending = await s.connection();
    const breaking = await s.connection();
    await ending.client.finish();
    assert.equal((await s.puppet.call(name, 10_000, `r:${ending.fd}`)).result, 1);
    assert.equal((await s.puppet.call('read', ending.fd, 10)).result, 0);
    assert.equal((await s.puppet.call(name, 10_000, `r:${ending.fd}`)).result, 1);
    breaking.client.wire.reset();
    assert.equal((await s.puppet.call(name, 10_000, `r:${breaking.fd}`)).result, 1);
    assert.equal((await s.puppet.call('read', breaking.fd, 10)).error, 'ECONNRESET');
  });
}

shows({ EBADF: 'select' });
scene('select refuses a closed descriptor', async (s) => {
  const { fd } = await s.connection();
  await s.puppet.must('close', fd);
  assert.equal((await s.puppet.call('select', 0, `r:${listener},${fd}`)).error, 'EBADF');
});

for (const name of ['poll', 'ppoll']) {
  shows({ 'ready descriptors': name, 'the end': name, EBADF: name });
  scene(`${name} reports each descriptor for what it is`, async (s) => {
    const full = await s.connection();
    const idle = await s.connection();
    const gone = await s.connection();
    const ended = await s.connection();
    const pipe = await s.puppet.must('pipe');
    await s.puppet.must('close', gone.fd);
    await ended.client.finish();
    await s.puppet.call(name, 10_000, `${ended.fd}:in`);
    await s.deliver(full.client, full.fd, 'abcdef');
    await s.puppet.must('read', full.fd, 2);
    const request = [
      `${full.fd}:in+out`,
      '-1:in',
      `${idle.fd}:in`,
      `${gone.fd}:in`,
      `${pipe}:in`,
      `${listener}:in`,
      `${full.fd}:0`,
      `${idle.fd}:out`,
      `${ended.fd}:in+rdhup`,
    ];
    const reply = await s.puppet.call(name, 10_000, ...request);
    assert.equal(reply.result, 5);
    assert.equal(
      reply.detail,
      [
        `${full.fd}:in+out`,
        '-1:',
        `${idle.fd}:`,
        `${gone.fd}:nval`,
        `${pipe}:in`,
        `${listener}:`,
        `${full.fd}:`,
        `${idle.fd}:out`,
        `${ended.fd}:in+rdhup`,
      ].join(' '),
    );
  });

  shows({ reset: name });
  scene(`${name} reports an error that nobody asked for`, async (s) => {
    const { client, fd } = await s.connection();
    client.wire.reset();
    const reply = await s.puppet.call(name, 10_000, `${fd}:0`);
    assert.equal(reply.detail, `${fd}:err+hup`);
  });

  shows({ timeout: name });
  scene(`${name} without descriptors is a pause`, async (s) => {
    await s.connection();
    const reply = await s.puppet.call(name, 100);
    assert.equal(reply.result, 0);
    assert.ok(reply.elapsed >= 99);
  });
}

const edges = 'in+out+rdhup+et';

shows({ 'data given back': 'epoll_ctl epoll_wait' });
scene('epoll gives back the data it was given', async (s) => {
  const one = await s.connection();
  const other = await s.connection();
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', one.fd, 'in', '0xfedcba9876543210');
  await s.puppet.must('epoll_ctl', epfd, 'add', other.fd, 'in', '0xfedcba9876543210');
  await s.puppet.must('epoll_ctl', epfd, 'add', listener, 'in', '0xffffffffffffffff');
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
  await s.deliver(one.client, one.fd, 'x');
  await s.deliver(other.client, other.fd, 'y');
  const both = '0xfedcba9876543210:in 0xfedcba9876543210:in';
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 1000)).detail, both);
  await s.puppet.must('read', one.fd, 10);
  await s.puppet.must('read', other.fd, 10);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
  await s.client();
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).detail, '0xffffffffffffffff:in');
});

shows({ refusals: 'epoll_ctl epoll_wait' });
scene('epoll_ctl refuses what makes no sense', async (s) => {
  const { fd } = await s.connection();
  const epfd = await s.puppet.must('epoll_create');
  const ctl = async (operation: string, target: number, events = 'in') =>
    (await s.puppet.call('epoll_ctl', epfd, operation, target, events, 1)).error;
  assert.equal(await ctl('mod', fd), 'ENOENT');
  assert.equal(await ctl('del', fd), 'ENOENT');
  assert.equal(await ctl('add', fd), 'ok');
  assert.equal(await ctl('add', fd), 'EEXIST');
  assert.equal(await ctl('mod', fd, 'out'), 'ok');
  assert.equal(await ctl('del', fd), 'ok');
  assert.equal(await ctl('del', fd), 'ENOENT');
  assert.equal(await ctl('add', 900), 'EBADF');
  assert.equal(await ctl('add', epfd), 'EINVAL');
  assert.equal((await s.puppet.call('epoll_ctl', fd, 'add', listener, 'in', 1)).error, 'EINVAL');
  assert.equal((await s.puppet.call('epoll_wait', epfd, 0, 0)).error, 'EINVAL');
  assert.equal((await s.puppet.call('epoll_wait', fd, 1, 0)).error, 'EINVAL');
});

shows({ level: 'epoll_wait', 'the end': 'epoll_wait' });
scene('a level-triggered epoll repeats itself until everything is read', async (s) => {
  const { client, fd } = await s.connection();
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 7);
  await s.deliver(client, fd, 'abcdef');
  for (let i = 0; i < 3; i += 1) {
    assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 1000)).detail, '0x7:in');
    await s.puppet.must('read', fd, 2);
  }
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
  await client.finish();
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 10_000)).detail, '0x7:in');
  assert.equal((await s.puppet.call('read', fd, 2)).result, 0);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 1000)).detail, '0x7:in');
});

shows({ edge: 'epoll_wait' });
scene('an edge-triggered epoll reports each arrival once', async (s) => {
  const { client, fd } = await s.connection();
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, edges, 7);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 1000)).detail, '0x7:out');
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
  for (const word of ['one', 'two', 'three']) {
    await client.send(Buffer.from(word));
    assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 10_000)).detail, '0x7:in+out');
    assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
    assert.equal((await s.puppet.call('read', fd, 100)).detail, `text:${word}`);
  }
  // An arrival that is not read is no obstacle to the next.
  await client.send(Buffer.from('four'));
  await s.puppet.call('epoll_wait', epfd, 8, 10_000);
  await client.send(Buffer.from('five'));
  // What holds no payload is an edge, too, while there is something to read.
  await s.arrival(client, fd);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 10_000)).detail, '0x7:in+out');
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:fourfive');
  await client.finish();
  const end = await s.puppet.call('epoll_wait', epfd, 8, 10_000);
  assert.equal(end.detail, '0x7:in+out+rdhup');
  assert.equal((await s.puppet.call('read', fd, 100)).result, 0);
});

scene('an edge that was registered late still comes', async (s) => {
  const { client, fd } = await s.connection();
  await s.deliver(client, fd, 'early');
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in+et', 7);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 1000)).detail, '0x7:in');
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
  await s.puppet.must('read', fd, 2);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
  await s.puppet.must('epoll_ctl', epfd, 'mod', fd, 'in+et', 8);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 1000)).detail, '0x8:in');
});

shows({ 'one-shot': 'epoll_ctl epoll_wait' });
scene('ONESHOT reports once until it is armed again', async (s) => {
  const { client, fd } = await s.connection();
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in+once', 7);
  await s.deliver(client, fd, 'abc');
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 1000)).detail, '0x7:in');
  await client.send(Buffer.from('def'));
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 100)).result, 0);
  await s.puppet.must('epoll_ctl', epfd, 'mod', fd, 'in+once', 7);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 1000)).detail, '0x7:in');
  assert.equal((await s.puppet.call('read', fd, 100)).detail, 'text:abcdef');
  await s.puppet.must('epoll_ctl', epfd, 'mod', fd, 'in+once', 7);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
});

shows({ maxevents: 'epoll_wait' });
scene('epoll never reports more than fits, and forgets none', async (s) => {
  const epfd = await s.puppet.must('epoll_create');
  const connections = [];
  for (let i = 1; i <= 4; i += 1) {
    const connection = await s.connection();
    await s.puppet.must('epoll_ctl', epfd, 'add', connection.fd, 'in', i);
    connections.push(connection);
  }
  for (const { client, fd } of connections) await s.deliver(client, fd, 'x');
  const seen = new Set<string>();
  for (let i = 0; i < 4; i += 1) {
    const { result, detail } = await s.puppet.call('epoll_wait', epfd, 1, 1000);
    assert.equal(result, 1);
    seen.add(detail);
  }
  assert.deepEqual([...seen].sort(), ['0x1:in', '0x2:in', '0x3:in', '0x4:in']);
});

shows({ 'several epolls': 'epoll_ctl epoll_wait' });
scene('a connection may sit in several epolls', async (s) => {
  const { client, fd } = await s.connection();
  const first = await s.puppet.must('epoll_create');
  const second = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', first, 'add', fd, 'in', 1);
  await s.puppet.must('epoll_ctl', second, 'add', fd, 'in+et', 2);
  await s.deliver(client, fd, 'abc');
  assert.equal((await s.puppet.call('epoll_wait', first, 8, 1000)).detail, '0x1:in');
  assert.equal((await s.puppet.call('epoll_wait', second, 8, 1000)).detail, '0x2:in');
  await s.puppet.must('epoll_ctl', first, 'del', fd);
  assert.equal((await s.puppet.call('epoll_wait', first, 8, 0)).result, 0);
  await client.send(Buffer.from('def'));
  assert.equal((await s.puppet.call('epoll_wait', second, 8, 10_000)).detail, '0x2:in');
});

shows({ 'close without DEL': 'epoll_wait close' });
scene('close takes a connection out of epoll', async (s) => {
  const { client, fd } = await s.connection();
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 1);
  await s.deliver(client, fd, 'unread');
  await s.puppet.must('close', fd);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
  const next = await s.connection();
  assert.equal(next.fd, fd);
  await s.deliver(next.client, next.fd, 'x');
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 2);
  assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 1000)).detail, '0x2:in');
});

shows({ nested: 'epoll_wait poll' });
scene('an epoll inside another, and inside poll', async (s) => {
  const { client, fd } = await s.connection();
  const inner = await s.puppet.must('epoll_create');
  const outer = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', inner, 'add', fd, 'in', 1);
  await s.puppet.must('epoll_ctl', outer, 'add', inner, 'in', 2);
  assert.equal((await s.puppet.call('poll', 0, `${inner}:in`)).result, 0);
  assert.equal((await s.puppet.call('epoll_wait', outer, 8, 0)).result, 0);
  await client.send(Buffer.from('x'));
  assert.equal((await s.puppet.call('poll', 10_000, `${inner}:in`)).detail, `${inner}:in`);
  assert.equal((await s.puppet.call('epoll_wait', outer, 8, 1000)).detail, '0x2:in');
  assert.equal((await s.puppet.call('epoll_wait', inner, 8, 1000)).detail, '0x1:in');
});

shows({ listener: 'epoll_wait accept', exclusive: 'epoll_ctl' });
scene('the listener in epoll, level- and edge-triggered', async (s) => {
  const level = await s.puppet.must('epoll_create');
  const edge = await s.puppet.must('epoll_create');
  await s.puppet.must('setfl', listener, 'nonblock');
  await s.puppet.must('epoll_ctl', level, 'add', listener, 'in+exclusive', 1);
  await s.puppet.must('epoll_ctl', edge, 'add', listener, 'in+et', 2);
  await s.client();
  await s.client();
  assert.equal((await s.puppet.call('epoll_wait', level, 8, 1000)).detail, '0x1:in');
  assert.equal((await s.puppet.call('epoll_wait', edge, 8, 1000)).detail, '0x2:in');
  assert.equal((await s.puppet.call('epoll_wait', edge, 8, 0)).result, 0);
  await s.puppet.must('accept', listener);
  assert.equal((await s.puppet.call('epoll_wait', level, 8, 1000)).detail, '0x1:in');
  await s.puppet.must('accept', listener);
  assert.equal((await s.puppet.call('epoll_wait', level, 8, 0)).result, 0);
  await s.client();
  assert.equal((await s.puppet.call('epoll_wait', edge, 8, 1000)).detail, '0x2:in');
});

scene('a thread that waits in epoll hears of what another registers', async (s) => {
  const { client, fd } = await s.connection();
  const epfd = await s.puppet.must('epoll_create');
  const waiting = s.puppet.begin('epoll_wait', epfd, 8, 10_000);
  await s.blocked(1);
  await client.send(Buffer.from('x'));
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 5);
  assert.equal((await waiting.reply).detail, '0x5:in');
});

shows({ 'after fork': 'epoll_wait' });
scene('an epoll that a child inherited', async (s) => {
  const { client, fd } = await s.connection();
  const epfd = await s.puppet.must('epoll_create');
  await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 9);
  await s.deliver(client, fd, 'abc');
  const child = await s.puppet.call('in-child', 'epoll_wait', epfd, 8, 1000);
  assert.equal(child.detail, '0x9:in');
});

scene('one connection twice in a poll set', async (s) => {
  const { client, fd } = await s.connection();
  const copy = await s.puppet.must('dup', fd);
  await s.deliver(client, fd, 'abc');
  const reply = await s.puppet.call(
    'poll',
    1000,
    `${fd}:in`,
    `${fd}:out`,
    `${copy}:in`,
    `${fd}:in`,
  );
  assert.equal(reply.detail, `${fd}:in ${fd}:out ${copy}:in ${fd}:in`);
  assert.equal(reply.result, 4);
});

shows({ writability: 'epoll_wait poll select' });
scene(
  'writability comes and goes',
  async (s) => {
    const { client, fd } = await s.connection();
    const epfd = await s.puppet.must('epoll_create');
    await s.puppet.must('setfl', fd, 'nonblock');
    await s.puppet.must('epoll_ctl', epfd, 'add', fd, 'out+et', 1);
    assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 1000)).detail, '0x1:out');
    let taken = 0;
    for (;;) {
      const reply = await s.puppet.call('write', fd, 'make:1000000:1');
      if (reply.error === 'EAGAIN') break;
      taken += reply.result;
    }
    assert.equal((await s.puppet.call('poll', 0, `${fd}:out`)).result, 0);
    assert.equal((await s.puppet.call('select', 0, `w:${fd}`)).result, 0);
    assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 0)).result, 0);
    await s.receive(client, taken);
    assert.equal((await s.puppet.call('epoll_wait', epfd, 8, 10_000)).detail, '0x1:out');
    assert.equal((await s.puppet.call('poll', 0, `${fd}:out`)).result, 1);
    assert.ok((await s.puppet.call('write', fd, 'make:1000:1')).result > 0);
  },
  { incomparable: true, framings: encodings },
);
