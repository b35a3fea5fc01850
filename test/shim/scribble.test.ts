// A process of the tree that writes what it likes into the arena: connections may be garbled, but
// no other process crashes or hangs. (The sanitizers' suite runs this, too: nor does any read or
// write where it must not.)
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { scribbler } from '../support/arena.js';
import { WebSocketClient } from '../support/client.js';
import { compile } from '../support/compile.js';
import { elapse, within } from '../support/deadline.js';
import { words } from '../support/loops.js';
import { seedOfThisRun } from '../support/random.js';
import { serve } from '../support/server.js';
import { swarm } from '../support/swarm.js';

const seconds = 4;
const seed = seedOfThisRun();

// A server that is not surprised by what a broken connection does.
const tolerant = (name: string) =>
  compile({
    name: `${name}-tolerant`,
    sources: [`test/servers/${name}.c`],
    flags: ['-O2', '-D_GNU_SOURCE', '-DTOLERANT'],
  });

describe('scribbling over the arena', () => {
  for (const name of ['epoll', 'fork']) {
    test(`of ${name} harms nothing but connections (WSWRAP_TEST_SEED=${seed})`, async (t) => {
      const server = await serve(t, tolerant(name), words({ mode: 'echo' }), {
        wrapped: true,
        talks: true,
        env: { WSWRAP_LOG_LEVEL: 'trace', WSWRAP_LOG_FILE: '/dev/null' },
      });
      const scribble = spawn(...scribbler(server.pid, seconds, seed), { stdio: 'ignore' });
      t.after(() => scribble.kill('SIGKILL'));
      const visitors = swarm(
        { port: server.port, clients: 30, seconds, bytes: 5000, garbled: 1 },
        seed,
      );
      const [status] = await within('the scribbler', once(scribble, 'close'), 60_000);
      assert.equal(status, 0);
      await visitors;
      assert.doesNotMatch(server.stderr, /Sanitizer|runtime error/);
      // What is new is whole again.
      const client = await WebSocketClient.connect(server);
      t.after(() => client.wire.destroy());
      await client.send('hello');
      assert.equal((await client.receive(5)).toString(), 'hello');
      // The process that accepts in a loop was perhaps told that its listener does not block.
      if (name === 'fork') return;
      const spent = server.cpuSeconds();
      await elapse(500);
      assert.ok(server.cpuSeconds() - spent < 0.25, 'the server idles');
    });
  }
});
