// `--web`: pages on the port of the proxy, beside its sessions.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { get as httpsGet } from 'node:https';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';

import { scratch } from '../launcher/run.js';
import { newKey, readResponse, requestText, WebSocketClient } from '../support/client.js';
import { elapse, within } from '../support/deadline.js';
import { generate } from '../support/payload.js';
import { Wire } from '../support/wire.js';
import { WsProxy } from './proxy.js';
import { get } from './raw-http.js';
import { echoServer } from './target.js';
import { certificate, echo, leave, visit } from './visitor.js';

/** A folder with a page, a picture, a folder without an index, and links. */
function site(t: TestContext): string {
  const outside = scratch(t);
  const folder = join(scratch(t), 'site');
  mkdirSync(join(folder, 'app', 'images'), { recursive: true });
  writeFileSync(join(outside, 'secret'), 'secret');
  writeFileSync(join(folder, 'index.html'), '<!doctype html>hello');
  writeFileSync(join(folder, 'app', 'ui.js'), 'export {};');
  writeFileSync(join(folder, '.hidden'), 'secret');
  writeFileSync(join(folder, 'large'), generate(5_000_000));
  symlinkSync(join(outside, 'secret'), join(folder, 'out'));
  symlinkSync(outside, join(folder, 'outside'));
  symlinkSync('app/ui.js', join(folder, 'in'));
  symlinkSync(outside, join(folder, 'app', 'outside'));
  writeFileSync(join(folder, 'app', '.hidden'), 'secret');
  return folder;
}

async function start(t: TestContext, ...options: (string | number)[]): Promise<WsProxy> {
  const target = await echoServer(t);
  return WsProxy.start(t, ['--web', site(t), ...options, 0, `127.0.0.1:${target.port}`]);
}

async function fetch(port: number, path: string, agent: Agent): Promise<IncomingMessage> {
  const asked = request({ port, host: '127.0.0.1', path, agent });
  asked.end();
  const [response] = await within(`the answer to ${path}`, once(asked, 'response'));
  return response;
}

for (const workers of [[], ['--workers', 2]]) {
  describe(`--web ${workers.join(' ')}`, () => {
    test('serves the files of a folder, and nothing outside of it or hidden', async (t) => {
      const { port } = await start(t, ...workers);
      const page = await get(port, '/');
      assert.deepEqual([page.status, page.body.toString()], [200, '<!doctype html>hello']);
      assert.match(page.headers['content-type'] ?? '', /^text\/html/);
      const answers: [path: string, status: number][] = [
        ['/index.html?autoconnect=1', 200],
        ['/app/ui.js', 200],
        ['/in', 200],
        ['/app', 301],
        ['/app/', 403],
        ['/none', 404],
        ['/.hidden', 404],
        ['/out', 404],
        ['/outside/secret', 404],
        ['/../site/index.html', 404],
        ['/%2e%2e/site/index.html', 404],
      ];
      for (const [path, status] of answers) {
        const answer = await get(port, path);
        assert.equal(answer.status, status, path);
        assert.ok(!answer.body.includes('secret'), path);
      }
      await leave(await visit(port));
    });

    test('answers many requests on a connection, and goes on to a session there', async (t) => {
      const { port } = await start(t, ...workers);
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      t.after(() => agent.destroy());
      const sockets = new Set<unknown>();
      for (let i = 0; i < 20; i += 1) {
        const response = await fetch(port, i % 2 === 0 ? '/' : '/app/ui.js', agent);
        sockets.add(response.socket);
        assert.equal(response.statusCode, 200);
        await text(response);
      }
      assert.equal(sockets.size, 1);
      // As a reverse proxy may do.
      const wire = await Wire.connect({ port });
      await wire.write(`GET /none HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`);
      assert.equal((await readResponse(wire)).status, 404);
      const key = newKey();
      await wire.write(requestText({ port }, {}, key));
      const client = await WebSocketClient.accepted(wire, key);
      await echo(client);
      await leave(client);
    });
  });
}

test('pages and sessions do not hinder each other', async (t) => {
  const { port } = await start(t);
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  t.after(() => agent.destroy());
  const large = generate(5_000_000);
  const clients = await Promise.all(Array.from({ length: 10 }, () => visit(port)));
  const reading = Array.from({ length: 20 }, async () => {
    const response = await fetch(port, '/large', agent);
    assert.ok((await buffer(response)).equals(large));
  });
  const talking = clients.map(async (client, number) => {
    for (let i = 0; i < 50; i += 1) await echo(client, `client ${number}, word ${i}`);
  });
  await Promise.all([...reading, ...talking]);
  await Promise.all(clients.map(leave));
});

test('a connection that was used for a page may be idle longer than a silent one', async (t) => {
  const proxy = await start(t, '--handshake-timeout', 5);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  await text(await fetch(proxy.port, '/', agent));
  // A client that says nothing at all is dropped after 3 s.
  await elapse(3500);
  const [socket] = Object.values(agent.freeSockets).flat();
  assert.ok(socket !== undefined && !socket.destroyed);
  const response = await fetch(proxy.port, '/', agent);
  assert.equal(response.socket, socket);
  await text(response);
});

test('--directory-listing shows what is in a folder, but nothing that is not served', async (t) => {
  const { port } = await start(t, '--directory-listing');
  const list = (await get(port, '/app/')).body.toString();
  assert.match(list, /href="\.\/ui\.js"/);
  assert.match(list, /href="\.\/images\/"/);
  assert.doesNotMatch(list, /hidden|outside/);
  const page = (await get(port, '/')).body.toString();
  assert.equal(page, '<!doctype html>hello');
});

test('without a target there are pages only', async (t) => {
  const proxy = await WsProxy.start(t, ['--web', site(t), 0]);
  assert.equal((await get(proxy.port, '/')).status, 200);
  await assert.rejects(
    WebSocketClient.connect({ port: proxy.port }),
    /refused with 404: There are only pages here, no WebSocket/,
  );
  assert.equal((await get(proxy.port, '/')).status, 200);
  assert.doesNotMatch(proxy.stderr, /proxying/);
});

test('without --web a request for a page is told what is here', async (t) => {
  const target = await echoServer(t);
  const { port } = await WsProxy.start(t, [0, `127.0.0.1:${target.port}`]);
  const { status, headers } = await get(port, '/');
  assert.equal(status, 426);
  assert.equal(headers['upgrade']?.toLowerCase(), 'websocket');
});

test('pages are served by https:// on the same port, with --ssl-only by nothing else', async (t) => {
  const file = await certificate(t);
  for (const only of [[], ['--ssl-only']]) {
    const { port } = await start(t, '--cert', file, ...only);
    const options = { ca: readFileSync(file), agent: false };
    const asked = httpsGet(`https://127.0.0.1:${port}/app/ui.js`, options);
    const [response] = await within('the page', once(asked, 'response'));
    assert.equal(await text(response), 'export {};');
    assert.equal((await get(port, '/')).status, only.length === 0 ? 200 : 403);
  }
});

test('--path is for sessions, and pages are elsewhere', async (t) => {
  const { port } = await start(t, '--path', '/websockify');
  assert.equal((await get(port, '/')).status, 200);
  await assert.rejects(WebSocketClient.connect({ port }), /refused with 404/);
  const client = await WebSocketClient.connect({ port }, { path: '/websockify' });
  await echo(client);
  await leave(client);
});

test('a folder may be switched to another release while it is served', async (t) => {
  const folder = scratch(t);
  for (const release of ['1', '2']) {
    mkdirSync(join(folder, release));
    writeFileSync(join(folder, release, 'index.html'), release);
  }
  symlinkSync('1', join(folder, 'current'));
  const proxy = await WsProxy.start(t, ['--web', join(folder, 'current'), 0]);
  assert.equal((await get(proxy.port, '/')).body.toString(), '1');
  symlinkSync('2', join(folder, 'next'));
  renameSync(join(folder, 'next'), join(folder, 'current'));
  assert.equal((await get(proxy.port, '/')).body.toString(), '2');
});
