// redis-server, and how to talk to it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import type { TestContext } from 'node:test';
import { scratch } from '../launcher/run.js';
import type { Client, Transport } from '../support/transport.js';
import { Command } from './command.js';

/** A server that keeps nothing and that only this machine reaches; `more` are settings of it. */
export function redis(
  t: TestContext,
  { wrapped }: Transport,
  more: Record<string, string> = {},
): Promise<Command> {
  const settings = {
    bind: '127.0.0.1',
    'protected-mode': 'no',
    save: '',
    appendonly: 'no',
    ...more,
  };
  const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const words = (port: number) => ['redis-server', '--port', String(port), ...options];
  return Command.start(t, words, { wrapped, cwd: scratch(t) });
}

/** Sends commands and compares the replies, byte for byte. */
export async function ask(
  client: Client,
  commands: Buffer,
  expected: Buffer | string,
): Promise<void> {
  const replies = Buffer.from(expected);
  const received = client.receive(replies.length);
  await client.send(commands);
  assert.ok((await received).equals(replies), 'the replies are those expected');
}

/** What redis-cli prints. */
export function cli(
  port: number,
  args: string[],
  input: Buffer = Buffer.alloc(0),
): Promise<string> {
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
export function command(...words: (string | Buffer)[]): Buffer {
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...words.map(bulk)]);
}

/** A bulk string of the same protocol. */
export function bulk(word: string | Buffer): Buffer {
  const bytes = Buffer.from(word);
  return Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')]);
}
