// Programs that start other programs, between wswrap and the server: the server is wrapped all the
// same, whether they become it or wait for it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { websocket } from '../support/transport.js';
import { Command, root } from './command.js';
import { converse } from './echo.js';

const python = '/usr/bin/python3';

const prefixes: readonly string[][] = [
  ['timeout', '100'],
  ['stdbuf', '-oL', '-i0'],
  ['nohup'],
  ['setsid', '--wait'],
  ['setpriv', '--no-new-privs'],
  ['nice', '-n', '5'],
  ['prlimit', '--nofile=100:200'],
  ['env', 'NAME=value'],
  ['sh', '-c', 'exec "$@"', 'sh'],
  ['sh', '-c', '"$@" & trap "kill $!" TERM; wait', 'sh'],
  ['nice', 'timeout', '100', 'sh', '-c', 'exec stdbuf -o0 "$@"', 'sh'],
];

describe('behind', { concurrency: 2, skip: requires(python) }, () => {
  for (const prefix of prefixes) {
    test(prefix.join(' '), async (t) => {
      const server = await Command.start(
        t,
        (port) => [...prefix, python, `${root}test/programs/servers/asyncio_echo.py`, String(port)],
        { wrapped: true },
      );
      await converse(await websocket().connect(server), generate(100_000));
      await server.stop();
      assert.equal(server.stderr, '');
    });
  }
});
