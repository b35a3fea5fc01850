// Builds the native part with node-gyp: once at a time, with progress, and with the compiler's own
// words when it fails.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { errnoOf, LaunchError } from '../errors.js';
import { packageRoot } from '../paths.js';
import { buildFolder, isBuilt, stamp } from './built.js';
import { withLock } from './lock.js';
import { Progress, report } from './progress.js';
import { missingTools } from './toolchain.js';

/** Builds addon and shim, unless another process just did. Throws a LaunchError if it fails. */
export async function build(): Promise<void> {
  try {
    mkdirSync(buildFolder, { recursive: true });
    const waiting = (pid: number) => report(`wswrap: waiting for the build of process ${pid}`);
    await withLock(join(buildFolder, '.lock'), waiting, async () => {
      if (!isBuilt()) await compile();
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

async function compile(): Promise<void> {
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
  const why = existsSync(stamp) ? 'its sources changed' : 'only the first time';
  progress.line(`wswrap: building the native part (${why})`);
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
