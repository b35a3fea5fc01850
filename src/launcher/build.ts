// Builds the native part when it is missing or older than its sources.
//
// A start with everything built costs one stat per source file. The time of the last build is kept
// in a stamp, because a build that had nothing to do for one of the two products leaves it old.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { errnoOf, LaunchError } from '../errors.js';
import { addonPath, packageRoot, shimPath } from '../paths.js';
import { withLock } from './lock.js';
import { Progress, report } from './progress.js';
import { missingTools } from './toolchain.js';

const buildFolder = join(packageRoot, 'build');
const stamp = join(buildFolder, '.built');

/** Whether addon and shim exist and no source is newer. */
export function isBuilt(): boolean {
  if (!existsSync(addonPath) || !existsSync(shimPath) || !existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  return sources().every((source) => statSync(source).mtimeMs <= built);
}

/** Builds addon and shim unless they are current. Throws a LaunchError when that fails. */
export async function ensureBuilt(): Promise<void> {
  if (isBuilt()) return;
  try {
    mkdirSync(buildFolder, { recursive: true });
    const waiting = (pid: number) => report(`wswrap: waiting for the build of process ${pid}`);
    await withLock(join(buildFolder, '.lock'), waiting, async () => {
      if (!isBuilt()) await build();
    });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'EROFS' && errno !== 'EACCES' && errno !== 'EPERM') throw error;
    throw new LaunchError(
      'BUILD_READ_ONLY',
      `the native part must be built, but ${buildFolder} cannot be written (${errno})`,
      `run 'npm run build' in ${packageRoot} once, as its owner`,
      undefined,
      { cause: error },
    );
  }
}

// Also what these files include: every header lies beside the sources.
function sources(): string[] {
  const native = join(packageRoot, 'native');
  const files = readdirSync(native, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.path, entry.name));
  return [join(packageRoot, 'binding.gyp'), ...files];
}

async function build(): Promise<void> {
  const missing = missingTools();
  if (missing.length > 0) {
    throw new LaunchError(
      'TOOLS_MISSING',
      `the native part must be built, but these tools are missing: ${missing.join(', ')}`,
      'on Debian: apt-get install g++ make python3',
    );
  }
  const started = new Date();
  const progress = new Progress();
  progress.line('wswrap: building the native part (only the first time)');
  const { status, output } = await nodeGyp((line) => {
    const file = /^ {2}(?:CXX|SOLINK_MODULE|SOLINK)\(target\) (\S+)/.exec(line)?.[1];
    if (file !== undefined) progress.step(`  ${file.replace(/^Release\/(?:obj\.target\/)?/, '')}`);
  });
  if (status !== 0) {
    progress.line(output);
    throw new LaunchError(
      'BUILD_FAILED',
      'the native part could not be built; the output of node-gyp is above',
      'a C++20 compiler is needed (g++ 11 or newer); wswrap doctor shows what was found',
    );
  }
  writeFileSync(stamp, '');
  utimesSync(stamp, started, started);
  const seconds = Math.round((Date.now() - started.getTime()) / 1000);
  progress.line(`wswrap: built in ${seconds} s`);
}

interface Outcome {
  status: number | null;
  output: string;
}

function nodeGyp(onLine: (line: string) => void): Promise<Outcome> {
  const program = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const args = [program, 'configure', 'build', '--jobs', 'max', ...headerOptions()];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: packageRoot,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    let unfinished = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const lines = (unfinished + text).split('\n');
      unfinished = lines.pop() ?? '';
      lines.forEach(onLine);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
}

// Node's headers usually lie beside Node. Otherwise node-gyp downloads them.
function headerOptions(): string[] {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}
