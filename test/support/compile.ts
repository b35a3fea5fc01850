// Compiles a C or C++ test program with the system's compiler.
//
// The result is kept in build/test and made anew only when one of its sources, a header that they
// include, or the command line changed. Several test files may ask for the same program at once:
// each compiles in a room of its own, and the last rename wins.
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { current, cxxFor, native, type Target } from './targets.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const folder = join(root, 'build', 'test');

export interface Program {
  /** The name of the executable. */
  name: string;
  /** Paths from the root of the repository; `.c` files alone are compiled as C. */
  sources: readonly string[];
  /** What to add to the command line, libraries included. */
  flags?: readonly string[];
  /** Object files that were compiled before. */
  objects?: readonly string[];
  /** What to compile for; else for what this process tests. */
  target?: Target;
}

/** Returns the path of the executable. Throws with the compiler's output when it does not build. */
export function compile({
  name,
  sources,
  flags = [],
  objects = [],
  target = current,
}: Program): string {
  const program = join(folder, target === native ? '' : target.name, name);
  const isC = sources.every((source) => extname(source) === '.c');
  const [compiler = '', ...given] = isC ? target.c : cxxFor(target);
  const standard = isC ? '-std=gnu17' : '-std=c++20';
  const warnings = ['-Wall', '-Wextra', '-Werror'];
  const options = [...given, standard, ...warnings, '-g', `-I${join(root, 'native')}`];
  const command = [compiler, ...options, ...sources.map((source) => join(root, source)), ...flags];
  if (isCurrent(program, command)) return program;

  const room = `${program}.${process.pid}`;
  mkdirSync(room, { recursive: true });
  try {
    const compiled = sources.map((source, index) => {
      const object = join(room, `${index}.o`);
      const only = ['-c', '-MMD', '-MF', `${object}.d`, '-o', object, join(root, source)];
      run(compiler, [...options, ...flags, ...only]);
      return object;
    });
    run(compiler, [...options, '-o', join(room, 'program'), ...compiled, ...objects, ...flags]);
    const inputs = compiled.flatMap((object) => prerequisites(readFileSync(`${object}.d`, 'utf8')));
    const recipe: Recipe = { command, inputs: [...new Set([...inputs, ...objects])] };
    writeFileSync(join(room, 'recipe'), JSON.stringify(recipe));
    renameSync(join(room, 'program'), program);
    renameSync(join(room, 'recipe'), `${program}.json`);
  } finally {
    rmSync(room, { recursive: true });
  }
  return program;
}

// What an executable was made from; kept beside it.
interface Recipe {
  command: string[];
  inputs: string[];
}

function isCurrent(program: string, command: readonly string[]): boolean {
  if (!existsSync(program) || !existsSync(`${program}.json`)) return false;
  const recipe = JSON.parse(readFileSync(`${program}.json`, 'utf8')) as Recipe;
  const made = statSync(program).mtimeMs;
  return (
    recipe.command.join('\0') === command.join('\0') &&
    recipe.inputs.every((input) => existsSync(input) && statSync(input).mtimeMs < made)
  );
}

// The files named after the colon of a make rule. Their names hold no blanks unless escaped.
function prerequisites(rule: string): string[] {
  const list = rule.slice(rule.indexOf(': ') + 2).replaceAll('\\\n', ' ');
  return list
    .split(/(?<!\\)\s+/)
    .filter((file) => file !== '')
    .map((file) => file.replaceAll('\\ ', ' '));
}

function run(compiler: string, args: readonly string[]): void {
  try {
    execFileSync(compiler, args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : '';
    throw new Error(`${compiler} ${args.join(' ')} failed\n${output}`, { cause: error });
  }
}
