// A VNC server behind wsproxy, and noVNC in a browser: the desktop is on the canvas, and what the user
// does there reaches the desktop; by ws:// and wss://, with pages from the proxy's own port too.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Page } from 'playwright-core';

import { packageRoot } from '../../src/paths.js';
import { makeCertificate } from '../../src/proxy/certificate.js';
import { scratch } from '../launcher/run.js';
import { WsProxy } from '../proxy/proxy.js';
import { requires } from '../support/programs.js';
import { password } from '../support/vncserver.js';
import { withPage } from './chromium.js';
import { type Desktop, showsColour, showsDesktop, startDesktop } from './desktop.js';
import { servePages } from './page-server.js';

const skip = requires('Xtigervnc', 'chromium');
const unvouched = { ignoreHTTPSErrors: true };

async function certificate(t: TestContext): Promise<string> {
  const file = join(scratch(t), 'self.pem');
  await makeCertificate({ file, names: ['127.0.0.1'], days: 2 });
  return file;
}

/** The picture is there; a click and a key arrive; what changes is seen. */
async function works(page: Page, { display }: Desktop): Promise<void> {
  await showsDesktop(page);
  const canvas = page.locator('canvas');
  const { width = 0, height = 0 } = (await canvas.boundingBox()) ?? {};
  await canvas.click({ position: { x: width / 4, y: height / 4 } });
  const { kind, detail, x, y } = await display.press();
  assert.deepEqual({ kind, detail }, { kind: 'button', detail: 1 });
  // The canvas may be scaled.
  assert.ok(Math.abs(x - 160) <= 2 && Math.abs(y - 120) <= 2, `${x},${y}`);
  await page.keyboard.press('a');
  assert.equal((await display.press()).kind, 'key');
  await display.fill(0xffffff, { x: x - 10, y: y - 10, width: 20, height: 20 });
  await showsColour(page, 0xffffff, x, y);
}

for (const scheme of ['ws', 'wss']) {
  test(`by ${scheme}://`, { skip }, async (t) => {
    const desktop = await startDesktop(t, { wrapped: false });
    const options = scheme === 'wss' ? ['--ssl-only', '--cert', await certificate(t)] : [];
    const proxy = await WsProxy.start(t, [...options, 0, `127.0.0.1:${desktop.port}`]);
    const address = `${scheme}://127.0.0.1:${proxy.port}/websockify`;
    const url = `${await servePages(t)}/viewer.html?url=${address}`;
    await withPage(t, url, (page) => works(page, desktop), unvouched);
  });
}

for (const secure of [false, true]) {
  test(`with pages of --web, by ${secure ? 'https' : 'http'}://`, { skip }, async (t) => {
    const desktop = await startDesktop(t, { wrapped: false });
    const folder = scratch(t);
    cpSync(join(packageRoot, 'test/browser/page/viewer.html'), join(folder, 'viewer.html'));
    cpSync(join(packageRoot, 'node_modules/@novnc/novnc'), join(folder, 'novnc'), {
      recursive: true,
    });
    const options = secure ? ['--cert', await certificate(t)] : [];
    const target = `127.0.0.1:${desktop.port}`;
    const proxy = await WsProxy.start(t, [...options, '--web', folder, 0, target]);
    const place = `127.0.0.1:${proxy.port}`;
    const [page, socket] = secure ? ['https', 'wss'] : ['http', 'ws'];
    const url = `${page}://${place}/viewer.html?url=${socket}://${place}/websockify`;
    await withPage(t, url, (page) => works(page, desktop), unvouched);
  });
}

test('with the page of launch, which asks for the password', {
  skip: requires('Xtigervnc', 'chromium', 'tigervncpasswd'),
}, async (t) => {
  const passwordFile = join(scratch(t), 'passwd');
  const passwd = execFileSync('tigervncpasswd', ['-f'], { input: `${password}\n` });
  writeFileSync(passwordFile, passwd, { mode: 0o600 });
  const desktop = await startDesktop(t, { wrapped: false, passwordFile });
  const vnc = `127.0.0.1:${desktop.port}`;
  const proxy = await WsProxy.start(t, ['launch', '--listen', '127.0.0.1:0', '--vnc', vnc], {
    cwd: scratch(t),
  });
  await proxy.logged(/Navigate to this URL:\s+http\S+\n/);
  const [url = ''] = /http:\/\/\S+/.exec(proxy.stderr) ?? [];
  await withPage(t, url, async (page) => {
    const field = page.locator('#credentials input[name="password"]');
    await field.fill('wrong');
    await field.press('Enter');
    const again = page.locator('body[data-state="disconnected"] #reconnect');
    await again.waitFor();
    assert.match((await page.locator('#reason').textContent()) ?? '', /refused/);
    await again.click();
    await field.fill(password);
    await field.press('Enter');
    await page.waitForSelector('body[data-state="connected"]');
    await works(page, desktop);
    await page.locator('#disconnect').click();
    await again.waitFor();
  });
  await proxy.logged(/closed by the client/);
});
