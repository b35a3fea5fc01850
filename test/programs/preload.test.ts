// Other libraries that want to stand between a server and libc: allocators, a fake clock, sanitizers.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compile } from '../support/compile.js';
import { words as optionsOf } from '../support/loops.js';
import { generate } from '../support/payload.js';
import { find, requires } from '../support/programs.js';
import { websocket } from '../support/transport.js';
import { Wire } from '../support/wire.js';
import { Command, root } from './command.js';
import { converse } from './echo.js';

const python = '/usr/bin/python3';
const echo = (port: number) => [
  ...[python, `${root}test/programs/servers/socketserver_echo.py`, String(port), 'thread'],
];

describe('an allocator', { concurrency: false }, () => {
  for (const library of ['libjemalloc.so.2', 'libtcmalloc_minimal.so.4'] as const) {
    const path = find(library) ?? '';
    const before = (port: number) => [
      ...['/bin/sh', '-c', `LD_PRELOAD=${path}:$LD_PRELOAD exec "$@"`, 'sh', ...echo(port)],
    ];
    const orders = [
      { order: 'after', words: echo, env: { LD_PRELOAD: path } },
      { order: 'before', words: before, env: {} },
    ];
    for (const { order, words, env } of orders) {
      test(`${library} ${order} the shim`, { skip: requires(library, python) }, async (t) => {
        const server = await Command.start(t, words, { wrapped: true, env });
        await converse(await websocket().connect(server), generate(1 << 20));
        await server.stop();
        assert.equal(server.stderr, '');
      });
    }
  }
});

describe('a fake clock', { concurrency: false, skip: requires('faketime', python) }, () => {
  const words = (port: number) => [
    ...[python, `${root}test/programs/servers/timed.py`, String(port)],
  ];
  const library = '/usr/$LIB/faketime/libfaketime.so.1';
  const cases: readonly { name: string; words: typeof words; env?: Record<string, string> }[] = [
    {
      name: 'around wswrap',
      words,
      env: { LD_PRELOAD: library, FAKETIME: '@2001-01-01 00:00:00' },
    },
    { name: 'inside wswrap', words: (port) => ['faketime', '2001-01-01', ...words(port)] },
    {
      name: 'that stands still',
      words: (port) => ['faketime', '-f', '2001-01-01 00:00:00', ...words(port)],
    },
  ];

  for (const { name, words, env = {} } of cases) {
    test(`${name} changes no time limit`, async (t) => {
      const server = await Command.start(t, words, {
        wrapped: true,
        // faketime waits for the program, and passes no signal on to it.
        terminal: true,
        env,
        options: ['--handshake-timeout', '1'],
      });
      const silent = await Wire.connect(server);
      t.after(() => silent.destroy());
      const client = await websocket().connect(server);
      assert.equal((await client.rest()).toString(), '2001 silence');
      client.wire.destroy();
      await silent.rest();
    });
  }
});

describe('AddressSanitizer in the server', { concurrency: false }, () => {
  const program = () =>
    compile({
      name: 'threads-sanitized',
      sources: ['test/servers/threads.c'],
      flags: ['-O1', '-D_GNU_SOURCE', '-pthread', '-fsanitize=address'],
    });

  for (const { name, words } of [
    {
      name: 'comes first',
      words: (port: number) => [program(), ...optionsOf({ mode: 'echo' })(port)],
    },
    {
      name: 'comes first, behind env',
      words: (port: number) => ['env', program(), ...optionsOf({ mode: 'echo' })(port)],
    },
  ]) {
    test(name, async (t) => {
      const server = await Command.start(t, words, { wrapped: true });
      const client = await websocket().connect(server);
      const payload = generate(100_000);
      const received = client.receive(payload.length);
      await client.send(payload);
      assert.ok((await received).equals(payload));
      client.wire.destroy();
      await server.stop();
      assert.equal(server.stderr, '');
    });
  }
});
