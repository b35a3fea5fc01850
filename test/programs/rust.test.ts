// Rust: std::net with a thread for each connection.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { before, describe, type TestContext, test } from 'node:test';
import { generate, hash } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { tcp, websocket } from '../support/transport.js';
import { Command, root } from './command.js';
import { testEcho } from './echo.js';

const skip = requires('rustc');
const program = `${root}build/test/thread_echo`;

before(() => {
  if (skip) return;
  mkdirSync(`${root}build/test`, { recursive: true });
  const source = `${root}test/programs/servers/thread_echo.rs`;
  execFileSync('rustc', ['--edition', '2021', '-O', '-o', program, source]);
});

testEcho({
  name: "Rust's std::net",
  words: (port) => [program, String(port), 'echo'],
  summarize: (bytes) => Buffer.from(hash(bytes), 'hex'),
  skip,
});

describe('Rust', { skip, concurrency: false }, () => {
  for (const transport of [tcp, websocket()]) {
    const start = (t: TestContext, what: string) =>
      Command.start(t, (port) => [program, String(port), what], { wrapped: transport.wrapped });

    test(`reads with a time limit, over ${transport.name}`, async (t) => {
      const server = await start(t, 'wait');
      const client = await transport.connect(server);
      assert.equal((await client.rest()).toString(), 'WouldBlock in time\nWouldBlock\n');
      client.wire.destroy();
      assert.equal(server.stderr, '');
    });

    test(`copies between a connection and pipes, over ${transport.name}`, async (t) => {
      const server = await start(t, 'relay');
      const client = await transport.connect(server);
      const payload = generate(1 << 20);
      const received = client.receive(payload.length);
      await client.send(payload);
      // The kernel may keep the last of it back until it knows that there is no more.
      await client.finish();
      assert.ok((await received).equals(payload));
      assert.equal((await client.rest()).length, 0);
      client.wire.destroy();
      assert.equal(server.stderr, '');
    });
  }
});
