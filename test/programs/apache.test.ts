// Apache with each of its ways to process clients: a process for each, threads that block, and an
// event loop that hands connections between threads; new children for old at a graceful restart.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { isRoot, scratch, script } from '../launcher/run.js';
import { eventually } from '../support/deadline.js';
import { atRandom, oneFrame } from '../support/framings.js';
import { childrenOf } from '../support/kernel.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { type Transport, tcp, websocket } from '../support/transport.js';
import { Command } from './command.js';
import { assertIdle, keepsNoMoreThan, socketsOf } from './household.js';
import { ask, reach } from './http.js';
import { browse, crowd, fetchRest, makeFile, request, small, whileVisited } from './site.js';

const program = '/usr/sbin/apache2';
const modules = '/usr/lib/apache2/modules';

const transports = [tcp, websocket(atRandom)];

for (const model of ['prefork', 'worker', 'event']) {
  describe(`Apache, ${model}`, { skip: requires(program) }, () => {
    for (const transport of transports) {
      test(`many clients over ${transport.name}`, async (t) => {
        const server = await apache(t, transport, model);
        await crowd(transport, server, 30);
        const held = socketsOf(server.pid);
        await crowd(transport, server, 30);
        await keepsNoMoreThan(held, server.pid);
        assert.deepEqual(await server.stop(), { code: 0, signal: null });
      });

      test(`loses no client at graceful restarts over ${transport.name}`, async (t) => {
        // Else the kernel keeps clients back until they speak, and few are ever in between.
        const server = await apache(t, transport, model, 'AcceptFilter http none');
        await whileVisited(transport, server, async () => {
          for (let i = 0; i < 2; i += 1) {
            const old = childrenOf(server.pid);
            server.child.kill('SIGUSR1');
            await eventually('new children have taken over', () => {
              const now = childrenOf(server.pid);
              return now.length >= 2 && now.every((pid) => !old.includes(pid));
            });
          }
        });
      });

      test(`a program that answers, over ${transport.name}`, async (t) => {
        const server = await apache(t, transport, model);
        const port = await reach(t, server, transport);
        const body = generate(300_000);
        const { status, body: answer } = await ask(port, '/cgi/digest', { body });
        assert.equal(status, 200);
        const digest = createHash('sha256').update(body).digest('hex');
        assert.equal(answer.toString(), `${digest}  -\n`);
      });
    }

    test('costs nothing while its clients are idle', async (t) => {
      const transport = websocket();
      const server = await apache(t, transport, model);
      const clients = await Promise.all(Array.from({ length: 5 }, () => transport.connect(server)));
      await Promise.all(clients.map((client) => browse(client, 2)));
      await assertIdle(server.pid);
      for (const client of clients) client.wire.destroy();
    });
  });
}

test('Apache sends files', { skip: requires(program) }, async (t) => {
  const folder = scratch(t);
  mkdirSync(join(folder, 'site'));
  const digest = makeFile(join(folder, 'site/large'), 20);
  for (const way of ['EnableSendfile On', 'EnableMMAP On', 'EnableMMAP Off']) {
    for (const transport of [tcp, websocket(oneFrame)]) {
      await t.test(`${way}, over ${transport.name}`, async (t) => {
        const server = await apache(t, transport, 'event', way, folder);
        const client = await transport.connect(server);
        const size = await request(client, '/large');
        assert.equal(await fetchRest(client, size), digest);
        await browse(client, 1);
        client.wire.destroy();
      });
    }
  }
});

async function apache(
  t: TestContext,
  { wrapped }: Transport,
  model: string,
  settings = '',
  folder = scratch(t),
): Promise<Command> {
  for (const name of ['site', 'cgi', 'run']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'site/small'), small);
  script(join(folder, 'cgi'), 'digest', '#!/bin/sh\nprintf "\\r\\n"\nexec sha256sum\n');
  const words = (port: number) => {
    writeFileSync(join(folder, 'httpd.conf'), configuration(port, model, folder, settings));
    return [program, '-DFOREGROUND', '-d', folder, '-f', 'httpd.conf'];
  };
  // When it ends it signals its process group, and that is not to be ours.
  return Command.start(t, words, { wrapped, terminal: true });
}

function configuration(port: number, model: string, folder: string, settings: string): string {
  const cgi = model === 'prefork' ? 'cgi' : 'cgid';
  const load = [`mpm_${model}`, 'authz_core', 'alias', cgi].map(
    (name) => `LoadModule ${name}_module ${modules}/mod_${name}.so`,
  );
  return `
    ${load.join('\n')}
    ${isRoot ? 'User nobody\nGroup nogroup' : ''}
    ServerName localhost
    Listen 127.0.0.1:${port}
    DefaultRuntimeDir run
    PidFile httpd.pid
    ${cgi === 'cgid' ? `ScriptSock ${folder}/cgid.sock` : ''}
    ErrorLog error.log
    DocumentRoot site
    ScriptAlias /cgi/ ${folder}/cgi/
    KeepAlive On
    KeepAliveTimeout 60
    MaxKeepAliveRequests 0
    StartServers 3
    ${settings}
  `;
}
