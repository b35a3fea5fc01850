// Where lines are written: files that move, disks that are full, readers that do not read.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { openSink } from '../../src/log/sink.js';
import { run, scratch } from '../launcher/run.js';
import { eventually } from '../support/deadline.js';
import { linesOf, logInFile } from './log.js';

const source = (name: string) => new URL(`../../src/log/${name}`, import.meta.url);
const imports = `
  import { createLogger } from '${source('logger.js')}';
  import { openSink } from '${source('sink.js')}';`;

// Runs a program that has a log on standard error, by a shell.
const runShell = (command: string, program: string) =>
  run(
    'bash',
    ['-c', command.replaceAll('NODE', `'${process.execPath}' --input-type=module -e "$PROGRAM"`)],
    {
      env: { ...process.env, PROGRAM: imports + program },
    },
  );

describe('a log file', () => {
  test('is appended to, and closed to others', async (t) => {
    const first = logInFile(t);
    first.log.info('one');
    await first.sink.close?.();
    const second = logInFile(t, 'text', 'info', first.file);
    second.log.info('two');
    assert.deepEqual(
      second.lines().map((line) => line.slice(-3)),
      ['one', 'two'],
    );
    assert.equal(statSync(first.file).mode & 0o137, 0);
  });

  test('is made anew when the old one was moved away', (t) => {
    const { log, sink, file, lines } = logInFile(t);
    log.info('one');
    renameSync(file, `${file}.1`);
    log.info('two');
    sink.reopen?.();
    log.info('three');
    assert.match(linesOf(`${file}.1`).join(), /one,.* two$/);
    assert.match(lines().join(), /^\S+ \S+ three$/);
  });

  test('stays the old one when no new one can be made', (t) => {
    const folder = join(scratch(t), 'folder');
    execFileSync('mkdir', [folder]);
    const { log, sink, lines, file } = logInFile(t, 'text', 'info', join(folder, 'log'));
    renameSync(folder, `${folder}.away`);
    sink.reopen?.();
    log.info('on and on');
    assert.ok(!existsSync(file));
    const [warning = '', line = ''] = linesOf(join(`${folder}.away`, 'log'));
    assert.match(warning, /warning: the log file stays the old one: ENOENT/);
    assert.match(line, /on and on$/);
    assert.throws(lines);
  });

  test('stays where it was when the working folder changes', async (t) => {
    const folder = scratch(t);
    const { stderr, status } = await runShell(
      `cd '${folder}' && NODE`,
      `const sink = openSink({ format: 'text', file: 'log' });
       process.chdir('/');
       sink.reopen();
       createLogger('info', sink).info('here');`,
    );
    assert.deepEqual([stderr, status], ['', 0]);
    assert.match(linesOf(join(folder, 'log')).join(), /here$/);
  });

  test('is not written to once it is closed, though its number is another file’s', async (t) => {
    const { log, sink, file, lines } = logInFile(t);
    log.info('one');
    await sink.close?.();
    const other = openSync(`${file}.other`, 'w');
    t.after(() => closeSync(other));
    log.info('two');
    assert.equal(lines().length, 1);
    assert.equal(statSync(`${file}.other`).size, 0);
  });

  test('that cannot be opened is an error at once', () => {
    const open = () => openSink({ format: 'text', file: '/no/such/folder/log' });
    assert.throws(open, { name: 'LaunchError', code: 'LOG_FILE_UNUSABLE', message: /ENOENT/ });
  });

  test('on a full disk stops nobody, and says later what is missing', (t) => {
    const folder = scratch(t);
    const file = join(folder, 'link');
    symlinkSync('/dev/full', file);
    const { log, sink } = logInFile(t, 'text', 'info', file);
    for (let i = 0; i < 5000; ++i) log.info(`line ${i} ${'x'.repeat(80)}`);
    unlinkSync(file);
    symlinkSync(join(folder, 'log'), file);
    sink.reopen?.();
    log.info('there is room again');
    const lines = linesOf(join(folder, 'log'));
    assert.match(lines.at(-1) ?? '', /there is room again$/);
    const note = lines.at(-2) ?? '';
    const lost = Number(/warning: (\d+) lines of the log could not be written/.exec(note)?.[1]);
    assert.equal(lines.length - 2 + lost, 5000);
  });
});

describe('a log whose reader is slow', () => {
  test('does not wait, keeps some, and counts the rest', async (t) => {
    const fifo = join(scratch(t), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
    t.after(() => closeSync(reader));
    const { log, sink } = logInFile(t, 'text', 'info', fifo);
    for (let i = 0; i < 10_000; ++i) log.info(`line ${i}`);
    let text = '';
    const chunk = Buffer.alloc(65_536);
    const isComplete = () => {
      try {
        text += chunk.toString('utf8', 0, readSync(reader, chunk));
      } catch {
        // Empty for now.
      }
      return text.endsWith('are lost\n');
    };
    await eventually('the log is read', isComplete);
    const lines = text.split('\n').slice(0, -1);
    const lost = Number(/(\d+) lines of the log/.exec(lines.at(-1) ?? '')?.[1]);
    assert.ok(lost > 0);
    assert.equal(lines.length - 1 + lost, 10_000);
    lines.slice(0, -1).forEach((line, i) => {
      assert.ok(line.endsWith(` line ${i}`), line);
    });
    await sink.close?.();
  });

  test('does not keep the program from ending', async (t) => {
    const fifo = join(scratch(t), 'fifo');
    const { stdout } = await runShell(
      `mkfifo '${fifo}'; exec 4<>'${fifo}'; NODE 2>'${fifo}'`,
      `const log = createLogger('info', openSink({ format: 'text' }));
       for (let i = 0; i < 10000; ++i) log.info('line');
       console.log('done');`,
    );
    assert.equal(stdout, 'done\n');
  });

  test('that has gone stops nobody', async () => {
    const { stdout } = await runShell(
      '{ NODE 2>&1 >&3 | :; } 3>&1',
      `const log = createLogger('info', openSink({ format: 'text' }));
       const timer = setInterval(() => log.info('line'), 1);
       setTimeout(() => { clearInterval(timer); console.log('alive'); }, 100);`,
    );
    assert.equal(stdout, 'alive\n');
  });
});

describe('standard error', () => {
  for (const [what, command] of [
    ['a pipe', '{ NODE 2>&1 >&3 | cat >&3; } 3>&1'],
    ['a file', 'f=$(mktemp); NODE 2>"$f"; cat "$f"; rm "$f"'],
    ['a socket', 'NODE 2>&1'],
  ] as const) {
    test(`gets the last line when it is ${what} and the program exits at once`, async () => {
      const { stdout } = await runShell(
        command,
        `const log = createLogger('info', openSink({ format: 'text' }));
         for (let i = 0; i < 100; ++i) log.info('line');
         log.info('last');
         process.exit(3);`,
      );
      const lines = stdout.split('\n').slice(0, -1);
      assert.equal(lines.length, 101);
      assert.match(lines.at(-1) ?? '', /last$/);
    });
  }

  test('stays blocking for those who share it', async () => {
    const { stdout } = await runShell(
      '{ { NODE; grep flags /proc/self/fdinfo/2 >&3; } 2>&1 >/dev/null | cat >/dev/null; } 3>&1',
      `createLogger('info', openSink({ format: 'text' })).info('line');`,
    );
    const flags = Number.parseInt(stdout.split(/\s+/)[1] ?? '', 8);
    assert.equal(flags & constants.O_NONBLOCK, 0, stdout);
  });
});
