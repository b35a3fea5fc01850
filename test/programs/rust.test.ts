// Rust: std::net with a thread for each connection.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { before, describe, test } from 'node:test';
import { hash } from '../support/payload.js';
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
  words: (port) => [program, String(port)],
  summarize: (bytes) => Buffer.from(hash(bytes), 'hex'),
  skip,
});

describe("Rust's time limits", { skip, concurrency: false }, () => {
  for (const transport of [tcp, websocket()]) {
    test(`over ${transport.name}`, async (t) => {
      const words = (port: number) => [program, String(port), 'wait'];
      const server = await Command.start(t, words, { wrapped: transport.wrapped });
      const client = await transport.connect(server);
      assert.equal((await client.rest()).toString(), 'WouldBlock in time\nWouldBlock\n');
      client.wire.destroy();
      assert.equal(server.stderr, '');
    });
  }
});
