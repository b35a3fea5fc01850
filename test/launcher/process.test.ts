// The server must not notice that anything came before it: wswrap becomes it.
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants as files, openSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';

import { within } from '../support/deadline.js';
import { port, run, scratch, wrap, wswrap } from './run.js';

// Runs wswrap from a shell that first does what `before` says.
function fromShell(before: string, command: string) {
  return run('bash', ['-c', `${before}\nexec "$0" ${port} ${command}`, wswrap]);
}

describe('the process', () => {
  test('is the one that was started', async () => {
    const result = await wrap(['sh', '-c', 'echo $$']);
    assert.equal(Number(result.stdout), result.pid);
  });

  test('has the server’s exit status', async () => {
    assert.equal((await wrap(['sh', '-c', 'exit 7'])).status, 7);
  });

  test('dies of the server’s signal', async () => {
    assert.equal((await wrap(['sh', '-c', 'kill -TERM $$'])).signal, 'SIGTERM');
  });

  test('gets the signals that are sent to it', async () => {
    const server = spawn(wswrap, [
      port,
      'sh',
      '-c',
      'trap "exit 9" USR1; echo up; while :; do :; done',
    ]);
    try {
      await within('the trap', once(createInterface(server.stdout), 'line'));
      const ended = once(server, 'exit');
      server.kill('SIGUSR1');
      assert.deepEqual(await within('the end', ended), [9, null]);
    } finally {
      server.kill('SIGKILL');
    }
  });

  test('keeps its working folder', async (t) => {
    const cwd = scratch(t);
    assert.equal((await wrap(['pwd', '-P'], { cwd })).stdout, `${cwd}\n`);
  });

  test('keeps its terminal', async () => {
    const inner = `${wswrap} ${port} sh -c 'test -t 0 && test -t 1 && test -t 2 && tty'`;
    const result = await run('script', ['-qec', inner, '/dev/null']);
    assert.equal(result.status, 0);
    assert.match(result.stdout, /^\/dev\//);
  });
});

describe('arguments', () => {
  test('after PORT belong to the server, whatever they look like', async () => {
    const args = ['--help', '-v', '--', '--port=1', '', 'a b', '-', '*', 'ü'];
    const result = await wrap(['printf', '[%s]\n', ...args]);
    assert.equal(result.stdout, args.map((arg) => `[${arg}]\n`).join(''));
  });

  test('of a server that is called like one of wswrap’s commands', async () => {
    const result = await wrap(['doctor']);
    assert.equal(result.status, 127);
  });
});

describe('descriptors', () => {
  const list = ['sh', '-c', 'for f in /proc/$$/fd/*; do echo $(basename $f) $(readlink $f); done'];

  test('0, 1 and 2 are the ones that were given', async () => {
    const result = await wrap(['sh', '-c', 'cat; echo problem >&2'], { input: 'from stdin' });
    assert.deepEqual([result.stdout, result.stderr], ['from stdin', 'problem\n']);
  });

  test('beyond these are passed on, with the shim’s records but none of Node’s own', async (t) => {
    const folder = scratch(t);
    const file = join(folder, 'file');
    writeFileSync(file, 'third');
    const [third, fifth] = [openSync(file, 'r'), openSync(folder, 'r')];
    try {
      const command = ['bash', '-c', 'exec 9<&3; exec "$@"', 'bash'];
      const plain = await run('bash', [...command.slice(1), ...list], {
        descriptors: [third, fifth],
      });
      const wrapped = await run('bash', [...command.slice(1), wswrap, port, ...list], {
        descriptors: [third, fifth],
      });
      const named = (text: string) => text.split('\n').filter((line) => line.includes(folder));
      assert.deepEqual(named(wrapped.stdout), named(plain.stdout));
      assert.equal(named(wrapped.stdout).length, 3);
      assert.doesNotMatch(wrapped.stdout, /anon_inode/);
      const numberOf = (line: string) => line.split(' ')[0];
      const numbers = plain.stdout.split('\n').map(numberOf);
      const extra = wrapped.stdout.split('\n').filter((line) => !numbers.includes(numberOf(line)));
      assert.match(extra.join('\n'), /^\d{4,} \/memfd:wswrap-arena-\d+ \(deleted\)$/);
      const read = await wrap(['sh', '-c', 'cat <&3'], { descriptors: [third] });
      assert.equal(read.stdout, 'third');
    } finally {
      closeSync(third);
      closeSync(fifth);
    }
  });

  test('stay blocking', async () => {
    const flags = 'for n in 0 1 2; do grep flags: /proc/self/fdinfo/$n; done';
    const result = await wrap(['sh', '-c', flags]);
    const open = result.stdout.match(/[0-7]+$/gm) ?? [];
    assert.equal(open.length, 3);
    for (const bits of open) assert.equal(Number.parseInt(bits, 8) & files.O_NONBLOCK, 0);
  });

  test('that are closed do not stop the start', async () => {
    assert.equal((await fromShell('exec <&-', "sh -c 'exit 3'")).status, 3);
  });
});

describe('signals', () => {
  const ignored = async (before: string) => {
    const result = await fromShell(before, 'grep SigIgn /proc/self/status');
    return Number.parseInt(result.stdout.split('\t')[1] ?? '', 16);
  };
  const bit = (signal: NodeJS.Signals) => 2 ** (constants.signals[signal] - 1);

  test('that Node ignores have their default action', async () => {
    const own = await ignored('trap - PIPE');
    assert.equal(own & bit('SIGPIPE'), 0);
    assert.equal(own & bit('SIGXFSZ'), 0);
    const result = await fromShell('', "sh -c 'kill -PIPE $$; echo survived'");
    assert.deepEqual([result.signal, result.stdout], ['SIGPIPE', '']);
  });

  test('that were ignored on purpose stay ignored, as with nohup', async () => {
    const own = await ignored("trap '' HUP PIPE USR2");
    for (const signal of ['SIGHUP', 'SIGPIPE', 'SIGUSR2'] as const) {
      assert.notEqual(own & bit(signal), 0, signal);
    }
    const result = await fromShell("trap '' HUP", "sh -c 'kill -HUP $$; echo survived'");
    assert.equal(result.stdout, 'survived\n');
  });

  test('are not blocked', async () => {
    const result = await wrap(['grep', 'SigBlk', '/proc/self/status']);
    assert.match(result.stdout, /SigBlk:\t0+\n/);
  });
});

test('the limit on open files is the one that was set', async () => {
  const result = await fromShell('ulimit -Sn 777', "sh -c 'ulimit -Sn; ulimit -Hn'");
  const [soft, hard] = result.stdout.trim().split('\n');
  assert.equal(soft, '777');
  assert.notEqual(hard, '777');
});
