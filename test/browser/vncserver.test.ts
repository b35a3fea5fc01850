// The line that wswrap is known for: `wswrap 5901 vncserver :1`, as a user types it.
//
// Debian's vncserver is a Perl script that tries ports by binding them, puts Xtigervnc in the
// background from a folder of its own, watches a session start, and exits. It needs a home with a
// password and a session; both are made here, the rest is its defaults.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { isListening, wswrap } from '../programs/command.js';
import { WebSocketClient } from '../support/client.js';
import { eventually } from '../support/deadline.js';
import { requires } from '../support/programs.js';
import { colourAt, withPage } from './chromium.js';
import { servePages } from './page-server.js';
import { openDesktop } from './rfb.js';
import { Display } from './x11.js';

const run = promisify(execFile);
const skip = requires('tigervncserver', 'tigervncpasswd', 'xauth', 'Xtigervnc');
const password = 'secret12';

test('wswrap 5901 vncserver :1', { skip }, async (t) => {
  const display = freeDisplay(t);
  const port = 5900 + display;
  const folder = mkdtempSync(join(tmpdir(), 'wswrap-vncserver-'));
  const options = { cwd: folder, env: home(folder) };
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

/** Display 1 if nobody uses it. Otherwise the next one, and the test says so. */
function freeDisplay(t: TestContext): number {
  for (let display = 1; display < 100; display += 1) {
    if (!isBusy(display)) {
      if (display !== 1) t.diagnostic(`display :1 is in use: testing with :${display}`);
      return display;
    }
  }
  throw new Error('all displays are in use');
}

function isBusy(display: number): boolean {
  const files = [`/tmp/.X${display}-lock`, `/tmp/.X11-unix/X${display}`];
  return files.some(existsSync) || [5900, 6000].some((base) => isListening(base + display));
}

/** Makes a home with a password and a session, and returns the environment for it. */
function home(folder: string): NodeJS.ProcessEnv {
  const settings = join(folder, '.vnc');
  mkdirSync(settings);
  const passwd = execFileSync('tigervncpasswd', ['-f'], { input: `${password}\n` });
  writeFileSync(join(settings, 'passwd'), passwd, { mode: 0o600 });
  // An X client that stays for as long as the X server does.
  const session = '#!/bin/sh\nenv >"$HOME/session"\nexec tigervncconfig -nowin\n';
  writeFileSync(join(settings, 'xstartup'), session, { mode: 0o755 });
  return { HOME: folder, PATH: process.env.PATH };
}
