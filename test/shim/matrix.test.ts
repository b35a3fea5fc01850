// Every loop style against every way of sending, as it is over TCP and wrapped over WebSocket: the
// payload, the server's own account of it, and the end must be the same.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type Framing, framings, oneFrame, splitHeadersSize } from '../support/framings.js';
import { type Loop, loops, type ServerWords, words } from '../support/loops.js';
import { generate, summary } from '../support/payload.js';
import { Server } from '../support/server.js';
import { type Client, type Transport, tcp, websocket } from '../support/transport.js';

type Mode = ServerWords['mode'];

// Servers of one loop, by mode and by whether they are wrapped; started when first asked for.
class Pair {
  readonly #started = new Map<string, Promise<Server>>();

  constructor(readonly loop: Loop) {}

  server(wrapped: boolean, mode: Mode, bytes = 0): Promise<Server> {
    const key = `${wrapped} ${mode} ${bytes}`;
    const { io } = this.loop;
    const start = () => Server.start(this.loop.program(), words({ mode, bytes, io }), { wrapped });
    const server = this.#started.get(key) ?? start();
    this.#started.set(key, server);
    return server;
  }

  async stop(): Promise<void> {
    const stopping = [...this.#started.values()].map(async (server) => (await server).stop());
    // All of them, or those that stay would keep the runner alive.
    await Promise.allSettled(stopping);
    await Promise.all(stopping);
  }
}

// Runs `scenario` over both transports and compares what it returns and what the server printed.
async function compare(
  pair: Pair,
  mode: Mode,
  framing: Framing,
  scenario: (client: Client) => Promise<string>,
  bytes = 0,
): Promise<void> {
  const run = async (transport: Transport) => {
    const server = await pair.server(transport.wrapped, mode, bytes);
    const from = server.lines.length;
    const client = await transport.connect({ port: server.port });
    try {
      const seen = await scenario(client);
      const ending = await server.line(/^(end|close|reset)/, from);
      await client.ended().catch(() => undefined);
      return { seen, ending };
    } catch (error) {
      throw new Error(`over ${transport.name}: ${error}\n${server.stderr}`, { cause: error });
    } finally {
      client.wire.destroy();
    }
  };
  const expected = await run(tcp);
  assert.deepEqual(await run(websocket(framing)), expected);
}

/** Sends and receives at the same time, as an echo of any size needs. */
async function echoed(client: Client, payload: Buffer): Promise<string> {
  const [echo] = await Promise.all([client.receive(payload.length), client.send(payload)]);
  assert.equal(summary(echo), summary(payload));
  return summary(echo);
}

const megabyte = 1024 * 1024;
const large = generate(16 * megabyte);

for (const loop of loops) {
  describe(`a server of the style ${loop.name}`, () => {
    const pair = new Pair(loop);
    before(() => loop.program());
    after(() => pair.stop());

    for (const framing of framings) {
      const payload = generate(framing.stepwise ? splitHeadersSize : 3000, 7);
      test(`echoes ${framing.name}`, () =>
        compare(pair, 'echo', framing, async (client) => {
          const seen = await echoed(client, payload);
          await client.finish();
          assert.equal((await client.rest()).length, 0);
          return seen;
        }));
      test(`takes ${framing.name} to the end`, () =>
        compare(pair, 'sink', framing, async (client) => {
          await client.send(payload);
          await client.finish();
          return (await client.rest()).toString();
        }));
    }

    test('echoes a frame of 16 MiB', () =>
      compare(pair, 'echo', oneFrame, async (client) => {
        const seen = await echoed(client, large);
        await client.finish();
        await client.rest();
        return seen;
      }));

    test('waits for a slow reader, and loses nothing', () =>
      compare(
        pair,
        'source',
        oneFrame,
        async (client) => {
          // Nothing is read until the server has filled every buffer on the way.
          await client.wire.filled();
          const seen = await client.rest();
          await client.finish();
          return summary(seen);
        },
        8 * megabyte,
      ));

    test('waits for a slow writer', () =>
      compare(pair, 'sink', oneFrame, async (client) => {
        const payload = generate(600);
        for (let at = 0; at < payload.length; at += 100) {
          await client.send(payload.subarray(at, at + 100));
          await client.wire.consumed();
        }
        await client.finish();
        return (await client.rest()).toString();
      }));

    test('goes on sending after the client has finished', () =>
      compare(
        pair,
        'source',
        oneFrame,
        async (client) => {
          await client.send(generate(100));
          await client.finish();
          return summary(await client.rest());
        },
        megabyte,
      ));

    test('sees a FIN without Close as the end', () =>
      compare(pair, 'sink', oneFrame, async (client) => {
        await client.send(generate(100));
        client.wire.end();
        return (await client.rest()).toString();
      }));

    test('sees a RST', () =>
      compare(pair, 'echo', oneFrame, async (client) => {
        const seen = await echoed(client, generate(100));
        client.wire.reset();
        return seen;
      }));

    test('closes first, and the client loses nothing', () =>
      compare(
        pair,
        'spill',
        oneFrame,
        async (client) => summary(await client.rest()),
        3 * megabyte,
      ));
  });
}
