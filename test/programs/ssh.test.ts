// sshd, through its own clients. Before a client has logged in, a process serves it that may make
// only a few system calls, and that dies of any other.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { isRoot, scratch } from '../launcher/run.js';
import { bridge } from '../support/bridge.js';
import { eventually } from '../support/deadline.js';
import { atRandom, type Framing, oneFrame } from '../support/framings.js';
import { childrenOf, statusOf } from '../support/kernel.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { type Client, tcp, websocket } from '../support/transport.js';
import type { CommandOptions } from './command.js';
import { killed, Sshd } from './sshd.js';

const megabyte = 1024 * 1024;

const needed = requires('/usr/sbin/sshd', 'ssh', 'scp', 'ssh-keygen');
const skip = needed || (isRoot ? false : 'needs root: sshd separates privileges only then');

// How the clients reach the server: directly, or wrapped and by a bridge that frames what they say.
interface Way {
  name: string;
  framing?: Framing;
}
const direct: Way = { name: 'TCP' };
const framed: Way = { name: `WebSocket, ${oneFrame.name}`, framing: oneFrame };
const random: Way = { name: `WebSocket, ${atRandom.name}`, framing: atRandom };

async function start(t: TestContext, framing?: Framing, more: Partial<CommandOptions> = {}) {
  const server = await Sshd.start(t, { wrapped: framing !== undefined, ...more });
  t.after(() => assert.doesNotMatch(server.command.stderr, killed));
  const { port } = server.command;
  return { server, port: framing === undefined ? port : await bridge(t, { port }, framing) };
}

describe('sshd', { skip }, () => {
  for (const { name, framing } of [direct, framed, random]) {
    test(`logs in, runs commands, passes on their streams over ${name}`, async (t) => {
      const { server, port } = await start(t, framing);
      const input = generate(megabyte);
      const command = 'echo LD_PRELOAD=$LD_PRELOAD >&2; cat; exit 7';
      const { code, stdout, stderr } = await server.run(port, command, input);
      assert.equal(code, 7);
      assert.ok(stdout.equals(input), 'what went in came out');
      assert.equal(stderr, 'LD_PRELOAD=\n');
      assert.match(server.command.stderr, /Accepted publickey for \S+ from 127\.0\.0\.1 port/);
    });

    test(`refuses an unknown key over ${name}`, async (t) => {
      const { server, port } = await start(t, framing);
      const { code, stderr } = await server.intrude(port);
      assert.equal(code, 255);
      assert.match(stderr, /Permission denied \(publickey\)/);
    });
  }

  for (const { name, framing } of [direct, random]) {
    test(`agrees on new keys in mid-stream over ${name}`, async (t) => {
      const { server, port } = await start(t, framing);
      const input = generate(megabyte);
      const options = ['-v', '-o', 'RekeyLimit=400K'];
      const { code, stdout, stderr } = await server.run(port, 'cat', input, ...options);
      assert.equal(code, 0, stderr);
      assert.ok(stdout.equals(input), 'what went in came out');
      assert.ok(stderr.split('SSH2_MSG_NEWKEYS received').length > 3, 'several times');
    });
  }

  for (const { name, framing } of [direct, framed]) {
    test(`copies 100 MB there and back over ${name}`, async (t) => {
      const { server, port } = await start(t, framing);
      await copyThereAndBack(server, port, 100);
    });
  }

  test('copies by the protocol of rcp, too', async (t) => {
    const { server, port } = await start(t, oneFrame);
    await copyThereAndBack(server, port, 10, '-O');
  });

  test('keeps its sandbox', async (t) => {
    const confinement = async (transport: typeof tcp) => {
      const { server } = await start(t, transport.wrapped ? oneFrame : undefined);
      const client = await transport.connect(server.command);
      await client.send(Buffer.from('SSH-2.0-test\r\n'));
      await keysOffered(client);
      const { pid } = server.command;
      const modes = [pid, ...descendantsOf(pid)].map((member) => {
        return `${statusOf(member, 'Seccomp')} ${statusOf(member, 'NoNewPrivs')}`;
      });
      // Who goes without a word is noticed there, too.
      client.wire.end();
      await eventually('the processes are gone', () => descendantsOf(pid).length === 0);
      client.wire.destroy();
      return modes;
    };
    const unconfined = '0 0';
    assert.deepEqual(await confinement(tcp), [unconfined, unconfined, '2 1']);
    assert.deepEqual(await confinement(websocket(oneFrame)), [unconfined, unconfined, '2 1']);
  });

  test('has its traffic logged: to stderr, and as far as it may to a file', async (t) => {
    const log = join(scratch(t), 'log');
    for (const options of [[], ['--log-file', log]]) {
      const more = { options: ['--log-level', 'trace', ...options] };
      const { server, port } = await start(t, atRandom, more);
      const { stdout } = await server.run(port, 'echo hello', Buffer.alloc(0));
      assert.equal(stdout.toString(), 'hello\n');
      const told = options.length > 0 ? readFileSync(log, 'latin1') : server.command.stderr;
      assert.match(told, /^[\d:.]+ wswrap\[\d+\] #1 127\.0\.0\.1:\d+ } \d+ \(\d+ on the wire\)$/m);
    }
  });
});

function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Reads the server's greeting and the name of the first message after it (RFC 4253, section 7.1). */
async function keysOffered(client: Client): Promise<void> {
  let line = '';
  while (!line.endsWith('\r\n')) line += await client.receive(1);
  assert.match(line, /^SSH-2\.0-OpenSSH/);
  const sizes = 5;
  const [message] = (await client.receive(sizes + 1)).subarray(sizes);
  assert.equal(message, 20);
}

async function copyThereAndBack(server: Sshd, port: number, megabytes: number, ...more: string[]) {
  const path = (name: string) => join(server.folder, name);
  const digest = fill(path('here'), megabytes);
  const silence = { code: 0, stdout: Buffer.alloc(0), stderr: '' };
  const copies = [
    { from: path('here'), to: `:${path('there')}`, made: path('there') },
    { from: `:${path('there')}`, to: path('back'), made: path('back') },
  ];
  for (const { from, to, made } of copies) {
    assert.deepEqual(await server.copy(port, from, to, ...more), silence);
    assert.equal(digestOf(made), digest);
  }
}

/** Writes a file of that many megabytes, no two of which are equal. Returns its SHA-256. */
function fill(file: string, megabytes: number): string {
  const digest = createHash('sha256');
  const fd = openSync(file, 'w');
  const bytes = generate(megabyte);
  for (let number = 0; number < megabytes; number += 1) {
    bytes.writeUInt32BE(number);
    digest.update(bytes);
    writeSync(fd, bytes);
  }
  closeSync(fd);
  return digest.digest('hex');
}

function digestOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
