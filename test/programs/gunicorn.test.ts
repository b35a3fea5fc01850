// gunicorn: the listener is made by the master, and workers that it forks accept from it; they come
// and go while it serves.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { Agent } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { eventually } from '../support/deadline.js';
import { openDescriptors } from '../support/kernel.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { type Transport, tcp, websocket } from '../support/transport.js';
import { Command, root } from './command.js';
import { assertIdle } from './household.js';
import { type Answer, ask, reach } from './http.js';

const needed = ['gunicorn', '/usr/bin/python3'] as const;

const kinds = [
  { kind: 'sync', keepsAlive: false, skip: requires(...needed) },
  { kind: 'gthread', keepsAlive: true, skip: requires(...needed) },
  {
    kind: 'gevent',
    keepsAlive: true,
    hangs: true,
    skip: requires(...needed, 'gevent/__init__.py'),
  },
];

interface Site {
  server: Command;
  get(path: string, options?: { agent?: Agent; body?: Buffer }): Promise<Answer>;
}

async function site(t: TestContext, transport: Transport, ...options: string[]): Promise<Site> {
  const folder = `${root}test/programs/servers`;
  const words = (port: number) => [
    ...['gunicorn', '--bind', `127.0.0.1:${port}`, '--chdir', folder, ...options, 'wsgi_app:app'],
  ];
  // A new master is not the one that would be told to end.
  const server = await Command.start(t, words, { wrapped: transport.wrapped, terminal: true });
  const port = await reach(t, server, transport);
  return { server, get: (path, options) => ask(port, path, options) };
}

/** The pids of the workers that the log tells of. */
function booted(log: string): number[] {
  return (log.match(/(?<=Booting worker with pid: )\d+/g) ?? []).map(Number);
}

function exists(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

async function workerOf({ get }: Site): Promise<number> {
  return Number((await get('/')).body);
}

describe('gunicorn', { concurrency: 2 }, () => {
  for (const { kind, keepsAlive, skip } of kinds) {
    for (const transport of [tcp, websocket()]) {
      const options = ['--worker-class', kind, '--threads', kind === 'gthread' ? '3' : '1'];

      test(`${kind} workers that die and hang up over ${transport.name}`, { skip }, async (t) => {
        const its = await site(t, transport, ...options, '--workers', '2');
        const { server, get } = its;
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const body = generate(1 << 20);
        const answers = [await get('/echo', { agent, body }), await get('/echo', { agent, body })];
        agent.destroy();
        for (const answer of answers) assert.ok(answer.body.equals(body), 'the body comes back');
        assert.deepEqual(
          answers.map(({ reused }) => reused),
          [false, keepsAlive],
        );

        // The master has a file open for each worker.
        await eventually('both workers', () => booted(server.stderr).length === 2);
        const before = openDescriptors(server.pid).length;
        await assert.rejects(get('/die'), { code: 'ECONNRESET' });
        await workerOf(its);
        await eventually('another takes its place', () => booted(server.stderr).length === 3);

        const old = booted(server.stderr);
        server.child.kill('SIGHUP');
        const young = () => booted(server.stderr).filter((pid) => !old.includes(pid));
        await eventually('new workers', () => young().length === 2);
        await eventually('the old ones have gone', () => !old.some(exists));
        assert.ok(young().includes(await workerOf(its)));
        await eventually(
          'nothing is left open',
          () => openDescriptors(server.pid).length <= before,
        );
        await assertIdle(server.pid);

        const slow = get('/slow');
        await eventually('it is at work', () => server.stderr.includes('being slow'));
        assert.deepEqual(await server.stop(), { code: 0, signal: null });
        assert.equal((await slow).status, 200);
      });
    }
  }

  for (const transport of [tcp, websocket()]) {
    test(`workers that hang or have served enough over ${transport.name}`, {
      skip: requires(...needed),
    }, async (t) => {
      const options = ['--workers', '1', '--max-requests', '2', '--timeout', '1'];
      const its = await site(t, transport, ...options);
      const workers: number[] = [];
      for (let i = 0; i < 5; i += 1) workers.push(await workerOf(its));
      const [first, second, third, fourth, fifth] = workers;
      assert.deepEqual([second, fourth], [first, third]);
      assert.equal(new Set([first, third, fifth]).size, 3);
      await assert.rejects(its.get('/hang'), { code: 'ECONNRESET' });
      assert.notEqual(await workerOf(its), fifth);
    });

    test(`a master that another takes over from, over ${transport.name}`, {
      skip: requires(...needed),
    }, async (t) => {
      const its = await site(t, transport, '--workers', '1');
      const { server } = its;
      const old = await workerOf(its);
      // It executes itself, and the new process finds the listener that it inherits.
      server.child.kill('SIGUSR2');
      await eventually('there are two', () => booted(server.stderr).length === 2);
      server.child.kill('SIGTERM');
      await eventually('the old one has gone', () => server.child.exitCode === 0);
      const [, young] = booted(server.stderr);
      assert.notEqual(young, old);
      assert.equal(await workerOf(its), young);
    });
  }
});
