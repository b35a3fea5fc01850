// Who owns a pid file, and for how long.
import { strict as assert } from 'node:assert';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';

import { writePidFile } from '../../src/proxy/pid-file.js';
import { run, scratch } from '../launcher/run.js';
import { within } from '../support/deadline.js';

const source = new URL('../../src/proxy/pid-file.js', import.meta.url);

// A program that owns the file and lives until its standard input ends.
const program = `
  import { writePidFile } from '${source}';
  try {
    writePidFile(process.argv[1]);
    console.log('written');
    process.stdin.on('end', () => process.exit(0)).resume();
  } catch ({ name, code, message }) {
    console.log(name, code, message);
  }`;
const args = (file: string) => ['--input-type=module', '-e', program, file];

async function startOwner(t: TestContext, file: string) {
  const child = spawn(process.execPath, args(file), { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [line] = await within('the pid file', once(createInterface(child.stdout), 'line'));
  assert.equal(line, 'written');
  return child;
}

async function end(owner: ChildProcess): Promise<void> {
  owner.stdin?.end();
  await within('the end of the owner', once(owner, 'exit'));
}

const contents = (file: string) => readFileSync(file, 'utf8');

describe('the pid file', () => {
  test('names the process while it runs, and is gone afterwards', async (t) => {
    const file = join(scratch(t), 'pid');
    const owner = await startOwner(t, file);
    assert.equal(contents(file), `${owner.pid}\n`);
    assert.equal(statSync(file).mode & 0o022, 0);
    await end(owner);
    assert.ok(!existsSync(file));
  });

  test('leaves nothing beside it', async (t) => {
    const folder = scratch(t);
    await startOwner(t, join(folder, 'pid'));
    assert.deepEqual(readdirSync(folder), ['pid']);
  });

  test('of a running process is left alone', async (t) => {
    const file = join(scratch(t), 'pid');
    const owner = await startOwner(t, file);
    const { stdout } = await run(process.execPath, args(file));
    assert.match(stdout, new RegExp(`^LaunchError PID_FILE_OWNED .*process ${owner.pid},`));
    assert.equal(contents(file), `${owner.pid}\n`);
  });

  test('of a process that was killed is taken over', async (t) => {
    const file = join(scratch(t), 'pid');
    const killed = await startOwner(t, file);
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    assert.equal(contents(file), `${killed.pid}\n`);
    const heir = await startOwner(t, file);
    assert.equal(contents(file), `${heir.pid}\n`);
  });

  test('is stale when the number is another process’s by now', async (t) => {
    const file = join(scratch(t), 'pid');
    // This process is running, but it is younger than the file.
    writeFileSync(file, `${process.pid}\n`);
    utimesSync(file, 1e9, 1e9);
    const owner = await startOwner(t, file);
    assert.equal(contents(file), `${owner.pid}\n`);
  });

  test('that is empty or garbled belongs to nobody', async (t) => {
    const file = join(scratch(t), 'pid');
    for (const text of ['', 'x\n', '0\n', '-1\n', '99999999999999\n']) {
      writeFileSync(file, text);
      await end(await startOwner(t, file));
    }
  });

  test('that became another process’s is not removed', async (t) => {
    const file = join(scratch(t), 'pid');
    const owner = await startOwner(t, file);
    writeFileSync(file, '1\n');
    await end(owner);
    assert.equal(contents(file), '1\n');
  });

  test('does not write through a link', async (t) => {
    const folder = scratch(t);
    const precious = join(folder, 'precious');
    writeFileSync(precious, 'keep\n');
    symlinkSync(precious, join(folder, 'pid'));
    await startOwner(t, join(folder, 'pid'));
    assert.equal(contents(precious), 'keep\n');
  });

  test('that cannot be written is an error', () => {
    assert.throws(() => writePidFile('/no/such/folder/pid'), {
      name: 'LaunchError',
      code: 'PID_FILE_UNWRITABLE',
      message: /ENOENT/,
    });
  });

  test('is what kill(1) and others expect', async (t) => {
    const file = join(scratch(t), 'pid');
    const owner = await startOwner(t, file);
    const exited = once(owner, 'exit');
    spawnSync('sh', ['-c', `kill -TERM $(cat '${file}')`]);
    assert.deepEqual(await within('the end of the owner', exited), [null, 'SIGTERM']);
  });
});
