// Xtigervnc with a picture that is known, and whether a browser shows it.
import type { TestContext } from 'node:test';

import type { Page } from 'playwright-core';
import { Command } from '../programs/command.js';
import { elapse, within } from '../support/deadline.js';
import { colourAt } from './chromium.js';
import { Display } from './x11.js';

const width = 640;
const height = 480;
const [w, h] = [width / 2, height / 2];

// A colour of its own for each quarter of the screen.
const quarters = [
  { colour: 0x336699, area: { x: 0, y: 0, width: w, height: h } },
  { colour: 0xff0000, area: { x: w, y: 0, width: w, height: h } },
  { colour: 0x00ff00, area: { x: 0, y: h, width: w, height: h } },
  { colour: 0x123456, area: { x: w, y: h, width: w, height: h } },
];

export interface Desktop {
  /** Where the VNC server listens. */
  port: number;
  display: Display;
}

export interface DesktopOptions {
  /** Under wswrap, or as it is. */
  wrapped: boolean;
  /** Absent: everybody is let in. */
  passwordFile?: string;
}

/** Starts the server for the time of a test and draws the picture. */
export async function startDesktop(
  t: TestContext,
  { wrapped, passwordFile }: DesktopOptions,
): Promise<Desktop> {
  const command = (port: number) => xtigervnc(port, passwordFile);
  const { port } = await Command.start(t, command, { wrapped });
  const display = await Display.open(displayFor(port));
  t.after(() => display.close());
  for (const { colour, area } of quarters) await display.fill(colour, area);
  return { port, display };
}

/** Waits until the page's canvas has the picture. */
export async function showsDesktop(page: Page): Promise<void> {
  for (const { colour, area } of quarters) {
    const [x, y] = [area.x + area.width / 2, area.y + area.height / 2];
    await showsColour(page, colour, x, y);
  }
}

/** Waits until the canvas has this colour there; also where the page's policy forbids to wait inside. */
export async function showsColour(page: Page, colour: number, x: number, y: number): Promise<void> {
  let seen: unknown;
  const look = async () => {
    while (seen !== colour) {
      seen = await page.evaluate(colourAt(x, y));
      await elapse(20);
    }
  };
  await within(`${colour.toString(16)} at ${x},${y}`, look());
}

function xtigervnc(port: number, passwordFile?: string): string[] {
  const words = ['Xtigervnc', `:${displayFor(port)}`, '-rfbport', String(port)];
  if (passwordFile === undefined) words.push('-SecurityTypes', 'None');
  else words.push('-SecurityTypes', 'VncAuth', '-PasswordFile', passwordFile);
  words.push('-localhost=1', '-nolisten', 'tcp');
  return [...words, '-geometry', `${width}x${height}`, '-depth', '24'];
}

// A display number that belongs to the port, so that tests never take one from each other.
function displayFor(port: number): number {
  return 100 + (port % 50_000);
}
