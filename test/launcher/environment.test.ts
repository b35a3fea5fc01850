// What the server finds in its environment: the shim, its settings, and all that was there before.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { cpSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { packageRoot, shimPath } from '../../src/paths.js';
import { port, run, scratch, wrap, wswrap } from './run.js';

// The environment of the server, from its own mouth.
async function environmentWith(
  options: readonly string[],
  env = process.env,
): Promise<Map<string, string>> {
  const result = await run(wswrap, [...options, port, 'env', '-0'], { env });
  assert.deepEqual([result.status, result.stderr], [0, '']);
  return new Map(
    result.stdout
      .split('\0')
      .filter((line) => line !== '')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

function emptyLibrary(path: string): string {
  execFileSync('gcc', ['-shared', '-o', path, '-x', 'c', '/dev/null']);
  return path;
}

const ours = (environment: Map<string, string>) =>
  Object.fromEntries([...environment].filter(([name]) => name.startsWith('WSWRAP_')));

describe('LD_PRELOAD', () => {
  const { LD_PRELOAD: _, ...clean } = process.env;

  test('is the shim', async () => {
    assert.equal((await environmentWith([], clean)).get('LD_PRELOAD'), shimPath);
  });

  test('keeps what was there, after the shim, and does not repeat the shim', async () => {
    const env = { ...clean, LD_PRELOAD: `libm.so.6 ${shimPath}:libdl.so.2` };
    assert.equal(
      (await environmentWith([], env)).get('LD_PRELOAD'),
      `${shimPath}:libm.so.6:libdl.so.2`,
    );
  });

  test('keeps a path in which a byte of a letter would be a space elsewhere', async (t) => {
    const library = emptyLibrary(join(scratch(t), 'voilà.so'));
    const env = { ...clean, LD_PRELOAD: library };
    assert.equal((await environmentWith([], env)).get('LD_PRELOAD'), `${shimPath}:${library}`);
  });

  test('has only the library of AddressSanitizer before the shim', async (t) => {
    const library = emptyLibrary(join(scratch(t), 'libasan.so.8'));
    const env = { ...clean, LD_PRELOAD: `libm.so.6:${library}` };
    assert.equal(
      (await environmentWith([], env)).get('LD_PRELOAD'),
      `${library}:${shimPath}:libm.so.6`,
    );
  });

  test('cannot hold a path with a space: said, not tried', async (t) => {
    const folder = join(scratch(t), 'a folder');
    for (const name of ['bin', 'dist', 'build', 'native', 'binding.gyp', 'package.json']) {
      cpSync(join(packageRoot, name), join(folder, name), {
        recursive: true,
        preserveTimestamps: true,
      });
    }
    symlinkSync(join(packageRoot, 'node_modules'), join(folder, 'node_modules'));
    const result = await run(join(folder, 'bin/wswrap'), [port, 'true']);
    assert.equal(result.status, 125);
    assert.match(result.stderr, /cannot preload from a path with a space/);
  });
});

describe('settings', () => {
  test('without options are the port and the limits', async () => {
    assert.deepEqual(ours(await environmentWith([])), {
      WSWRAP_PORT: port,
      WSWRAP_HANDSHAKE_TIMEOUT: '10',
      WSWRAP_MAX_PENDING: '1024',
      WSWRAP_MAX_CONNECTIONS: '65536',
    });
  });

  test('are handed over one variable each', async (t) => {
    const logFile = join(scratch(t), 'log');
    const environment = await environmentWith([
      ...['--origin', 'https://a.example:8443,*.b.example', '--origin', 'null'],
      ...['--host', 'pi', '--host=nas.local', '--path', '/vnc', '--subprotocol', 'chat', '--text'],
      ...[
        '--handshake-timeout',
        '2.5',
        '--max-pending',
        '7',
        '--max-connections',
        '99',
        '--heartbeat',
        '30',
        '--allow-raw=250',
      ],
      ...['--log-file', logFile, '--log-level', 'debug'],
    ]);
    assert.deepEqual(ours(environment), {
      WSWRAP_PORT: port,
      WSWRAP_ORIGIN: 'https://a.example:8443,*.b.example,null',
      WSWRAP_HOST: 'pi,nas.local',
      WSWRAP_PATH: '/vnc',
      WSWRAP_SUBPROTOCOL: 'chat',
      WSWRAP_TEXT: '1',
      WSWRAP_HANDSHAKE_TIMEOUT: '2.5',
      WSWRAP_MAX_PENDING: '7',
      WSWRAP_MAX_CONNECTIONS: '99',
      WSWRAP_HEARTBEAT: '30',
      WSWRAP_ALLOW_RAW: '250',
      WSWRAP_LOG_FILE: logFile,
      WSWRAP_LOG_LEVEL: 'debug',
    });
  });

  test('--allow-raw does not take PORT for its value', async () => {
    assert.equal((await environmentWith(['--allow-raw'])).get('WSWRAP_ALLOW_RAW'), '1000');
  });

  test('-v is the log level info', async () => {
    assert.equal((await environmentWith(['-v'])).get('WSWRAP_LOG_LEVEL'), 'info');
  });

  test('name the log file by its absolute path', async (t) => {
    const cwd = scratch(t);
    const result = await run(wswrap, ['--log-file', 'x.log', port, 'printenv', 'WSWRAP_LOG_FILE'], {
      cwd,
    });
    assert.equal(result.stdout, `${join(cwd, 'x.log')}\n`);
  });

  test('of several ports are one list', async () => {
    const result = await run(wswrap, ['5998,5999', 'printenv', 'WSWRAP_PORT']);
    assert.equal(result.stdout, '5998,5999\n');
  });

  test('of an outer wswrap are replaced', async () => {
    const result = await run(wswrap, ['--path', '/outer', '5998', wswrap, port, 'env']);
    assert.equal(result.status, 0);
    assert.match(result.stdout, /^WSWRAP_PORT=5999$/m);
    assert.doesNotMatch(result.stdout, /outer/);
    assert.equal(result.stdout.match(/^LD_PRELOAD=(.*)$/m)?.[1], shimPath);
  });
});

test('everything else is as it was', async () => {
  const env = {
    PATH: process.env['PATH'],
    PWD: '/',
    DEBUG: '1',
    TRACE: '0',
    EMPTY: '',
    LINES_: 'a\nb=c',
  };
  const environment = await environmentWith(['--log-level', 'quiet'], { ...env, DEBUG: 'x' });
  for (const name of ['LD_PRELOAD', ...Object.keys(ours(environment))]) environment.delete(name);
  assert.deepEqual(Object.fromEntries(environment), { ...env, DEBUG: 'x', PWD: process.cwd() });
});

test('a variable that is not a name is no obstacle', async () => {
  const result = await wrap(['printenv', 'a.b-c'], { env: { ...process.env, 'a.b-c': 'kept' } });
  assert.equal(result.stdout, 'kept\n');
});

test('bytes that are not UTF-8 stay as they are, in variables and arguments', async () => {
  const command = `X=$'\\xff\\xfe' exec "$0" 5999 sh -c 'printf "%s-%s" "$X" "$1" | od -An -tx1' sh $'a\\xe9'`;
  const result = await run('bash', ['-c', command, wswrap]);
  assert.deepEqual([result.stdout.trim(), result.stderr], ['ff fe 2d 61 e9', '']);
});

test('a variable that is not UTF-8 and not a shell variable is kept', async () => {
  const script = 'env -- $\'a.b=\\xff\' "$0" 5999 printenv a.b | od -An -tx1';
  const result = await run('bash', ['-c', script, wswrap]);
  assert.equal(result.stdout.trim(), 'ff 0a');
});
