// Builds what is compiled: once at a time, with progress, and with the compiler's own words when it
// fails. node-gyp builds addon and native shim. It leaves a makefile behind, and that one makes the
// other editions of the shim, from the same sources with the same options.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { basename, dirname, join } from 'node:path';

import { errnoOf, LaunchError } from '../errors.js';
import { buildFolder, packageRoot } from '../paths.js';
import { isBuilt, type Part } from './built.js';
import type { Compiler } from './editions.js';
import { withLock } from './lock.js';
import { Progress, report } from './progress.js';
import { missingTools } from './toolchain.js';

/** Builds a part, unless another process just did. Throws a LaunchError if it fails. */
export async function build(part: Part): Promise<void> {
  try {
    mkdirSync(buildFolder, { recursive: true });
    const waiting = (pid: number) => report(`wswrap: waiting for the build of process ${pid}`);
    await withLock(join(buildFolder, '.lock'), waiting, async () => {
      if (!isBuilt(part)) await compile(part);
    });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno !== 'EROFS' && errno !== 'EACCES' && errno !== 'EPERM') throw error;
    throw new LaunchError(
      'BUILD_READ_ONLY',
      `${part.name} must be built, but ${buildFolder} cannot be written (${errno})`,
      `run '${commandFor(part)}' in ${packageRoot} once, as its owner`,
      undefined,
      { cause: error },
    );
  }
}

/** The command that builds a part by hand, in the package's folder. */
export function commandFor(part: Part): string {
  const native = 'npm run build';
  return part.compiler === undefined ? native : `${native}:native -- ${folderOf(part)}`;
}

// The name of an edition's folder is the name of the edition.
function folderOf({ stamp }: Part): string {
  return basename(dirname(stamp));
}

async function compile(part: Part): Promise<void> {
  const { compiler, name, stamp } = part;
  assertTools(part);
  const started = new Date();
  const progress = new Progress();
  const why = existsSync(stamp) ? 'its sources changed' : 'only the first time';
  progress.line(`wswrap: building ${name} (${why})`);
  const steps =
    compiler === undefined
      ? [nodeGyp('configure', 'build', '--jobs', 'max')]
      : [nodeGyp('configure'), make(folderOf(part), compiler)];
  for (const step of steps) {
    const { status, output } = await run(step, (line) => {
      const file = /^ {2}(?:CXX|SOLINK_MODULE|SOLINK)\(target\) (\S+)/.exec(line)?.[1];
      if (file !== undefined) progress.step(`  ${file.replace(/^\w+\/(?:obj\.target\/)?/, '')}`);
    });
    if (status === 0) continue;
    progress.line(output);
    throw new LaunchError(
      'BUILD_FAILED',
      `${name} could not be built; the output of ${step.name} is above`,
      'a C++20 compiler is needed (g++ 11 or newer); wswrap doctor shows what was found',
    );
  }
  writeFileSync(stamp, '');
  utimesSync(stamp, started, started);
  const seconds = Math.round((Date.now() - started.getTime()) / 1000);
  progress.line(`wswrap: built in ${seconds} s`);
}

/** Throws a LaunchError when something is missing that building the part takes. */
export function assertTools({ name, compiler }: Part): void {
  const missing = missingTools();
  if (missing.length > 0) {
    throw new LaunchError(
      'TOOLS_MISSING',
      `${name} must be built, but these tools are missing: ${missing.join(', ')}`,
      'on Debian: apt-get install g++ make python3',
    );
  }
  if (compiler !== undefined && !canCompile(compiler)) {
    throw new LaunchError(
      'COMPILER_MISSING',
      `${name} must be built, but ${compiler.program} cannot compile C++ here`,
      `on Debian: apt-get install ${compiler.debianPackage}`,
    );
  }
}

// A program, however well it is installed, may lack the libraries of another platform.
function canCompile({ program, flags }: Compiler): boolean {
  const [file = '', ...words] = [...program.split(' '), ...flags()];
  const args = [...words, '-std=c++20', '-fsyntax-only', '-x', 'c++', '-'];
  return spawnSync(file, args, { input: '#include <atomic>\n' }).status === 0;
}

interface Step {
  name: string;
  file: string;
  args: readonly string[];
}

function nodeGyp(...commands: string[]): Step {
  const program = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  const args = [program, ...commands, ...headerOptions()];
  return { name: 'node-gyp', file: process.execPath, args };
}

// Node's headers usually lie beside Node. Otherwise node-gyp downloads them.
function headerOptions(): string[] {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

// The flags come after node-gyp's, and so win over its -m64.
function make(folder: string, { program, flags }: Compiler): Step {
  const variables = {
    BUILDTYPE: 'Release',
    builddir: folder,
    CXX: program,
    CXXFLAGS: flags().join(' '),
    LDFLAGS: flags().join(' '),
  };
  const args = [
    `--directory=${buildFolder}`,
    `--jobs=${availableParallelism()}`,
    ...Object.entries(variables).map(([name, value]) => `${name}=${value}`),
    'shim',
  ];
  return { name: 'make', file: 'make', args };
}

interface Outcome {
  status: number | null;
  output: string;
}

function run({ file, args }: Step, onLine: (line: string) => void): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: packageRoot, stdio: ['ignore', 'pipe', 'pipe'] });
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
