// Data that servers give to epoll may be anything. Many set only half of the union that it is in
// (`event.data.fd = fd`), and what is in the other half was on their stack: it may be half of what
// the shim itself has the kernel keep for a connection. No event may be lost over that, and all
// data comes back as it was given.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Puppet } from '../support/puppet.js';
import { stage } from '../support/stage.js';

/** What the kernel keeps for a descriptor in an epoll (proc_pid_fdinfo(5)). */
function kept(puppet: Puppet, epfd: number, fd: number): bigint {
  const text = readFileSync(`/proc/${puppet.server.pid}/fdinfo/${epfd}`, 'latin1');
  const line = new RegExp(`^tfd: +${fd} .* data: +([0-9a-f]+)`, 'm').exec(text);
  return BigInt(`0x${line?.[1] ?? assert.fail(text)}`);
}

const hex = (data: bigint) => `0x${data.toString(16)}`;

/** Makes data of what is kept for a connection. */
const cases: Record<string, (tag: bigint) => bigint> = {
  'half of a tag': (tag) => (tag & ~0xffffffffn) | 5n,
  'a tag': (tag) => tag,
  'a tag of somebody else': (tag) => tag ^ 0xfffn,
};

for (const [name, make] of Object.entries(cases)) {
  describe(`data that looks like ${name}`, () => {
    async function scenery(t: Parameters<typeof stage>[0]) {
      const { puppet, client, fd } = await stage(t);
      const epfd = await puppet.must('epoll_create');
      await puppet.must('epoll_ctl', epfd, 'add', fd, 'in', 1);
      const data = hex(make(kept(puppet, epfd, fd)));
      // With a byte in it.
      const pipe = await puppet.must('pipe');
      const events = async (epfd: number) =>
        (await puppet.call('epoll_wait', epfd, 8, 1000)).detail;
      return { puppet, client, fd, epfd, data, pipe, events };
    }

    test('comes back from an epoll with a connection, and the connection stays', async (t) => {
      const { puppet, client, epfd, data, pipe, events } = await scenery(t);
      await puppet.must('epoll_ctl', epfd, 'add', pipe, 'in', data);
      assert.equal(await events(epfd), `${data}:in`);
      assert.equal((await puppet.call('epoll_ctl', epfd, 'add', pipe, 'in', 2)).error, 'EEXIST');
      await puppet.must('epoll_ctl', epfd, 'del', pipe);
      await client.send('payload');
      assert.equal(await events(epfd), '0x1:in');
    });

    test('comes back from an epoll that gets its connection later', async (t) => {
      const { puppet, client, fd, data, pipe, events } = await scenery(t);
      const other = await puppet.must('epoll_create');
      await puppet.must('epoll_ctl', other, 'add', pipe, 'in', data);
      assert.equal(await events(other), `${data}:in`);
      await puppet.must('epoll_ctl', other, 'add', fd, 'in', 7);
      assert.equal(await events(other), `${data}:in`);
      await puppet.must('epoll_ctl', other, 'mod', pipe, 'rdhup', data);
      await client.send('payload');
      assert.equal(await events(other), '0x7:in');
    });

    test('may be given later', async (t) => {
      const { puppet, epfd, data, pipe, events } = await scenery(t);
      const other = await puppet.must('epoll_create');
      for (const one of [epfd, other]) {
        await puppet.must('epoll_ctl', one, 'add', pipe, 'in', 3);
        await puppet.must('epoll_ctl', one, 'mod', pipe, 'in+once', data);
        assert.equal(await events(one), `${data}:in`);
        assert.equal((await puppet.call('epoll_wait', one, 8, 0)).result, 0, 'it is once');
        await puppet.must('epoll_ctl', one, 'mod', pipe, 'in', 4);
        assert.equal(await events(one), '0x4:in');
      }
    });

    test('may stand for one file after the other', async (t) => {
      const { puppet, client, fd, epfd, data, pipe, events } = await scenery(t);
      await puppet.must('epoll_ctl', epfd, 'add', pipe, 'in', data);
      // Closed without being taken out: the kernel does that, and does not tell.
      await puppet.must('close', pipe);
      assert.equal(await puppet.must('pipe'), pipe);
      assert.equal((await puppet.call('epoll_ctl', epfd, 'mod', pipe, 'in', 2)).error, 'ENOENT');
      await puppet.must('epoll_ctl', epfd, 'add', pipe, 'in', 2);
      assert.equal(await events(epfd), '0x2:in');
      await puppet.must('close', pipe);
      assert.equal(await puppet.must('dup', fd), pipe);
      await puppet.must('epoll_ctl', epfd, 'add', pipe, 'in', data);
      await puppet.must('epoll_ctl', epfd, 'del', fd);
      await client.send('payload');
      assert.equal(await events(epfd), `${data}:in`);
    });

    test('comes back for an epoll in an epoll, and only for payload', async (t) => {
      const { puppet, client, fd, data, events } = await scenery(t);
      const [inner, outer] = [await puppet.must('epoll_create'), await puppet.must('epoll_create')];
      await puppet.must('epoll_ctl', outer, 'add', inner, 'in', data);
      await puppet.must('epoll_ctl', inner, 'add', fd, 'in', 9);
      await client.ping('nothing to read');
      assert.equal((await puppet.call('epoll_wait', outer, 8, 100)).result, 0);
      await client.send('payload');
      assert.equal(await events(outer), `${data}:in`);
      assert.equal(await events(inner), '0x9:in');
    });
  });
}
