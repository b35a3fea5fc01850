// nginx: workers that share listeners, wait in edge-triggered epolls and send files with sendfile.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { scratch } from '../launcher/run.js';
import { bridge } from '../support/bridge.js';
import { atRandom, oneFrame } from '../support/framings.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { tcp, websocket } from '../support/transport.js';
import { assertIdle, keepsNoMoreThan, socketsOf } from './household.js';
import { get, post, response } from './http-by-hand.js';
import { Nginx, program, sharings } from './nginx.js';
import { browse, crowd, fetchRest, makeFile, request, small } from './site.js';

const transports = [tcp, websocket(atRandom)];

describe('nginx', { skip: requires(program) }, () => {
  for (const [name, settings] of Object.entries(sharings)) {
    for (const transport of transports) {
      test(`many clients, ${name}, over ${transport.name}`, async (t) => {
        const server = await Nginx.start(t, transport, settings);
        await crowd(transport, server, 30);
        const held = socketsOf(server.pid);
        await crowd(transport, server, 30);
        await keepsNoMoreThan(held, server.pid);
      });
    }
  }

  for (const transport of transports) {
    test(`pipelined requests over ${transport.name}`, async (t) => {
      const client = await transport.connect(await Nginx.start(t, transport));
      const paths = Array.from({ length: 300 }, (_, i) => (i % 3 === 2 ? '/nothing' : '/small'));
      const statuses = async () => {
        const seen: number[] = [];
        while (seen.length < paths.length) seen.push((await response(client)).status);
        return seen;
      };
      const [seen] = await Promise.all([
        statuses(),
        client.send(Buffer.concat(paths.map((path) => get(path)))),
      ]);
      assert.deepEqual(
        seen,
        paths.map((path) => (path === '/small' ? 200 : 404)),
      );
      client.wire.destroy();
    });
  }

  test('costs nothing while its clients are idle', async (t) => {
    const transport = websocket();
    const server = await Nginx.start(t, transport);
    const clients = await Promise.all(Array.from({ length: 20 }, () => transport.connect(server)));
    await Promise.all(clients.map((client) => browse(client, 2)));
    await assertIdle(server.pid);
    for (const client of clients) client.wire.destroy();
  });

  test('sends files', async (t) => {
    const folder = scratch(t);
    mkdirSync(join(folder, 'site'));
    const large = { path: '/large', digest: makeFile(join(folder, 'site/large'), 200) };
    const medium = { path: '/medium', digest: makeFile(join(folder, 'site/medium'), 20) };
    const ways: [directives: string, file: typeof large][] = [
      ['', large],
      ['sendfile_max_chunk 0; tcp_nopush on;', large],
      ['sendfile_max_chunk 100k; sendfile off;', medium],
      ['sendfile off; output_buffers 2 128k;', medium],
      ['aio threads; tcp_nopush on;', medium],
      ['aio threads; sendfile off;', medium],
    ];
    for (const [server, { path, digest }] of ways) {
      for (const transport of [tcp, websocket(oneFrame)]) {
        await t.test(`${path} with "${server}" over ${transport.name}`, async (t) => {
          const client = await transport.connect(
            await Nginx.start(t, transport, { server }, folder),
          );
          const size = await request(client, path);
          assert.equal(await fetchRest(client, size), digest);
          await browse(client, 1);
          client.wire.destroy();
        });
      }
    }
  });

  for (const transport of transports) {
    test(`what it asks of another server is plain, over ${transport.name}`, async (t) => {
      const body = generate(1 << 20);
      const answer = generate(3 << 20, 2);
      const upstream = await digester(t, answer);
      const proxy = `client_max_body_size 0; location /up { proxy_pass http://127.0.0.1:${upstream}; }`;
      const server = await Nginx.start(t, transport, { server: proxy });
      const visits = Array.from({ length: 5 }, async () => {
        const client = await transport.connect(server);
        await client.send(Buffer.concat([post('/up', body.length), body]));
        const { headers, body: received } = await response(client);
        assert.equal(headers.get('x-digest'), createHash('sha256').update(body).digest('hex'));
        assert.ok(received.equals(answer));
        client.wire.destroy();
      });
      await Promise.all(visits);
    });
  }

  test('curl, through a bridge', { skip: requires('curl') }, async (t) => {
    const port = await bridge(t, await Nginx.start(t, websocket()), atRandom);
    const url = `http://127.0.0.1:${port}/small`;
    const options = { encoding: 'buffer', timeout: 60_000 } as const;
    const { stdout } = await promisify(execFile)('curl', ['-fsS', url, url], options);
    assert.ok(stdout.equals(Buffer.concat([small, small])));
  });
});

/** An HTTP server whose answer names the SHA-256 of what it was sent; returns its port. */
async function digester(t: TestContext, answer: Buffer): Promise<number> {
  const server = createServer((incoming, outgoing) => {
    const digest = createHash('sha256');
    incoming.on('data', (chunk: Buffer) => digest.update(chunk));
    incoming.on('end', () => {
      const headers = { 'X-Digest': digest.digest('hex'), 'Content-Length': answer.length };
      outgoing.writeHead(200, headers).end(answer);
    });
  });
  server.listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
