// Every way to make a process that has a connection, and closes it as the last one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { compile } from '../support/compile.js';
import { serve } from '../support/server.js';

const forks = () =>
  compile({ name: 'forks', sources: ['test/servers/forks.c'], flags: ['-O1', '-D_GNU_SOURCE'] });

const needsRoot = process.getuid?.() !== 0 && 'a PID namespace needs root';

for (const [by, skip] of [
  ['fork', false],
  ['_Fork', false],
  ['clone', false],
  ['clone-syscall', false],
  ['namespace', needsRoot],
] as const) {
  test(`a child made by ${by} has the connection when its parent closes it`, {
    skip,
  }, async (t) => {
    const server = await serve(t, forks(), (port) => [`port=${port}`, `by=${by}`], {
      wrapped: true,
    });
    const client = await WebSocketClient.connect(server);
    t.after(() => client.wire.destroy());
    await client.send('hi');
    assert.equal((await client.receive(2)).toString(), 'hi');
    assert.equal(await client.closed(), 1001);
    await server.line(/^ended 0$/);
  });
}
