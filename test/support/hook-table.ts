// The hook table (native/shim/hooks.def), as its readers need it.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { current, cxxFor } from './targets.js';

const file = fileURLToPath(new URL('../../../native/shim/hooks.def', import.meta.url));
const entry = /^HOOK(?:_VARIADIC|_OWN)?\([^,]+, *(\w+),/gm;

function names(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].flatMap(([, name]) => (name === undefined ? [] : [name]));
}

/** All names, as the compiler sees them. */
export function hookTable(): string[] {
  const [compiler = '', ...given] = cxxFor(current);
  const text = execFileSync(compiler, [...given, '-E', '-P', '-x', 'c++', file], {
    encoding: 'utf8',
  });
  return [...names(text, entry), ...names(text, /^HOOK_SAME\((\w+),/gm)];
}

export interface Family {
  name: string;
  calls: string[];
}

/** The functions by family, without other names for the same and what only glibc's headers call. */
export function families(): Family[] {
  const [text = ''] = readFileSync(file, 'utf8').split(/^\/\/ aliases$/m);
  const [, ...parts] = text.split(/^\/\/ (?=[a-z ]+$)/m);
  return parts.map((part) => ({
    name: part.slice(0, part.indexOf('\n')),
    calls: names(part, entry).filter((name) => !name.startsWith('__')),
  }));
}
