// A VNC server under wswrap, and noVNC in a browser: what is drawn on the X display is on the
// canvas, and what the user does on the canvas reaches the X display.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requires } from '../support/programs.js';
import { colourAt, withPage } from './chromium.js';
import { showsDesktop, startDesktop } from './desktop.js';
import { servePages } from './page-server.js';

const skip = requires('Xtigervnc', 'chromium');

test('noVNC shows the desktop of Xtigervnc and works on it', { skip }, async (t) => {
  const { port, display } = await startDesktop(t, { wrapped: true });
  const pages = await servePages(t);
  await withPage(t, `${pages}/viewer.html?url=ws://127.0.0.1:${port}`, async (page) => {
    await showsDesktop(page);

    const canvas = page.locator('canvas');
    await canvas.click({ position: { x: 100, y: 50 } });
    assert.deepEqual(await display.press(), { kind: 'button', detail: 1, x: 100, y: 50 });
    await page.keyboard.press('a');
    assert.equal((await display.press()).kind, 'key');

    // Where the user clicked the desktop changes, and the browser shows that too.
    await display.fill(0xffffff, { x: 90, y: 40, width: 20, height: 20 });
    await page.waitForFunction(`${colourAt(100, 50)} === 0xffffff`);
  });
});
