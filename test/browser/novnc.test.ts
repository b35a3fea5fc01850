// A VNC server under wswrap, and noVNC in a browser: what is drawn on the X display is on the
// canvas, and what the user does on the canvas reaches the X display.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from '../programs/command.js';
import { requires } from '../support/programs.js';
import { colourAt, withPage } from './chromium.js';
import { servePages } from './page-server.js';
import { Display, type Rectangle } from './x11.js';

const skip = requires('Xtigervnc', 'chromium');
const width = 640;
const height = 480;

test('noVNC shows the desktop of Xtigervnc and works on it', { skip }, async (t) => {
  const server = await Command.start(t, xtigervnc, { wrapped: true });
  const display = await Display.open(displayFor(server.port));
  t.after(() => display.close());
  const corners = picture();
  for (const { colour, area } of corners) await display.fill(colour, area);

  const pages = await servePages(t);
  await withPage(t, `${pages}/viewer.html?url=ws://127.0.0.1:${server.port}`, async (page) => {
    for (const { colour, area } of corners) {
      const [x, y] = [area.x + area.width / 2, area.y + area.height / 2];
      await page.waitForFunction(`${colourAt(x, y)} === ${colour}`);
    }

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

/** A colour of its own for each quarter of the screen. */
function picture(): { colour: number; area: Rectangle }[] {
  const [w, h] = [width / 2, height / 2];
  return [
    { colour: 0x336699, area: { x: 0, y: 0, width: w, height: h } },
    { colour: 0xff0000, area: { x: w, y: 0, width: w, height: h } },
    { colour: 0x00ff00, area: { x: 0, y: h, width: w, height: h } },
    { colour: 0x123456, area: { x: w, y: h, width: w, height: h } },
  ];
}

function xtigervnc(port: number): string[] {
  const words = ['Xtigervnc', `:${displayFor(port)}`, '-rfbport', String(port)];
  words.push('-SecurityTypes', 'None', '-localhost=1', '-nolisten', 'tcp');
  return [...words, '-geometry', `${width}x${height}`, '-depth', '24'];
}

// A display number that belongs to the port, so that tests never take one from each other.
function displayFor(port: number): number {
  return 100 + (port % 50_000);
}
