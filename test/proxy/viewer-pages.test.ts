// The viewer's page is served with all that it loads, and needs nothing from elsewhere.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';

import { createViewerPages } from '../../src/proxy/viewer-pages.js';
import { withPage } from '../browser/chromium.js';
import { requires } from '../support/programs.js';
import { type Answer, get, serve } from './raw-http.js';

function site(t: TestContext): Promise<number> {
  return serve(t, createViewerPages());
}

function policyOf({ headers }: Answer): string {
  return headers['content-security-policy'] ?? '';
}

test('the page comes with a policy that forbids inline scripts, which it keeps', async (t) => {
  const page = await get(await site(t), '/');
  assert.equal(page.status, 200);
  assert.match(page.headers['content-type'] ?? '', /^text\/html/);
  assert.match(policyOf(page), /default-src 'self';/);
  assert.doesNotMatch(policyOf(page), /unsafe|https?:|\*/);
  const html = page.body.toString();
  assert.doesNotMatch(html, /<style|\sstyle=|\son[a-z]+=|importmap/);
  for (const [, attributes = '', code] of html.matchAll(/<script([^>]*)>(.*?)<\/script>/gs)) {
    assert.match(attributes, /src="/);
    assert.equal(code, '');
  }
  for (const [, address = ''] of html.matchAll(/\s(?:src|href)="([^"]*)"/g)) {
    assert.match(address, /^(data:,|[a-z]+\.[a-z]+)$/);
  }
});

test('each module that it imports, directly or not, is served', async (t) => {
  const port = await site(t);
  assert.match((await get(port, '/viewer.css')).headers['content-type'] ?? '', /^text\/css/);
  const modules = new Set(['/viewer.js']);
  for (const path of modules) {
    const module = await get(port, path);
    assert.equal(module.status, 200, path);
    assert.match(module.headers['content-type'] ?? '', /javascript/, path);
    assert.match(policyOf(module), /default-src 'self'/);
    const imports = module.body
      .toString()
      .matchAll(/^(?:import|export)\b[^'"]*?from\s*['"]([^'"]+)['"]/gm);
    for (const [, name = ''] of imports) {
      assert.match(name, /^\.\.?\//);
      modules.add(new URL(name, `http://localhost${path}`).pathname);
    }
  }
  assert.ok(modules.has('/novnc/core/rfb.js'));
  assert.ok(modules.has('/novnc/vendor/pako/lib/zlib/inflate.js'));
});

test('nothing else is served', async (t) => {
  const port = await site(t);
  const nowhere = ['/websockify', '/novnc/no-such-file', '/novnc/../package.json', '/../pages.ts'];
  nowhere.push('/novnc/%2e%2e/ws/package.json', '/novnc%2fcore/rfb.js', '/port.js');
  for (const path of nowhere) {
    const answer = await get(port, path);
    assert.equal(answer.status, 404, path);
    assert.match(policyOf(answer), /default-src 'self'/);
  }
  assert.equal((await get(port, '/novnc/')).status, 403);
});

test('without a desktop a browser says so, and offers to try again', {
  skip: requires('chromium'),
}, async (t) => {
  const port = await site(t);
  await withPage(t, `http://127.0.0.1:${port}/`, async (page) => {
    const violations: string[] = [];
    page.on('console', (message) => {
      if (message.text().includes('Content Security Policy')) violations.push(message.text());
    });
    const attempts: string[] = [];
    page.on('websocket', (socket) => attempts.push(socket.url()));
    await page.reload();
    // No function of the page is awaited: its policy forbids what that takes.
    const tryAgain = page.locator('body[data-state="disconnected"] #reconnect');
    await tryAgain.waitFor();
    const reason = await page.locator('#reason').textContent();
    assert.equal(reason, `No desktop answers behind 127.0.0.1:${port}.`);
    const again = page.waitForEvent('websocket');
    await tryAgain.click();
    await again;
    await tryAgain.waitFor();
    // The page's first load may be among them.
    assert.ok(attempts.length >= 2);
    assert.deepEqual(new Set(attempts), new Set([`ws://127.0.0.1:${port}/websockify`]));
    assert.deepEqual(violations, []);

    await page.setViewportSize({ width: 360, height: 640 });
    const width = await page.evaluate('document.documentElement.scrollWidth');
    assert.equal(width, 360, 'a phone need not scroll sideways');
  });
});
