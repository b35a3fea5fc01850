// `wswrap demo` as a whole: the printed page, the desktop behind it, and the end of both.
import { strict as assert } from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, type TestContext, test } from 'node:test';

import { colourAt, withPage } from '../browser/chromium.js';
import { run, wswrap } from '../launcher/run.js';
import { isListening } from '../programs/command.js';
import { eventually, within } from '../support/deadline.js';
import { requires } from '../support/programs.js';
import { freePorts } from '../support/server.js';
import { tcp, websocket } from '../support/transport.js';
import { Viewer } from './viewer.js';

interface Demo {
  port: number;
  webPort: number;
  url: string;
  /** Sends a signal and waits for the end: exit status and signal. */
  end(signal: NodeJS.Signals): Promise<[number | null, NodeJS.Signals | null]>;
}

async function startDemo(t: TestContext): Promise<Demo> {
  const [port = 0, webPort = 0] = await freePorts(2);
  const args = ['demo', '--port', String(port), '--web-port', String(webPort)];
  const child = spawn(wswrap, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    return within('the end of the demo', exited);
  };
  t.after(() => end('SIGTERM'));
  const lines = createInterface(child.stderr);
  const url = new Promise<string>((resolve) => {
    lines.on('line', (line) => {
      const found = /http:\S+/.exec(line)?.[0];
      if (found !== undefined) resolve(found);
    });
  });
  return { port, webPort, url: await within('the URL of the demo', url), end };
}

// fetch() would tidy up the path.
async function get(port: number, path: string) {
  const [response] = await once(request({ port, path, host: '127.0.0.1' }).end(), 'response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode as number, type: response.headers['content-type'], body };
}

describe('the demo', () => {
  test('serves its page and noVNC, and nothing else', async (t) => {
    const { port, webPort, url } = await startDemo(t);
    assert.equal(url, `http://localhost:${webPort}/`);
    const page = await get(webPort, '/');
    assert.equal(page.status, 200);
    assert.match(page.body, /<script type="module" src="page\.js">/);
    const expected: [path: string, type: RegExp, body: RegExp][] = [
      ['/page.js', /javascript/, /new RFB/],
      ['/page.css', /css/, /#screen/],
      ['/port.js', /javascript/, new RegExp(`port = ${port};`)],
      ['/novnc/core/rfb.js', /javascript/, /class RFB/],
    ];
    for (const [path, type, body] of expected) {
      const file = await get(webPort, path);
      assert.equal(file.status, 200, path);
      assert.match(file.type ?? '', type);
      assert.match(file.body, body);
    }
    const nowhere = ['/no-such-file', '/novnc/no-such-file', '/../demo.ts', '/%2e%2e/demo.ts'];
    nowhere.push(
      '/..%2fdemo.ts',
      '/novnc/../../../package.json',
      '/novnc/%2e%2e/%2e%2e/ws/package.json',
    );
    nowhere.push('//etc/passwd', '/page.js/../../demo.ts', '/%00', '/%ff');
    for (const path of nowhere) assert.equal((await get(webPort, path)).status, 404, path);
  });

  test('has a desktop that speaks WebSocket to its page, and to nobody else’s', async (t) => {
    const { port, webPort } = await startDemo(t);
    const { WebSocketClient } = await import('../support/client.js');
    const headers = (origin: string) => ({ headers: { Origin: origin } });
    const own = await WebSocketClient.connect({ port }, headers(`http://127.0.0.1:${webPort}`));
    assert.equal((await own.receive(12)).toString(), 'RFB 003.008\n');
    own.wire.destroy();
    await assert.rejects(
      WebSocketClient.connect({ port }, headers('http://attacker.example')),
      /refused with 403/,
    );
    const viewer = await Viewer.open(await websocket().connect({ port }));
    assert.ok((await viewer.update(false)) > 0);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`ends with both its servers at ${signal}`, async (t) => {
      const { port, webPort, end } = await startDemo(t);
      // A browser that keeps its connections open does not delay it.
      const page = await tcp.connect({ port: webPort });
      const desktop = await websocket().connect({ port });
      assert.deepEqual(await end(signal), [null, signal]);
      await eventually('both ports are free', () => !isListening(port) && !isListening(webPort));
      page.wire.destroy();
      desktop.wire.destroy();
    });
  }

  test('says which port is taken, and how to choose another', async (t) => {
    const holder = createServer().listen(0, '127.0.0.1');
    t.after(() => holder.close());
    await once(holder, 'listening');
    const address = holder.address();
    const taken = String(typeof address === 'object' ? address?.port : 0);
    const free = String((await freePorts(1))[0]);
    for (const [option, other] of [
      ['--port', '--web-port'],
      ['--web-port', '--port'],
    ] as const) {
      const { status, stderr } = await run(wswrap, ['demo', option, taken, other, free]);
      assert.equal(status, 125);
      assert.match(stderr, new RegExp(`port ${taken} is in use`));
      assert.match(stderr, new RegExp(`wswrap demo ${option} N`));
    }
  });

  test('shows its desktop in a browser, which can paint on it', {
    skip: requires('chromium'),
  }, async (t) => {
    const { url } = await startDemo(t);
    await withPage(t, url, async (page) => {
      await page.waitForFunction(
        "document.querySelector('#status').textContent.startsWith('connected')",
      );
      await page.waitForFunction(
        `document.querySelector('canvas').width === 640 && ${colourAt(2, 398)} !== 0`,
      );
      const picture = "document.querySelector('canvas').toDataURL()";
      const still = await page.evaluate(picture);
      await page.waitForFunction(`${picture} !== ${JSON.stringify(still)}`);

      const canvas = page.locator('canvas');
      const box = await canvas.boundingBox();
      assert.ok(box !== null);
      // Below the lights that move.
      const at = (x: number, y: number) =>
        [box.x + (x * box.width) / 640, box.y + (y * box.height) / 400] as const;
      const before = await page.evaluate(colourAt(300, 390));
      await page.mouse.move(...at(200, 390));
      await page.mouse.down();
      await page.mouse.move(...at(400, 390), { steps: 10 });
      await page.mouse.up();
      await page.mouse.move(...at(100, 200));
      await page.waitForFunction(`${colourAt(300, 390)} !== ${before}`);
      await page.keyboard.type('hello');
      // The first letter's stem.
      await page.waitForFunction(`${colourAt(41, 372)} === 0x9df5b0`);
    });
  });
});
