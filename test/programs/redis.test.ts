// redis-server, asked by its own client through a bridge and by hand.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bridge } from '../support/bridge.js';
import { elapse } from '../support/deadline.js';
import { atRandom, oneFrame } from '../support/framings.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { type Client, tcp, websocket } from '../support/transport.js';
import { ask, bulk, cli, command, redis } from './redis.js';

const transports = [tcp, websocket(oneFrame), websocket(atRandom)];
const tenMegabytes = 10 * 1024 * 1024;

describe('redis', { skip: requires('redis-server', 'redis-cli') }, () => {
  for (const transport of transports) {
    test(`PING over ${transport.name}`, async (t) => {
      const client = await transport.connect(await redis(t, transport));
      await ask(client, command('PING'), '+PONG\r\n');
    });

    test(`thousands of pipelined SETs and GETs over ${transport.name}`, async (t) => {
      const client = await transport.connect(await redis(t, transport));
      const pairs = Array.from({ length: 5000 }, (_, i) => ({
        key: `key:${i}`,
        value: generate(i % 200, i + 1),
      }));
      const sets = pairs.map(({ key, value }) => command('SET', key, value));
      await ask(client, Buffer.concat(sets), '+OK\r\n'.repeat(pairs.length));
      const gets = pairs.map(({ key }) => command('GET', key));
      const values = pairs.map(({ value }) => bulk(value));
      await ask(client, Buffer.concat(gets), Buffer.concat(values));
    });
  }

  for (const transport of [tcp, websocket(oneFrame)]) {
    test(`a value of 10 MB over ${transport.name}`, async (t) => {
      const client = await transport.connect(await redis(t, transport));
      const value = generate(tenMegabytes);
      await ask(client, command('SET', 'large', value), '+OK\r\n');
      await ask(client, command('GET', 'large'), bulk(value));
    });
  }

  test('QUIT closes the connection, SIGTERM ends the server', async (t) => {
    const transport = websocket();
    const server = await redis(t, transport);
    const client = await transport.connect(server);
    await client.send(command('QUIT'));
    assert.equal((await client.rest()).toString(), '+OK\r\n');
    await client.finish();
    await client.ended();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
  });

  test('a snapshot in a child process leaves its connections alone', async (t) => {
    const transport = websocket();
    const client = await transport.connect(await redis(t, transport));
    await ask(client, command('SET', 'key', 'value'), '+OK\r\n');
    await ask(client, command('BGSAVE'), '+Background saving started\r\n');
    // The child has the client's socket open, and is gone when this says so.
    while (!/rdb_bgsave_in_progress:0/.test(await info(client))) await elapse(10);
    assert.match(await info(client), /rdb_last_bgsave_status:ok.*rdb_saves:1/s);
    await ask(client, command('GET', 'key'), bulk('value'));
  });

  test('its own client, through a bridge', async (t) => {
    const server = await redis(t, websocket());
    const port = await bridge(t, server, atRandom);
    assert.equal(await cli(port, ['PING']), 'PONG\n');

    const lines = Array.from({ length: 5000 }, (_, i) => command('SET', `key:${i}`, `${i * i}`));
    const report = await cli(port, ['--pipe'], Buffer.concat(lines));
    assert.match(report, /errors: 0, replies: 5000/);
    assert.equal(await cli(port, ['DBSIZE']), '5000\n');
    assert.equal(await cli(port, ['GET', 'key:4321']), `${4321 * 4321}\n`);

    const value = generate(tenMegabytes).toString('base64');
    assert.equal(await cli(port, ['-x', 'SET', 'large'], Buffer.from(value)), 'OK\n');
    assert.ok((await cli(port, ['GET', 'large'])) === `${value}\n`, 'the large value came back');
  });
});

async function info(client: Client): Promise<string> {
  await client.send(command('INFO', 'persistence'));
  let length = '';
  while (!length.endsWith('\r\n')) length += await client.receive(1);
  const text = await client.receive(Number(length.slice(1)) + 2);
  return text.toString();
}
