// The log of worker processes.
import { strict as assert } from 'node:assert';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { relayedRecord } from '../../src/log/relay.js';
import { run, scratch } from '../launcher/run.js';
import { within } from '../support/deadline.js';
import { logInFile } from './log.js';

const source = (name: string) => new URL(`../../src/log/${name}`, import.meta.url);
const worker = (body: string) => `
  import { createLogger } from '${source('logger.js')}';
  import { relaySink } from '${source('relay.js')}';
  const sink = relaySink();
  const log = createLogger('info', sink);
  ${body}`;

describe('a worker', () => {
  test('has its log written by its parent, under its own number, to the last line', async (t) => {
    const program = join(scratch(t), 'worker.mjs');
    writeFileSync(
      program,
      worker(`for (let i = 0; i < 100; ++i) log.info('line ' + i);
              await sink.close();
              process.exit(0);`),
    );
    const { sink, lines } = logInFile(t);
    const child = fork(program);
    child.on('message', (message) => {
      const record = relayedRecord(message);
      if (record !== undefined) sink.write(record);
    });
    await within('the end of the worker', once(child, 'close'));
    const expected = Array.from({ length: 100 }, (_, i) => `wsproxy[${child.pid}] line ${i}`);
    assert.deepEqual(
      lines().map((line) => line.replace(/^\S+ /, '')),
      expected,
    );
  });

  test('that lost its parent goes on', async () => {
    const program = worker(`log.info('x'); await sink.close(); console.log('done');`);
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', program]);
    assert.deepEqual([stdout, stderr], ['done\n', '']);
  });
});

test('other messages of a worker are not taken for records', () => {
  for (const other of [undefined, null, 'log', 7, {}, { log: 1 }, { cmd: 'x' }]) {
    assert.equal(relayedRecord(other), undefined);
  }
});
