// What Debian's vncserver needs: a display that nobody uses, and a home with a password and a session.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { isListening } from '../programs/command.js';
import { requires } from './programs.js';

/** The password of every desktop. */
export const password = 'secret12';

/** For a test's `skip` option. */
export function needsVncserver(): string | false {
  return requires('tigervncserver', 'tigervncpasswd', 'xauth', 'Xtigervnc');
}

/** Display 1 if nobody uses it. Otherwise the next one, and the test says so. */
export function freeDisplay(t: TestContext): number {
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
export function vncHome(folder: string): NodeJS.ProcessEnv {
  const settings = join(folder, '.vnc');
  mkdirSync(settings);
  const passwd = execFileSync('tigervncpasswd', ['-f'], { input: `${password}\n` });
  writeFileSync(join(settings, 'passwd'), passwd, { mode: 0o600 });
  // An X client that stays for as long as the X server does.
  const session = '#!/bin/sh\nenv >"$HOME/session"\nexec tigervncconfig -nowin\n';
  writeFileSync(join(settings, 'xstartup'), session, { mode: 0o755 });
  return { HOME: folder, PATH: process.env.PATH };
}
