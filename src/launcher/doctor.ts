// `wswrap doctor`: what there is on this system, what is wrong with it, and what to do about it.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { machine as kernelMachine, release } from 'node:os';

import { LaunchError } from '../errors.js';
import { loadAddon } from '../native.js';
import { buildFolder, packageRoot, shimPath } from '../paths.js';
import { assertTools, commandFor } from './build.js';
import { isBuilt, nativePart, partOf } from './built.js';
import { resolveCommand } from './command.js';
import { editionsBeside } from './editions.js';
import { readElf, readLibrary } from './elf.js';
import { serverEnvironment } from './environment.js';
import { readEnvironment } from './inheritance.js';
import { describePlatform, libcOf, platformOf } from './platform.js';
import { toolchain } from './toolchain.js';
import { chooseEdition } from './verdict.js';

interface Finding {
  subject: string;
  text: string;
  /** What to do about it; a finding with an advice is a problem. */
  advice?: string;
}

/** Prints what it found. Returns the exit status: 0 when all is well, 1 when something is not. */
export async function doctor(commandLine: readonly string[]): Promise<number> {
  const findings = [kernel(), libraryOfNode(), node(), tools(), compiled()];
  if (existsSync(shimPath)) findings.push(...shims(), attempt('injection', injection));
  if (commandLine.length > 0) findings.push(attempt('COMMAND', () => verdict(commandLine)));
  for (const { subject, text, advice } of findings) {
    console.log(`${advice === undefined ? '  ok ' : '  !! '} ${subject.padEnd(12)} ${text}`);
    if (advice !== undefined) console.log(`${' '.repeat(18)} → ${advice}`);
  }
  return findings.some(({ advice }) => advice !== undefined) ? 1 : 0;
}

// A connection is known by its socket's SO_COOKIE, which came with this version.
const oldestKernel = [4, 12] as const;

function kernel(): Finding {
  const finding = { subject: 'kernel', text: `Linux ${release()} on ${kernelMachine()}` };
  const [major = 0, minor = 0] = release()
    .split('.')
    .map((part) => Number.parseInt(part, 10));
  const [oldestMajor, oldestMinor] = oldestKernel;
  const old = major < oldestMajor || (major === oldestMajor && minor < oldestMinor);
  return old
    ? { ...finding, advice: `Linux ${oldestKernel.join('.')} or newer is needed` }
    : finding;
}

function libraryOfNode(): Finding {
  const { interpreter = '' } = readElf(process.execPath);
  const name = libcOf(interpreter);
  const { header } = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return { subject: 'C library', text: `${name} ${header.glibcVersionRuntime ?? ''}`.trimEnd() };
}

function node(): Finding {
  return { subject: 'Node', text: `${process.versions.node} (${process.execPath})` };
}

function tools(): Finding {
  const all = toolchain();
  const missing = all.filter((tool) => tool.path === undefined).map((tool) => tool.name);
  const text = all.map(({ name, path }) => (path ? version(path) : `no ${name}`)).join(', ');
  // Once everything is built they are not needed.
  return missing.length === 0 || isBuilt(nativePart)
    ? { subject: 'toolchain', text }
    : { subject: 'toolchain', text, advice: 'on Debian: apt-get install g++ make python3' };
}

function version(program: string): string {
  const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
  return stdout?.split('\n')[0] || program;
}

function compiled(): Finding {
  const subject = 'native part';
  if (isBuilt(nativePart)) return { subject, text: 'built, and newer than its sources' };
  const text = existsSync(shimPath) ? 'older than its sources' : 'not built';
  const advice = `run '${commandFor(nativePart)}' in ${packageRoot} (the next start would do it, too)`;
  return { subject, text, advice };
}

function shims(): Finding[] {
  const native = attempt('shim', functions);
  return native.advice === undefined ? [native, others()] : [native];
}

function functions(): Finding {
  const platform = describePlatform(platformOf(shimPath));
  const { length } = readLibrary(shimPath).functions;
  return { subject: 'shim', text: `replaces ${length} functions (${platform})` };
}

// They are built when a program asks for them: one that is not there is no problem.
function others(): Finding {
  const [, ...editions] = editionsBeside(platformOf(shimPath));
  const states = editions.map((edition) => {
    const built = existsSync(edition.path) ? 'older than its sources' : 'built when needed';
    return `${describePlatform(edition.platform)}: ${isBuilt(partOf(edition)) ? 'built' : built}`;
  });
  return { subject: 'other shims', text: states.join('; ') || 'none on this system' };
}

// Not whether it should work, but whether it does: the memory map of a process started with it.
function injection(): Finding {
  const lines = serverEnvironment(readEnvironment(), shimPath, { ports: [65535] });
  const environment = Object.fromEntries(
    lines.map((line) => {
      const [name = '', ...value] = Buffer.from(line, 'latin1').toString('utf8').split('=');
      return [name, value.join('=')];
    }),
  );
  const script = "process.stdout.write(require('fs').readFileSync('/proc/self/maps'))";
  const child = spawnSync(process.execPath, ['-e', script], {
    encoding: 'utf8',
    env: environment,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (child.status === 0 && child.stdout.includes(shimPath)) {
    return { subject: 'injection', text: 'works: a program started with the shim has it loaded' };
  }
  const complaint = child.stderr.split('\n').find((line) => line !== '') ?? 'no reason was given';
  return {
    subject: 'injection',
    text: `fails: ${complaint}`,
    advice: `remove ${buildFolder} and run 'npm run build' in ${packageRoot}`,
  };
}

function verdict(commandLine: readonly string[]): Finding {
  const { path, programs } = resolveCommand(commandLine, process.env['PATH']);
  const { getxattr } = loadAddon();
  const edition = chooseEdition(programs, editionsBeside(platformOf(shimPath)), getxattr);
  const chain = [path, ...programs.filter((program) => program !== path)].join(' → ');
  const part = partOf(edition);
  if (isBuilt(part)) return { subject: 'COMMAND', text: `${chain}: can be wrapped` };
  assertTools(part);
  return { subject: 'COMMAND', text: `${chain}: can be wrapped, once ${part.name} is built` };
}

// What the launcher would refuse to do is a finding here.
function attempt(subject: string, look: () => Finding): Finding {
  try {
    return look();
  } catch (error) {
    if (!(error instanceof LaunchError)) throw error;
    return { subject, text: error.message, advice: error.hint ?? 'correct that and try again' };
  }
}
