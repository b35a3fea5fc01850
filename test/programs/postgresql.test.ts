// PostgreSQL: a process for each client, forked by a postmaster that lets go of the connection;
// backends that wait on latches (epoll, signalfd); cancellation by a connection of its own.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chownSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { run, scratch, unprivileged } from '../launcher/run.js';
import { eventually, within } from '../support/deadline.js';
import { oneFrame } from '../support/framings.js';
import { generate } from '../support/payload.js';
import { find, type Program, requires } from '../support/programs.js';
import { type Transport, tcp, websocket } from '../support/transport.js';
import { Command } from './command.js';
import { assertIdle, keepsNoMoreThan, socketsOf } from './household.js';
import { reach } from './http.js';

const skip = requires('postgres', 'initdb', 'psql', 'pgbench', 'setpriv') || unprivileged.obstacle;

const megabytes = 50;

/** The ways to shut down that do not wait for clients, and what these are told. */
const shutdowns = [
  { mode: 'fast', signal: 'SIGINT', told: /due to administrator command/ },
  { mode: 'immediate', signal: 'SIGQUIT', told: /due to immediate shutdown command/ },
] as const;

test('PostgreSQL', { skip }, async (t) => {
  const folder = await cluster(t);
  const data = join(folder, 'lines');
  writeFileSync(data, lines());

  for (const transport of [tcp, websocket()]) {
    await t.test(`over ${transport.name}`, async (t) => {
      const server = await postgres(t, folder, transport);
      const port = await reach(t, server, transport, oneFrame);
      await query(port, 'create unlogged table lines (line text)');
      const held = socketsOf(server.pid);

      await t.test(`${megabytes} MB in and out`, async () => {
        const copy = join(folder, `copy-${port}`);
        await query(port, `\\copy lines from '${data}'`);
        await query(port, `\\copy lines to '${copy}'`);
        assert.equal(digest(copy), digest(data));
      });

      await t.test('a query is cancelled', async () => {
        const sleeping = psql(port, 'select pg_sleep(60)');
        await sleeper(port);
        sleeping.child.kill('SIGINT');
        assert.match(await sleeping.output, /canceling statement due to user request/);
      });

      await t.test('a backend is terminated', async () => {
        const sleeping = psql(port, 'select pg_sleep(60)');
        const backend = await sleeper(port);
        assert.equal(await query(port, `select pg_terminate_backend(${backend})`), 't');
        assert.match(await sleeping.output, /terminating connection due to administrator command/);
      });

      await t.test('many clients, a connection for each query', async (t) => {
        const script = join(scratch(t), 'script');
        writeFileSync(script, 'select 1;\n');
        const load = ['-n', '-C', '-f', script, '-c', '8', '-t', '12'];
        const { stdout, stderr } = await run(program('pgbench'), [
          ...address(port),
          ...load,
          'postgres',
        ]);
        assert.match(stdout, /number of transactions actually processed: 96\/96/, stderr);
      });

      await keepsNoMoreThan(held, server.pid);
      await assertIdle(server.pid);
      await query(port, 'drop table lines');
    });

    await t.test(`a smart shutdown waits, over ${transport.name}`, async (t) => {
      const server = await postgres(t, folder, transport);
      const session = psql(await reach(t, server, transport));
      session.child.stdin.write("select 'still here';\n");
      await eventually('the session is open', () => session.text !== '');
      server.child.kill('SIGTERM');
      await eventually('it has been told', () => /smart shutdown/.test(server.stderr));
      session.child.stdin.end("select 'until the end';\n");
      assert.equal(await session.output, 'still here\nuntil the end');
      assert.deepEqual(await server.exit(), { code: 0, signal: null });
    });

    for (const { mode, signal, told } of shutdowns) {
      await t.test(`shutdown, ${mode}, over ${transport.name}`, async (t) => {
        const server = await postgres(t, folder, transport);
        const port = await reach(t, server, transport);
        const sleeping = psql(port, 'select pg_sleep(60)');
        await sleeper(port);
        server.child.kill(signal);
        assert.match(await sleeping.output, told);
        assert.deepEqual(await server.exit(), { code: 0, signal: null });
      });
    }
  }
});

function program(name: Program): string {
  return find(name) ?? assert.fail(`no ${name}`);
}

/** PostgreSQL refuses to be run by root. */
function unprivilegedly(...words: string[]): string[] {
  const { uid, gid } = unprivileged.options;
  if (uid === undefined) return words;
  return [program('setpriv'), `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', ...words];
}

/** A folder with a fresh database cluster in it. */
async function cluster(t: TestContext): Promise<string> {
  const folder = scratch(t);
  const { uid, gid } = unprivileged.options;
  if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
  const options = ['-A', 'trust', '-U', 'tester', '--no-sync', '--no-instructions'];
  const words = unprivilegedly(program('initdb'), '-D', join(folder, 'data'), ...options);
  const [file = '', ...args] = words;
  const { status, stderr } = await run(file, args, { cwd: folder });
  assert.equal(status, 0, stderr);
  return folder;
}

/** A server of the cluster, whose Unix socket is in the folder, too. */
async function postgres(t: TestContext, folder: string, { wrapped }: Transport): Promise<Command> {
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${folder}`,
    'fsync=off',
  ].flatMap((setting) => ['-c', setting]);
  const words = (port: number) => {
    const where = ['-D', join(folder, 'data'), '-p', String(port)];
    return unprivilegedly(program('postgres'), ...where, ...settings);
  };
  const server = await Command.start(t, words, { wrapped, cwd: folder });
  await eventually('it is ready', () => /ready to accept connections/.test(server.stderr));
  return server;
}

function address(port: number): string[] {
  return ['-h', '127.0.0.1', '-p', String(port), '-U', 'tester'];
}

/** A session of psql, which asks one query or those that it is given as its input. */
function psql(port: number, text?: string) {
  const asked = text === undefined ? [] : ['-c', text];
  const words = [...address(port), '-X', '-q', '-A', '-t', ...asked, 'postgres'];
  const child = spawn(program('psql'), words, { stdio: 'pipe' });
  const session = { child, text: '', output: Promise.resolve('') };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      session.text += part;
    });
  }
  const closed = once(child, 'close').then(() => session.text.trim());
  session.output = within(`psql ${asked.join(' ')}`, closed, 60_000);
  return session;
}

/** Asks, and returns the answer. */
async function query(port: number, text: string): Promise<string> {
  const { child, output } = psql(port, text);
  const answer = await output;
  assert.equal(child.exitCode, 0, answer);
  return answer;
}

/** The pid of the backend that sleeps for a client, as soon as there is one. */
async function sleeper(port: number): Promise<string> {
  for (;;) {
    const pid = await query(port, "select pid from pg_stat_activity where wait_event = 'PgSleep'");
    if (pid !== '') return pid;
  }
}

/** Text that COPY gives back as it is. */
function lines(): Buffer {
  const block = `${generate(1 << 20)
    .toString('base64')
    .replace(/.{100}/g, '$&\n')}\n`;
  return Buffer.concat(Array(Math.ceil((megabytes << 20) / block.length)).fill(Buffer.from(block)));
}

function digest(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
