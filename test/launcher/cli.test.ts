// The command line: what is accepted, what is said about the rest, and the help that teaches it.
import { strict as assert } from 'node:assert';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { packageRoot } from '../../src/paths.js';
import { run, scratch, wswrap } from './run.js';

describe('a wrong command line ends with status 125 and says what was expected', () => {
  const table: [line: string[], message: RegExp][] = [
    [[], /missing required argument 'PORT'/],
    [['5999'], /missing required argument 'COMMAND'/],
    [['0', 'true'], /'0' is not a port/],
    [['65536', 'true'], /'65536' is not a port/],
    [['http', 'true'], /'http' is not a port: a number from 1 to 65535 is/],
    [['5999,', 'true'], /'' is not a port/],
    [['5999,5999', 'true'], /named twice/],
    [[Array.from({ length: 65 }, (_, i) => 6000 + i).join(','), 'true'], /At most 64 ports/],
    [['--no-such-option', '5999', 'true'], /unknown option '--no-such-option'/],
    [['--origin', 'a b', '5999', 'true'], /'a b': expected an origin/],
    [['--origin', 'https://a.example,', '5999', 'true'], /'': expected an origin/],
    [['--origin', 'https://example.org/path', '5999', 'true'], /expected an origin/],
    [
      ['--host', 'example.org:80', '5999', 'true'],
      /expected a host name or address without a port/,
    ],
    [['--path', 'vnc', '5999', 'true'], /begins with '\/'/],
    [['--path', '/vnc?token=1', '5999', 'true'], /without a query/],
    [['--subprotocol', 'a, b', '5999', 'true'], /One name is expected/],
    [['--handshake-timeout', '0', '5999', 'true'], /Seconds from 0.001 to 86400/],
    [['--handshake-timeout', '1e3', '5999', 'true'], /Seconds from/],
    [['--max-pending', '0', '5999', 'true'], /A number from 1 to 16384/],
    [['--max-connections', '65537', '5999', 'true'], /A number from 1 to 65536/],
    [['--heartbeat', 'often', '5999', 'true'], /Seconds from/],
    [['--allow-raw=soon', '5999', 'true'], /A number from 0 to/],
    [['--log-level', 'loud', '5999', 'true'], /Allowed choices are quiet, info, debug, trace/],
    [['--log-file', '/no/such/folder/log', '5999', 'true'], /ENOENT/],
    [['--log-file', '/', '5999', 'true'], /EISDIR/],
    [['demo', '--port', 'x'], /'x' is not a port/],
    [['demo', 'extra'], /too many arguments/],
  ];
  for (const [line, message] of table) {
    test(`wswrap ${line.join(' ').slice(0, 60)}`, async () => {
      const { status, stdout, stderr } = await run(wswrap, line);
      assert.deepEqual([status, stdout], [125, '']);
      assert.match(stderr, message);
      assert.match(stderr, /^wswrap: /);
    });
  }
});

test('--help names every option and shows examples', async () => {
  const { status, stdout, stderr } = await run(wswrap, ['--help']);
  assert.deepEqual([status, stderr], [0, '']);
  const options = ['origin', 'host', 'path', 'handshake-timeout', 'max-pending', 'allow-raw[=MS]'];
  options.push(
    'max-connections',
    'subprotocol',
    'text',
    'heartbeat',
    'verbose',
    'log-level',
    'log-file',
    'version',
  );
  for (const option of options) assert.ok(stdout.includes(`--${option}`), option);
  assert.match(stdout, /wswrap 5901 vncserver :1/);
  assert.match(stdout, /Exit status:.*125/);
});

test('the README and --help have the same options', async () => {
  const { stdout } = await run(wswrap, ['--help']);
  const readme = readFileSync(join(packageRoot, 'README.md'), 'utf8');
  const optionsIn = (text: string) =>
    [...new Set(text.match(/(?<=^ *(?:-v, )?)--[a-z-]+/gm))].sort();
  const section = readme.slice(readme.indexOf('## Options'), readme.indexOf('## Environment'));
  const listed = [...new Set(section.match(/(?<=`)--[a-z-]+/g))].sort();
  assert.deepEqual(listed, [...optionsIn(stdout), '--help'].sort());
});

test('--version tells the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  const { status, stdout } = await run(wswrap, ['--version']);
  assert.deepEqual([status, stdout], [0, `${version}\n`]);
});

for (const command of ['doctor', 'demo']) {
  test(`${command} --help explains it`, async () => {
    const { status, stdout } = await run(wswrap, [command, '--help']);
    assert.equal(status, 0);
    assert.match(stdout, new RegExp(`Usage: wswrap ${command}`));
  });
}

test('the log file is made before the server starts', async (t) => {
  const file = join(scratch(t), 'log');
  await run(wswrap, ['--log-file', file, '5999', 'true']);
  assert.ok(existsSync(file));
});
