// Frames that hold no payload, as many as a client can send, never hold a call up.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { frame, Opcode } from '../support/frame.js';
import type { Reply } from '../support/puppet.js';
import { stage } from '../support/stage.js';

const empty = frame();
const flood = Buffer.alloc(empty.length * 10_000, empty);

/** More than the kernel's buffers hold: whoever takes all of it did not stop at anything. */
const limit = 32 * 1024 * 1024;

const waits: Record<string, (fd: number) => [string, ...(string | number)[]]> = {
  'a read of one byte': (fd) => ['read', fd, 1],
  'a read of many bytes': (fd) => ['read', fd, 65536],
  'a poll': (fd) => ['poll', 0, `${fd}:in`],
};

for (const [name, request] of Object.entries(waits)) {
  test(`${name} that may not block returns in the middle of a flood of empty frames`, async (t) => {
    const { puppet, client, fd } = await stage(t);
    await puppet.must('setfl', fd, 'nonblock');
    let reply: Reply | undefined;
    let sent = 0;
    for (; sent < limit && reply === undefined; sent += flood.length) {
      await client.wire.write(flood);
      if (sent === 0) {
        puppet.call(...request(fd)).then((one) => {
          reply = one;
        });
      }
    }
    assert.ok(reply !== undefined, `still in the call after ${sent} bytes`);
    assert.ok(reply.result <= 0);
  });
}

test('SO_RCVTIMEO is nothing to a socket that does not block', async (t) => {
  const { puppet, client, fd } = await stage(t);
  await puppet.must('setfl', fd, 'nonblock');
  await puppet.must('option', fd, 'rcvtimeo', 2000);
  const pong = frame({ opcode: Opcode.pong, payload: Buffer.from('x') });
  let over = false;
  const reading = puppet.call('read-often', fd, 100_000).finally(() => {
    over = true;
  });
  while (!over) await client.wire.write(pong);
  const longest = Number((await reading).detail);
  assert.ok(longest < 1900, `one read took ${longest} ms`);
});

test('a signal interrupts a wait although frames without payload keep coming', async (t) => {
  const { puppet, client, fd } = await stage(t);
  const pong = frame({ opcode: Opcode.pong, payload: Buffer.from('x') });
  let over = false;
  const waiting = async () => {
    for (let i = 0; i < 40; i += 1) {
      const reply = await puppet.call('alarm', 10, 'interrupt', 'poll', 1000, `${fd}:in`);
      assert.equal(reply.error, 'EINTR', `wait ${i}`);
    }
  };
  const waits = waiting().finally(() => {
    over = true;
  });
  while (!over) await client.wire.write(pong);
  await waits;
});
