// One holder at a time, whoever died with the lock in hand.
import { strict as assert } from 'node:assert';
import { existsSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { withLock } from '../../src/launcher/lock.js';
import { run, scratch } from './run.js';

const neverWaits = (pid: number) => assert.fail(`waited for ${pid}`);

test('the lock is free afterwards, also when its holder failed', async (t) => {
  const lock = join(scratch(t), 'lock');
  assert.equal(await withLock(lock, neverWaits, async () => (existsSync(lock) ? 0 : 1)), 1);
  await assert.rejects(
    withLock(lock, neverWaits, () => Promise.reject(new Error('failed'))),
    {
      message: 'failed',
    },
  );
  assert.equal(await withLock(lock, neverWaits, async () => 7), 7);
});

test('who waits is told for whom, once, and goes next', async (t) => {
  const lock = join(scratch(t), 'lock');
  const order: string[] = [];
  let release = () => {};
  const first = withLock(lock, neverWaits, async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    order.push('first');
  });
  const waits: number[] = [];
  const second = withLock(
    lock,
    (pid) => {
      waits.push(pid);
      release();
    },
    async () => order.push('second'),
  );
  await Promise.all([first, second]);
  assert.deepEqual(order, ['first', 'second']);
  assert.deepEqual(waits, [process.pid]);
});

test('many waiters take over from a dead holder one by one', async (t) => {
  const folder = scratch(t);
  const lock = join(folder, 'lock');
  const { pid } = await run('true', []);
  symlinkSync(`${pid}.12345`, lock);
  let holders = 0;
  let most = 0;
  const turn = () =>
    withLock(
      lock,
      () => {},
      async () => {
        most = Math.max(most, ++holders);
        await new Promise((resolve) => setImmediate(resolve));
        --holders;
      },
    );
  await Promise.all(Array.from({ length: 20 }, turn));
  assert.equal(most, 1);
  assert.deepEqual(readdirSync(folder), []);
});

test('a reused process id does not keep the lock', async (t) => {
  const lock = join(scratch(t), 'lock');
  // This very process lives, but it started at another time.
  symlinkSync(`${process.pid}.1`, lock);
  assert.equal(await withLock(lock, neverWaits, async () => 'taken'), 'taken');
});
