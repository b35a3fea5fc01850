// What every echo server of test/programs/servers must do, over TCP and wrapped: give back each
// byte while it comes, and after the client's end a digest of all of them.
//
// The digest comes from what the program read, and can only be sent in answer to the end of the
// input, so one comparison covers both directions and the half-close. A signal ends both the same
// way, and a server without clients to serve holds no descriptor of theirs and sleeps.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { eventually } from '../support/deadline.js';
import { framings, oneFrame, splitHeadersSize } from '../support/framings.js';
import { openDescriptors } from '../support/kernel.js';
import { generate } from '../support/payload.js';
import type { Exit } from '../support/server.js';
import { type Client, type Transport, tcp, websocket } from '../support/transport.js';
import { Wire } from '../support/wire.js';
import { Command } from './command.js';
import { assertIdle } from './household.js';

export interface EchoServer {
  name: string;
  words(port: number): string[];
  env?: Record<string, string>;
  /** What it adds at the end of these bytes; their SHA-256 if absent. */
  summarize?(bytes: Buffer): Buffer;
  /** Why it cannot run here. */
  skip: string | false;
}

/** Registers the tests of an echo server. */
export function testEcho({ name, words, env = {}, summarize = sha256, skip }: EchoServer): void {
  const start = (t: TestContext, transport: Transport) =>
    Command.start(t, words, { wrapped: transport.wrapped, env });

  describe(name, { skip, concurrency: false }, () => {
    const exits: Exit[] = [];
    for (const transport of [tcp, websocket(oneFrame)]) {
      test(`echoes a megabyte over ${transport.name}`, async (t) => {
        const server = await start(t, transport);
        await converse(await transport.connect(server), generate(1 << 20), summarize);
        exits.push(await server.stop());
        assert.deepEqual(exits.at(-1), exits[0]);
        assert.equal(server.stderr, '');
      });
    }

    test('echoes whatever the framing', async (t) => {
      const server = await start(t, websocket());
      for (const framing of framings) {
        const payload = generate(framing.stepwise ? splitHeadersSize : 5000);
        await converse(await websocket(framing).connect(server), payload, summarize);
      }
      assert.equal(server.stderr, '');
    });

    test('serves several clients at once, none waits for a silent one, and nothing is left', async (t) => {
      const server = await start(t, websocket());
      const silent = await Wire.connect(server);
      t.after(() => silent.destroy());
      const clients = framings.filter((framing) => !framing.stepwise);
      const severalClients = async () => {
        const conversations = clients.map(async (framing, index) => {
          const client = await websocket(framing).connect(server);
          await converse(client, generate(4000 + index, index + 1), summarize);
        });
        await Promise.all(conversations);
      };
      await severalClients();
      const before = openDescriptors(server.pid).length;
      await severalClients();
      await eventually(
        'their descriptors are closed',
        () => openDescriptors(server.pid).length <= before,
      );
      await assertIdle(server.pid);
      assert.equal(server.stderr, '');
    });
  });
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** Sends these bytes to an echo server and asserts that they come back, and their digest. */
export async function converse(client: Client, bytes: Buffer, summarize = sha256): Promise<void> {
  // Some servers read lines.
  const payload = Buffer.concat([bytes, Buffer.from('\n')]);
  const received = client.receive(payload.length);
  await client.send(payload);
  const echo = await received;
  await client.finish();
  const summary = await client.rest();
  await client.ended();
  client.wire.destroy();
  assert.ok(echo.equals(payload), 'the echo is the payload');
  assert.equal(summary.toString('hex'), summarize(payload).toString('hex'));
}
