// Java: java.nio's selector, java.net's blocking sockets on both kinds of threads, and how the JVM
// ends a call that blocks.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import { requires } from '../support/programs.js';
import { type Client, type Transport, tcp, websocket } from '../support/transport.js';
import { Command, root } from './command.js';
import { testEcho } from './echo.js';

const sources = `${root}test/programs/servers/java`;
const classes = `${root}build/test/java`;
const skip = requires('javac');

interface Jdk {
  version: string;
  java: string;
}

const major = ({ version }: Jdk) => Number.parseInt(version, 10);

/** The Java runtimes of this machine, where distributions put them; the oldest first. */
function runtimes(): Jdk[] {
  const folder = '/usr/lib/jvm';
  const names = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }) : [];
  const found = names.flatMap((entry) => {
    const release = join(folder, entry.name, 'release');
    if (!entry.isDirectory() || !existsSync(release)) return [];
    const version = /^JAVA_VERSION="(.+)"$/m.exec(readFileSync(release, 'utf8'))?.[1];
    const java = join(folder, entry.name, 'bin', 'java');
    return version === undefined || !existsSync(java) ? [] : [{ version, java }];
  });
  return found.sort((one, other) => major(one) - major(other));
}

const jdks = runtimes();
const [oldest] = jdks;
const withVirtualThreads = jdks.find((jdk) => major(jdk) >= 21);

/** The command line of one of our servers. The JVM is told to be small and quick to start. */
function java(jdk: Jdk | undefined, ...words: string[]): string[] {
  const small = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx64m'];
  return [jdk?.java ?? 'java', ...small, '-cp', classes, ...words];
}

before(() => {
  if (skip) return;
  const files = readdirSync(sources).map((name) => join(sources, name));
  // The oldest release that has everything but virtual threads, which are asked for by name.
  execFileSync('javac', ['--release', '17', '-d', classes, ...files]);
});

testEcho({
  name: 'Java with a Selector',
  words: (port) => java(oldest, 'SelectorEcho', String(port)),
  skip,
});

testEcho({
  name: 'Java with a thread for each connection',
  words: (port) => java(oldest, 'ThreadEcho', String(port), 'platform'),
  skip,
});

testEcho({
  name: 'Java with a virtual thread for each connection',
  words: (port) => java(withVirtualThreads, 'ThreadEcho', String(port), 'virtual'),
  skip: skip || (withVirtualThreads === undefined && 'needs a JDK of version 21 or newer'),
});

/** One client after the other; what the server's calls came to is what it printed. */
type Visit = (client: Client) => Promise<void>;

async function transcript(
  t: TestContext,
  words: (port: number) => string[],
  transport: Transport,
  visits: readonly Visit[],
): Promise<string[]> {
  const server = await Command.start(t, words, { wrapped: transport.wrapped });
  for (const visit of visits) {
    const client = await transport.connect(server);
    await visit(client);
    client.wire.destroy();
  }
  assert.deepEqual(await server.exit(), { code: 0, signal: null });
  assert.equal(server.stderr, '');
  return server.output.trimEnd().split('\n');
}

const leave: Visit = async (client) => {
  assert.equal((await client.rest()).length, 0);
  await client.finish();
};

const speakAndEnd: Visit = async (client) => {
  await client.receive('speak'.length);
  await client.send(Buffer.from('hello'));
  await client.receive('end'.length);
  await client.finish();
  await client.ended();
};

const answerTheEnd: Visit = async (client) => {
  assert.equal((await client.rest()).toString(), 'last words');
  await client.send(Buffer.from('answer'));
  await client.finish();
  await client.ended();
};

const hearAfterTheEnd: Visit = async (client) => {
  assert.equal((await client.rest()).toString(), 'after the end');
  await client.finish();
};

// What the server could send before it was closed may end inside a frame.
const readLate: Visit = async (client) => {
  await client.wire.filled();
  await client.wire.rest();
};

const programs = [
  {
    name: 'SocketWaits',
    visits: [speakAndEnd, answerTheEnd, leave, leave],
    expected: [
      'read: java.net.SocketTimeoutException: Read timed out',
      'in time',
      'read: hello',
      'available: 0',
      'read: java.net.SocketTimeoutException: Read timed out',
      'in time',
      'read: -1',
      'write: java.net.SocketException: Broken pipe',
      'read: answer',
      'read: java.net.SocketException: Socket closed',
      'read: java.net.SocketException: Socket closed',
      'accept: java.net.SocketTimeoutException: Accept timed out',
      'in time',
      'accept: java.net.SocketException: Socket closed',
    ],
  },
  {
    name: 'ChannelWaits',
    visits: [leave, leave, hearAfterTheEnd, readLate],
    expected: [
      'read: java.nio.channels.AsynchronousCloseException',
      'read: java.nio.channels.ClosedByInterruptException',
      'read: -1',
      'write: 13',
      'write: closed',
      'accept: java.nio.channels.AsynchronousCloseException',
    ],
  },
];

describe('Java ends calls that block', { skip, concurrency: false }, () => {
  for (const jdk of jdks) {
    for (const { name, visits, expected } of programs) {
      for (const transport of [tcp, websocket()]) {
        test(`${name} of Java ${jdk.version} over ${transport.name}`, async (t) => {
          const words = (port: number) => java(jdk, name, String(port));
          assert.deepEqual(await transcript(t, words, transport, visits), expected);
        });
      }
    }
  }
});
