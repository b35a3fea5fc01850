// Starts programs as a user would, and tells how they ended.
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { packageRoot } from '../../src/paths.js';
import { within } from '../support/deadline.js';

export const wswrap = join(packageRoot, 'bin/wswrap');

/** A port that nothing in these tests listens on: what is started here is no server. */
export const port = '5999';

export interface Result {
  pid: number;
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  input?: string;
  /** Descriptors of this process for the program's 3, 4, ... */
  descriptors?: readonly number[];
  uid?: number;
  gid?: number;
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  { env, cwd, input = '', descriptors = [], uid, gid }: RunOptions = {},
): Promise<Result> {
  const options: SpawnOptions = {
    ...(env === undefined ? {} : { env }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
    stdio: ['pipe', 'pipe', 'pipe', ...descriptors],
  };
  const child = spawn(program, args, options);
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  const ended = new Promise<Result>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      resolve({ pid: child.pid ?? 0, status, signal, stdout, stderr });
    });
  });
  return within(`${program} ${args.join(' ')} to end`, ended, 180_000);
}

/** Runs `wswrap PORT command...`. */
export function wrap(command: readonly string[], options?: RunOptions): Promise<Result> {
  return run(wswrap, [port, ...command], options);
}

/** A folder that every user may enter, for the time of a test. */
export function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'wswrap-'));
  chmodSync(folder, 0o755);
  // Whoever still writes there may be slow to end.
  t.after(() => rmSync(folder, { recursive: true, maxRetries: 5 }));
  return folder;
}

/** Writes an executable file. Returns its path. */
export function script(folder: string, name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

export const isRoot = process.getuid?.() === 0;

/** How to run something as a user without privileges, and why that cannot be done here, if so. */
export const unprivileged = asNobody();

function asNobody(): { options: RunOptions; obstacle: string | false } {
  if (!isRoot) return { options: {}, obstacle: false };
  const options = { uid: 65534, gid: 65534, cwd: '/' };
  const { status } = spawnSync('test', ['-x', wswrap], options);
  return { options, obstacle: status !== 0 && 'the user nobody may not enter this folder' };
}
