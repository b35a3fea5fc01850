// From what the user typed to what is executed: the file, its arguments, and all programs that
// will run before the server's own code does. Each of these must take the shim along.
import { closeSync, openSync, readSync } from 'node:fs';

import { errnoOf, exitStatus, LaunchError } from '../errors.js';
import { headSize, interpreterOf, isEnv, looksLikeText, readEnv } from './script.js';
import { findProgram } from './search.js';

export interface Command {
  /** The file to execute. */
  path: string;
  argv: readonly string[];
  /** The ELF programs that it leads to, in the order in which they run. */
  programs: readonly string[];
}

// The kernel goes through this many interpreters (binfmt_script), then fails with ELOOP.
const maxDepth = 5;

/** Resolves a command line. Throws a LaunchError with the exit status that a shell would give. */
export function resolveCommand(
  [name = '', ...args]: readonly string[],
  searchPath: string | undefined,
): Command {
  const path = findProgram(name, searchPath);
  const head = readHead(path);
  if (isElf(head) || interpreterOf(head) !== undefined) {
    return { path, argv: [name, ...args], programs: programsOf(path, args, searchPath, 0) };
  }
  if (!looksLikeText(head)) throw foreign(path);
  const shell = '/bin/sh';
  return {
    path: shell,
    argv: [shell, path, ...args],
    programs: programsOf(shell, [path, ...args], searchPath, 0),
  };
}

function programsOf(
  path: string,
  args: readonly string[],
  searchPath: string | undefined,
  depth: number,
): string[] {
  if (depth > maxDepth) {
    throw new LaunchError(
      'INTERPRETER_LOOP',
      `${path}: too many interpreters, each a script itself`,
      undefined,
      exitStatus.notExecutable,
    );
  }
  const head = readHead(path);
  if (isElf(head)) {
    return isEnv(path) ? [path, ...programsOfEnv(args, searchPath, depth)] : [path];
  }
  const interpreter = interpreterOf(head);
  if (interpreter === undefined) throw foreign(path);
  const first = interpreter.argument === undefined ? [] : [interpreter.argument];
  return programsOf(
    findInterpreter(path, interpreter.path),
    [...first, path, ...args],
    searchPath,
    depth + 1,
  );
}

// env itself says so, better than we could, when its program does not exist.
function programsOfEnv(
  args: readonly string[],
  searchPath: string | undefined,
  depth: number,
): string[] {
  const command = readEnv(args);
  if (command.program === undefined) return [];
  let program: string;
  try {
    program = findProgram(command.program, searchPath);
  } catch {
    return [];
  }
  return programsOf(program, command.args, searchPath, depth + 1);
}

function findInterpreter(script: string, interpreter: string): string {
  try {
    return findProgram(interpreter.includes('/') ? interpreter : `./${interpreter}`);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new LaunchError(
      'BAD_INTERPRETER',
      `${script}: bad interpreter: ${why}`,
      'its first line names the program that runs it: correct that line or install the program',
      exitStatus.notExecutable,
      { cause: error },
    );
  }
}

function readHead(path: string): Buffer {
  const head = Buffer.alloc(headSize);
  try {
    const fd = openSync(path, 'r');
    try {
      return head.subarray(0, readSync(fd, head, 0, head.length, 0));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw new LaunchError(
      'COMMAND_UNREADABLE',
      `${path}: cannot be read (${errnoOf(error) ?? String(error)}), so nobody can tell if it can be wrapped`,
      `let this user read it: chmod +r ${path}`,
      exitStatus.notExecutable,
      { cause: error },
    );
  }
}

function isElf(head: Buffer): boolean {
  return head.subarray(0, 4).toString('latin1') === '\x7fELF';
}

function foreign(path: string): LaunchError {
  return new LaunchError(
    'FOREIGN_FORMAT',
    `${path}: neither an ELF program nor a script`,
    'name the program that runs it, for example: java -jar FILE',
    exitStatus.notExecutable,
  );
}
