// The line that wswrap is known for: `wswrap 5901 vncserver :1`, as a user types it.
//
// Debian's vncserver is a Perl script that tries ports by binding them, puts Xtigervnc in the
// background from a folder of its own, watches a session start, and exits. It needs a home with a
// password and a session; both are made here, the rest is its defaults.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { isListening, wswrap } from '../programs/command.js';
import { WebSocketClient } from '../support/client.js';
import { eventually } from '../support/deadline.js';
import { requires } from '../support/programs.js';
import { freeDisplay, needsVncserver, password, vncHome } from '../support/vncserver.js';
import { colourAt, withPage } from './chromium.js';
import { servePages } from './page-server.js';
import { openDesktop } from './rfb.js';
import { Display } from './x11.js';

const run = promisify(execFile);
const skip = needsVncserver();

test('wswrap 5901 vncserver :1', { skip }, async (t) => {
  const display = freeDisplay(t);
  const port = 5900 + display;
  const folder = mkdtempSync(join(tmpdir(), 'wswrap-vncserver-'));
  const options = { cwd: folder, env: vncHome(folder) };
  const kill = () => run('vncserver', ['-kill', `:${display}`], options);
  t.after(async () => {
    if (isListening(port)) await kill();
    rmSync(folder, { recursive: true });
  });

  const { stdout } = await run(wswrap, [String(port), 'vncserver', `:${display}`], options);
  assert.match(stdout, new RegExp(`on port ${port} for display :${display}\\.`));

  const client = await WebSocketClient.connect({ port });
  const stream = {
    read: (size: number) => client.receive(size),
    write: (bytes: Buffer) => client.send(bytes),
  };
  const desktop = await openDesktop(stream, password);
  assert.match(desktop.name, new RegExp(`:${display} \\(`));
  assert.ok(desktop.width > 0 && desktop.height > 0);

  await t.test('the session is spared the shim', () => {
    const environment = readFileSync(join(folder, 'session'), 'utf8');
    assert.match(environment, /^DISPLAY=/m);
    assert.doesNotMatch(environment, /WSWRAP|wswrap-shim/);
  });

  await t.test('a browser shows its desktop', { skip: requires('chromium') }, async (t) => {
    const screen = await Display.open(display, await cookie(folder, display));
    t.after(() => screen.close());
    const size = { width: screen.width, height: screen.height };
    await screen.fill(0x336699, { x: 0, y: 0, ...size });

    const url = `${await servePages(t)}/viewer.html?url=ws://127.0.0.1:${port}`;
    await withPage(t, `${url}&password=${password}`, async (page) => {
      await page.waitForFunction(`${colourAt(size.width - 1, size.height - 1)} === 0x336699`);
    });
  });

  const killed = await kill();
  assert.match(killed.stdout, /success/);
  assert.notEqual(await client.closed(), 1006, 'the client is told with a Close frame');
  await eventually(`port ${port} is closed`, () => !isListening(port));
});

/** The secret that lets an X client in, which vncserver has put into the home. */
async function cookie(folder: string, display: number): Promise<Buffer> {
  const { stdout } = await run('xauth', ['-f', join(folder, '.Xauthority'), 'list', `:${display}`]);
  return Buffer.from(stdout.trim().split(/\s+/).at(-1) ?? '', 'hex');
}
