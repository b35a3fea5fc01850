// `wsproxy launch`: one command, and the URL that a browser opens.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { get as httpsGet } from 'node:https';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, type TestContext, test } from 'node:test';

import { run, scratch } from '../launcher/run.js';
import { isListening } from '../programs/command.js';
import { eventually, within } from '../support/deadline.js';
import { freePorts } from '../support/server.js';
import { cleanEnvironment, type StartOptions, WsProxy, wsproxy } from './proxy.js';
import { get } from './raw-http.js';
import { echoServer } from './target.js';
import { certificate, dismissed, leave, visit, visitSecurely } from './visitor.js';

/** `wsproxy launch` in front of an echo server, once it has said where to go. */
async function launch(
  t: TestContext,
  listen: string | number,
  options: readonly string[] = [],
  how: StartOptions = {},
): Promise<WsProxy> {
  const target = await echoServer(t);
  const vnc = ['--vnc', `localhost:${target.port}`];
  const words = ['launch', '--listen', listen, ...vnc, ...options];
  const proxy = await WsProxy.start(t, words, { cwd: scratch(t), ...how });
  await proxy.logged(/Press Ctrl-C to exit\n/);
  return proxy;
}

/** What it says under "Navigate to this URL". */
function urls({ stderr }: WsProxy): string[] {
  return [...stderr.matchAll(/^ {4}(https?:\S+)$/gm)].map(([, url = '']) => url);
}

describe('wsproxy launch', () => {
  test('prints the URL of a page, and the desktop is behind the same port', async (t) => {
    const proxy = await launch(t, 0);
    const { port } = proxy;
    assert.deepEqual(urls(proxy), [`http://localhost:${port}/`, `http://${hostname()}:${port}/`]);
    assert.match(proxy.stderr, /^Navigate to this URL:$/m);
    assert.match(proxy.stderr, /^ {2}- Web server\. Page: a VNC client \(noVNC\)$/m);
    const page = await get(port, '/');
    assert.equal(page.status, 200);
    assert.match(page.headers['content-type'] ?? '', /^text\/html/);
    await leave(await visit(port));
    assert.equal((await get(port, '/')).status, 200);
  });

  test('prints https:// with --cert, and that is where the page is', async (t) => {
    const file = await certificate(t);
    const proxy = await launch(t, '127.0.0.1:0', ['--cert', file]);
    const [url = ''] = urls(proxy);
    assert.equal(url, `https://127.0.0.1:${proxy.port}/`);
    const [response] = await within(
      'the page',
      once(httpsGet(url, { ca: readFileSync(file), agent: false }), 'response'),
    );
    assert.equal(response.statusCode, 200);
    assert.match(await text(response), /<html/);
    await leave(await visitSecurely(proxy.port, file));
  });

  test('uses self.pem if it is there', async (t) => {
    const folder = scratch(t);
    const file = await certificate(t);
    copyFileSync(file, join(folder, 'self.pem'));
    const proxy = await launch(t, '[::1]:0', [], { cwd: folder });
    assert.deepEqual(urls(proxy), [`https://[::1]:${proxy.port}/`]);
  });

  test('says when the port is taken', async (t) => {
    const proxy = await launch(t, '127.0.0.1:0');
    const args = ['launch', '--listen', `127.0.0.1:${proxy.port}`, '--vnc', 'localhost:1'];
    const { status, stderr } = await run(wsproxy, args, { env: cleanEnvironment() });
    assert.equal(status, 125);
    assert.match(stderr, /cannot listen on \S+: somebody else does already\n {9}choose another/);
    assert.doesNotMatch(stderr, /Navigate/);
  });

  test('says when the certificate is none', async () => {
    const args = ['launch', '--listen', '0', '--vnc', 'localhost:1', '--cert', '/etc/passwd'];
    const { status, stderr } = await run(wsproxy, args, { env: cleanEnvironment() });
    assert.equal(status, 125);
    assert.match(stderr, /\/etc\/passwd: no usable certificate with its key/);
  });

  test('says when there is no VNC server yet, and waits for one', async (t) => {
    const [vnc = 0] = await freePorts(1);
    const words = ['launch', '--listen', 0, '--vnc', `localhost:${vnc}`];
    const proxy = await WsProxy.start(t, words, { cwd: scratch(t) });
    assert.match(
      proxy.stderr,
      new RegExp(`^wsproxy: there is no server on localhost:${vnc} yet\n {9}start one, or name`),
    );
    await proxy.logged(/Press Ctrl-C to exit\n/);
    assert.equal((await get(proxy.port, '/')).status, 200);
  });

  test('is ended by Ctrl-C, with a word to its clients', async (t) => {
    const proxy = await launch(t, 0);
    const client = await visit(proxy.port);
    proxy.kill('SIGINT');
    await dismissed(client);
    assert.deepEqual(await proxy.exit(), { code: null, signal: 'SIGINT' });
    await eventually('the port is free', () => !isListening(proxy.port));
  });
});
