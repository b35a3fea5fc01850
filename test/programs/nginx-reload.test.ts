// nginx that is reloaded and stopped while it serves: new workers take over the listeners, old ones
// finish what they have begun, and nobody who comes in between is lost.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { scratch } from '../launcher/run.js';
import { eventually } from '../support/deadline.js';
import { oneFrame } from '../support/framings.js';
import { childrenOf } from '../support/kernel.js';
import { requires } from '../support/programs.js';
import { type Transport, tcp, websocket } from '../support/transport.js';
import { isListening } from './command.js';
import { Nginx, program, sharings } from './nginx.js';
import { browse, fetchRest, makeFile, request, whileVisited } from './site.js';

const transports = [tcp, websocket(oneFrame)];
const run = promisify(execFile);
const clean = { code: 0, signal: null };

describe('nginx, reloaded', { skip: requires(program) }, () => {
  for (const [name, settings] of Object.entries(sharings)) {
    for (const transport of transports) {
      test(`loses no client, ${name}, over ${transport.name}`, async (t) => {
        const server = await Nginx.start(t, transport, settings);
        await whileVisited(transport, server, async () => {
          for (let i = 0; i < 4; i += 1) {
            const old = childrenOf(server.pid);
            server.command.child.kill('SIGHUP');
            await eventually('new workers have taken over', () => {
              const now = childrenOf(server.pid);
              return now.length === old.length && now.every((pid) => !old.includes(pid));
            });
          }
        });
        assert.deepEqual(await server.command.stop(), clean);
      });
    }
  }

  for (const transport of transports) {
    test(`lets old workers finish what they have begun, over ${transport.name}`, async (t) => {
      const { server, finish } = await halfway(t, transport);
      const old = childrenOf(server.pid);
      await run(program, server.signal('reload'));
      await eventually('only one old worker is left', () => {
        const now = childrenOf(server.pid);
        return now.length === old.length + 1 && now.filter((pid) => old.includes(pid)).length === 1;
      });
      const newcomer = await transport.connect(server);
      await browse(newcomer, 3);
      await finish();
      await eventually('it has left, too', () => childrenOf(server.pid).length === old.length);
      await browse(newcomer, 3);
      newcomer.wire.destroy();
    });

    test(`SIGQUIT waits for its clients, over ${transport.name}`, async (t) => {
      const { server, finish } = await halfway(t, transport);
      server.command.child.kill('SIGQUIT');
      await eventually('nobody listens', () => !isListening(server.port));
      await finish();
      assert.deepEqual(await server.command.exit(), clean);
    });

    test(`nginx -s stop does not, over ${transport.name}`, async (t) => {
      const server = await Nginx.start(t, transport);
      const client = await transport.connect(server);
      await browse(client, 1);
      await run(program, server.signal('stop'));
      assert.equal((await client.rest()).length, 0);
      assert.deepEqual(await server.command.exit(), clean);
    });
  }
});

/** A client that has taken the beginning of a file which is too large for the buffers between. */
async function halfway(t: TestContext, transport: Transport) {
  const folder = scratch(t);
  mkdirSync(join(folder, 'site'));
  const expected = makeFile(join(folder, 'site/large'), 30);
  const server = await Nginx.start(t, transport, {}, folder);
  const client = await transport.connect(server);
  const size = await request(client, '/large');
  const digest = createHash('sha256').update(await client.receive(5000));
  const finish = async () => {
    assert.equal(await fetchRest(client, size - 5000, digest), expected);
    client.wire.destroy();
  };
  return { server, finish };
}
