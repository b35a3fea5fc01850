// The way to the background: what the caller sees, and what the daemon is rid of.
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { run, scratch } from '../launcher/run.js';
import { isListening } from '../programs/command.js';
import { eventually, within } from '../support/deadline.js';
import { freePorts } from '../support/server.js';

const program = fileURLToPath(new URL('daemon-program.js', import.meta.url));

interface Facts {
  pid: number;
  connected: boolean;
  umask: number;
  variables: string[];
}

// What the daemon on a port says about itself. It is ended after the test.
async function askDaemon(t: TestContext, port: number): Promise<Facts> {
  const answer = await within('the answer', text(connect(port, '127.0.0.1')));
  const facts = JSON.parse(answer) as Facts;
  t.after(() => end(facts.pid));
  return facts;
}

async function end(pid: number): Promise<void> {
  if (!isRunning(pid)) return;
  process.kill(pid, 'SIGKILL');
  await eventually('the daemon has ended', () => !isRunning(pid));
}

// The fields of proc_pid_stat(5), counted from 3, of a process that is not a zombie.
function statOf(pid: number): string[] | undefined {
  if (!existsSync(`/proc/${pid}/stat`)) return undefined;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? undefined : fields;
}

// What each descriptor of a process refers to, in the order of their numbers.
function descriptorsOf(pid: number): string[] {
  const numbers = readdirSync(`/proc/${pid}/fd`).sort((a, b) => Number(a) - Number(b));
  return numbers.map((number) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${number}`);
    } catch {
      return 'closed by now';
    }
  });
}

const isRunning = (pid: number) => statOf(pid) !== undefined;

const freePort = async () => (await freePorts(1))[0] ?? 0;

const start = (port: number, action = 'serve') =>
  run(process.execPath, [program, String(port), action]);

async function startDaemon(t: TestContext) {
  const port = await freePort();
  const result = await start(port);
  assert.equal(result.status, 0, result.stderr);
  return { result, facts: await askDaemon(t, port) };
}

describe('the caller', () => {
  test('shows what the daemon prints until it is ready, and nothing later', async (t) => {
    const { result, facts } = await startDaemon(t);
    assert.equal(result.stdout, `${facts.pid}\n`);
    assert.equal(result.stderr, 'listening\n');
  });

  test('stays until the port answers', async (t) => {
    const port = await freePort();
    const file = join(scratch(t), 'go');
    const args = [program, String(port), 'wait', file];
    const caller = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const exited = once(caller, 'exit');
    const [pid] = await within('the daemon', once(createInterface(caller.stdout), 'line'));
    t.after(() => end(Number(pid)));
    assert.equal(caller.exitCode, null);
    writeFileSync(file, '');
    assert.deepEqual(await within('the end of the caller', exited), [0, null]);
    assert.equal((await askDaemon(t, port)).pid, Number(pid));
  });

  test('shows why the daemon did not start, and has its exit status', async (t) => {
    const holder = createServer().listen(0, '127.0.0.1');
    t.after(() => holder.close());
    await once(holder, 'listening');
    const address = holder.address();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const { status, stderr } = await start(port);
    assert.equal(status, 7);
    assert.match(stderr, /^daemon-program: Error: listen EADDRINUSE.*\n +choose another port\n$/);
  });

  test('shows a crash', async () => {
    const { status, stderr } = await start(await freePort(), 'crash');
    assert.equal(status, 1);
    assert.match(stderr, /SyntaxError: .*\n +at /);
  });

  test('ends as the daemon ends', async () => {
    assert.equal((await start(await freePort(), 'exit')).status, 3);
    assert.equal((await start(await freePort(), 'die')).signal, 'SIGKILL');
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
    test(`passes ${signal} on while the daemon starts`, async (t) => {
      const args = [program, String(await freePort()), 'wait', join(scratch(t), 'never')];
      const caller = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      const exited = once(caller, 'exit');
      const [pid] = await within('the daemon', once(createInterface(caller.stdout), 'line'));
      t.after(() => end(Number(pid)));
      caller.kill(signal);
      assert.deepEqual(await within('the end of the caller', exited), [null, signal]);
      assert.ok(!isRunning(Number(pid)));
    });
  }
});

describe('the daemon', () => {
  test('leads a session of its own, without a terminal', async (t) => {
    const { facts } = await startDaemon(t);
    const [, , group, session, terminal] = statOf(facts.pid) ?? [];
    assert.deepEqual([group, session, terminal], [String(facts.pid), String(facts.pid), '0']);
  });

  test('holds neither the folder nor the descriptors that it was started with', async (t) => {
    const folder = scratch(t);
    const port = await freePort();
    // One of them far from the others, where Node does not look.
    const command = `exec 3>near 200>far; '${process.execPath}' '${program}' ${port} serve`;
    assert.equal((await run('bash', ['-c', command], { cwd: folder })).status, 0);
    const { pid } = await askDaemon(t, port);
    assert.equal(readlinkSync(`/proc/${pid}/cwd`), '/');
    const targets = () => descriptorsOf(pid);
    assert.deepEqual(targets().slice(0, 3), Array(3).fill('/dev/null'));
    assert.ok(!targets().some((target) => target.startsWith(folder)));
    const sockets = () => targets().filter((target) => target.startsWith('socket:'));
    await eventually('the listener is the only socket', () => sockets().length === 1);
  });

  test('makes files that are closed to others, and hides how it came to be', async (t) => {
    const { facts } = await startDaemon(t);
    assert.equal(facts.umask, 0o027);
    assert.equal(facts.connected, false);
    assert.ok(!facts.variables.includes('WSWRAP_DAEMON'));
  });

  test('survives the terminal that it was started from', async (t) => {
    const port = await freePort();
    const command = `'${process.execPath}' '${program}' ${port} serve`;
    const { stdout } = await run('script', ['-qec', command, '/dev/null']);
    assert.match(stdout, /^\d+\r\nlistening\r\n$/);
    const { pid } = await askDaemon(t, port);
    const targets = descriptorsOf(pid);
    assert.ok(!targets.some((target) => target.includes('/dev/pts')), targets.join());
  });

  test('does not keep a pipe open that its caller wrote to', async (t) => {
    const port = await freePort();
    const command = `'${process.execPath}' '${program}' ${port} serve 2>&1 | cat`;
    // cat ends when nobody has the pipe.
    const { stdout } = await run('bash', ['-c', command]);
    assert.match(stdout, /^\d+\nlistening\n$/);
    await askDaemon(t, port);
  });

  test('starts though nobody reads what its caller shows', async (t) => {
    const port = await freePort();
    const command = `'${process.execPath}' '${program}' ${port} serve 2>&1 | :`;
    await run('bash', ['-c', command]);
    await eventually('the port answers', () => isListening(port));
    await askDaemon(t, port);
  });
});
