// Scripts name the program that runs them; so does env(1) on its command line.
import { basename } from 'node:path';

// The kernel looks at this much of a script's first line (BINPRM_BUF_SIZE).
export const headSize = 256;

export interface Interpreter {
  path: string;
  /** All that follows the path, as one argument: the kernel does not split it. */
  argument?: string;
}

/** The interpreter of a script whose first `headSize` bytes are given (execve(2)). */
export function interpreterOf(head: Buffer): Interpreter | undefined {
  if (head.subarray(0, 2).toString('latin1') !== '#!') return undefined;
  const end = head.indexOf('\n');
  const line = head
    .toString('utf8', 2, end < 0 ? head.length : end)
    .replaceAll(/^[ \t]+|[ \t]+$/g, '');
  const [, path, argument] = /^([^ \t]+)[ \t]*(.*)$/.exec(line) ?? [];
  if (path === undefined) return undefined;
  return argument === undefined || argument === '' ? { path } : { path, argument };
}

/** Whether a file could be a script without `#!`, which execvp(3) gives to /bin/sh. */
export function looksLikeText(head: Buffer): boolean {
  return !head.includes(0);
}

/** Whom env(1) starts. */
export interface EnvCommand {
  /** The program that it starts; absent when none is named, or an unknown option hides it. */
  program?: string;
  args: readonly string[];
}

/**
 * Reads the arguments of `env`, including `-S`. What it does to the environment is of no concern: the
 * shim comes back when env executes the program.
 */
export function readEnv(given: readonly string[]): EnvCommand {
  const args = [...given];
  for (let word = args.shift(); word !== undefined; word = args.shift()) {
    const split = /^(?:-[iv0]*S|--split-string=?)(.*)$/s.exec(word);
    if (split !== null) {
      args.unshift(...splitWords(split[1] || (args.shift() ?? '')));
    } else if (/^(?:-u|--unset|-C|--chdir)$/.test(word)) {
      args.shift();
    } else if (!word.startsWith('-') && !word.includes('=')) {
      return { program: word, args };
    }
  }
  return { args };
}

export function isEnv(path: string): boolean {
  return basename(path) === 'env';
}

// Enough of env's quoting to find the program's name.
function splitWords(text: string): string[] {
  return (text.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? []).map((word) =>
    word.replaceAll(/^(['"])(.*)\1$/gs, '$2'),
  );
}
