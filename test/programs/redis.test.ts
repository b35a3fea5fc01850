// redis-server, asked by its own client through a bridge and by hand.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { bridge } from '../support/bridge.js';
import { elapse } from '../support/deadline.js';
import { atRandom, oneFrame } from '../support/framings.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { type Client, type Transport, tcp, websocket } from '../support/transport.js';
import { Command } from './command.js';

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

/** A server that keeps nothing and that only this machine reaches. */
async function redis(t: TestContext, { wrapped }: Transport): Promise<Command> {
  const cwd = mkdtempSync(join(tmpdir(), 'wswrap-redis-'));
  const settings = { bind: '127.0.0.1', 'protected-mode': 'no', save: '', appendonly: 'no' };
  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const words = (port: number) => ['redis-server', '--port', String(port), ...options];
  const server = await Command.start(t, words, { wrapped, cwd });
  t.after(() => rmSync(cwd, { recursive: true }));
  return server;
}

/** Sends commands and compares the replies, byte for byte. */
async function ask(client: Client, commands: Buffer, expected: Buffer | string): Promise<void> {
  const replies = Buffer.from(expected);
  const received = client.receive(replies.length);
  await client.send(commands);
  assert.ok((await received).equals(replies), 'the replies are those expected');
}

async function info(client: Client): Promise<string> {
  await client.send(command('INFO', 'persistence'));
  let length = '';
  while (!length.endsWith('\r\n')) length += await client.receive(1);
  const text = await client.receive(Number(length.slice(1)) + 2);
  return text.toString();
}

function cli(port: number, args: string[], input: Buffer = Buffer.alloc(0)): Promise<string> {
  return new Promise((resolve, reject) => {
    const words = ['-h', '127.0.0.1', '-p', String(port), ...args];
    const options = { maxBuffer: 64 * 1024 * 1024, timeout: 60_000 };
    const child = execFile('redis-cli', words, options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`redis-cli ${args.join(' ')}: ${stderr}`, { cause: error }));
    });
    child.stdin?.end(input);
  });
}

/** A command in the Redis serialization protocol: an array of bulk strings. */
function command(...words: (string | Buffer)[]): Buffer {
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...words.map(bulk)]);
}

function bulk(word: string | Buffer): Buffer {
  const bytes = Buffer.from(word);
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
}
