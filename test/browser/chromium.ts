// A page in headless Chromium, and what is on its canvas.
//
// The expressions given to the page are strings: they run in the browser, whose globals the
// tests' TypeScript does not know.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium, type Page } from 'playwright-core';
import { find } from '../support/programs.js';

const screenshots = fileURLToPath(new URL('../../../build/test', import.meta.url));

/** Options that make Debian's Chromium run as root, and keep it from calling home. */
const args = [
  '--no-sandbox',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-gpu',
  '--no-first-run',
];

export interface PageOptions {
  /** Take certificates that nobody vouches for. */
  ignoreHTTPSErrors?: boolean;
}

/**
 * Opens a URL and hands the page to the test's body. When that fails, its error is joined by what
 * the page logged, and the screen is kept in build/test.
 */
export async function withPage(
  t: TestContext,
  url: string,
  body: (page: Page) => Promise<void>,
  options: PageOptions = {},
): Promise<void> {
  const executablePath = find('chromium') ?? 'chromium';
  const browser = await chromium.launch({ executablePath, args });
  t.after(() => browser.close());
  const page = await browser.newPage({ ...options, viewport: { width: 800, height: 600 } });
  const log: string[] = [];
  page.on('console', (message) => log.push(message.text()));
  page.on('pageerror', (error) => log.push(String(error)));
  try {
    await page.goto(url);
    await body(page);
  } catch (error) {
    for (const line of log) t.diagnostic(`page: ${line}`);
    mkdirSync(screenshots, { recursive: true });
    const path = join(screenshots, `${t.name.replaceAll(/\W+/g, '-')}.png`);
    await page.screenshot({ path });
    t.diagnostic(`screenshot: ${path}`);
    throw error;
  }
}

/** The colour of the page's canvas at a point, as 0xrrggbb; undefined while there is none. */
export function colourAt(x: number, y: number): string {
  return `(() => {
    const context = document.querySelector('canvas')?.getContext('2d');
    if (!context) return undefined;
    const [r, g, b] = context.getImageData(${x}, ${y}, 1, 1).data;
    return (r << 16) | (g << 8) | b;
  })()`;
}
