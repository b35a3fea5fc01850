// busybox httpd: a process for each request, with the connection as its standard input and output,
// which a program that answers inherits pipes from.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { scratch, script } from '../launcher/run.js';
import { atRandom } from '../support/framings.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { type Transport, tcp, websocket } from '../support/transport.js';
import { Command } from './command.js';
import { assertIdle, keepsNoMoreThan, socketsOf } from './household.js';
import { ask, reach } from './http.js';

const file = generate(3 << 20);

describe('busybox httpd', { skip: requires('busybox') }, () => {
  for (const transport of [tcp, websocket(atRandom)]) {
    test(`files and programs over ${transport.name}`, async (t) => {
      const server = await httpd(t, transport);
      const port = await reach(t, server, transport);
      const held = socketsOf(server.pid);
      const body = generate(200_000, 2);
      const digest = createHash('sha256').update(body).digest('hex');
      const visits = Array.from({ length: 12 }, async () => {
        const sent = await ask(port, '/file');
        assert.equal(sent.status, 200);
        assert.ok(sent.body.equals(file));
        assert.equal((await ask(port, '/nothing')).status, 404);
        const answer = await ask(port, '/cgi-bin/digest', { body });
        assert.equal(answer.body.toString(), `${digest}  -\n`);
      });
      await Promise.all(visits);
      await keepsNoMoreThan(held, server.pid);
      await assertIdle(server.pid);
      assert.deepEqual(await server.stop(), { code: null, signal: 'SIGTERM' });
    });
  }
});

function httpd(t: TestContext, { wrapped }: Transport): Promise<Command> {
  const folder = scratch(t);
  writeFileSync(join(folder, 'file'), file);
  mkdirSync(join(folder, 'cgi-bin'));
  script(join(folder, 'cgi-bin'), 'digest', '#!/bin/sh\nprintf "\\r\\n"\nexec sha256sum\n');
  const words = (port: number) => [
    'busybox',
    'httpd',
    '-f',
    '-p',
    `127.0.0.1:${port}`,
    '-h',
    folder,
  ];
  return Command.start(t, words, { wrapped });
}
