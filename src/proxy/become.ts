// The child that becomes the wrapped command. Node cannot start a program with all that a program
// may expect of its parent: it has raised the limit on open files (servers make tables of that size,
// or close so many descriptors one by one), stopped ignoring signals, and takes an environment for
// UTF-8. So this process is started instead, undoes that, and executes the command in its own place.
import { readFileSync } from 'node:fs';

import { runCli } from '../cli/run.js';
import { errnoOf, exitStatus, LaunchError } from '../errors.js';
import { readInheritance } from '../launcher/inheritance.js';
import { loadAddon } from '../native.js';
import type { Future } from './future.js';

function become({ path, argv, environment }: Future): never {
  const lines = environment.map((line) => Buffer.from(line, 'latin1'));
  const { execve } = loadAddon();
  // What this process has open beyond the standard streams is Node's.
  const inheritance = { ...readInheritance(process.env), descriptors: [] };
  return execve(path, argv, lines, inheritance);
}

// It is told as JSON on descriptor 3.
await runCli(async () => {
  const future = JSON.parse(readFileSync(3, 'utf8')) as Future;
  try {
    become(future);
  } catch (error) {
    const why = errnoOf(error) ?? String(error);
    const message = `${future.path}: ${why}`;
    throw new LaunchError('EXECVE_FAILED', message, undefined, exitStatus.notExecutable);
  }
}, 'wsproxy');
