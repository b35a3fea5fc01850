// Installs the Debian packages of programs that this machine does not have.
//
// It never fails the run: where it cannot install (not root, no apt, no network) it says what is
// missing, and whatever needs those programs is skipped with that reason. When nothing is missing it
// costs one look along PATH.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { missing, type Packages, packagesOf } from './locate.js';

const aptGet = '/usr/bin/apt-get';
/** How long another package manager may hold the locks before we give up, in milliseconds. */
const patience = 300_000;

let interrupted = false;

/**
 * Installs the packages of those programs that this machine does not have. `purpose`, for people, is
 * what uses them: `tests`. Never throws for want of a program, but says what is missing; throws when
 * it is interrupted.
 */
export async function install(wanted: Packages, purpose: string): Promise<void> {
  const names = Object.keys(wanted);
  const absent = missing(names);
  if (absent.length === 0) return;
  const packages = packagesOf(wanted, absent);

  const obstacle = whyNotInstall();
  if (obstacle !== undefined) {
    report(`${obstacle}: ${purpose} that need ${absent.join(', ')} will be skipped.`);
    report(`to run them too, as root: apt-get install ${packages.join(' ')}`);
    return;
  }

  report(`installing what the ${purpose} use: ${packages.join(' ')}`);
  await withoutServices(() => aptInstall(packages));

  const still = missing(names);
  if (still.length === 0) report(`everything that the ${purpose} use is installed.`);
  else report(`could not install: ${purpose} that need ${still.join(', ')} will be skipped.`);
}

function whyNotInstall(): string | undefined {
  if (process.getuid?.() !== 0) return 'cannot install packages when not root';
  if (!existsSync(aptGet)) return 'cannot install packages without apt-get';
  return undefined;
}

async function aptInstall(packages: readonly string[]): Promise<void> {
  const command = ['install', '--yes', '--no-install-recommends', ...packages];
  if (await apt(command)) return;
  // No package lists yet, or lists older than the archive.
  report('refreshing the package lists, then trying once more');
  if (await apt(['update'])) await apt(command);
}

/**
 * Runs apt-get with its output on the terminal; whether it succeeded. By option apt waits for
 * dpkg's lock, but never for the lock on the package lists, hence the retries.
 */
async function apt(args: readonly string[]): Promise<boolean> {
  const options = ['-q', '-o', `DPkg::Lock::Timeout=${patience / 1000}`];
  options.push('-o', 'Acquire::http::Timeout=20', '-o', 'Dpkg::Use-Pty=0');
  const deadline = Date.now() + patience;
  for (;;) {
    const { succeeded, locked } = await run(aptGet, [...options, ...args]);
    if (interrupted) throw new Error('interrupted while installing packages');
    if (succeeded || !locked || Date.now() > deadline) return succeeded;
    report('another package manager is at work; waiting for it');
    await delay(3000);
  }
}

interface Outcome {
  succeeded: boolean;
  locked: boolean;
}

function run(file: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' };
    const child = spawn(file, args, { env, stdio: ['ignore', 'inherit', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
      process.stderr.write(chunk);
    });
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ succeeded: status === 0, locked: /^E: Could not get lock/m.test(errors) });
    });
  });
}

/**
 * Debian starts a daemon when its package is installed (redis-server's does so) unless
 * policy-rc.d(8) forbids it. A policy that is already there is the administrator's, and stays.
 */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  const policy = '/usr/sbin/policy-rc.d';
  const ours = '#!/bin/sh\n# Keeps daemons down while wswrap installs packages.\nexit 101\n';
  // Ctrl-C reaches apt-get too: its end, not ours, decides when the policy may go.
  process.once('SIGINT', () => {
    interrupted = true;
  });
  try {
    if (!existsSync(policy)) writeFileSync(policy, ours, { mode: 0o755 });
    await work();
  } finally {
    if (existsSync(policy) && readFileSync(policy, 'utf8') === ours) rmSync(policy);
  }
}

function report(line: string): void {
  console.log(`packages: ${line}`);
}
