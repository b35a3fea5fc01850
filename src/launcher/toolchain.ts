// The programs that building the native part takes.
import { findProgram } from './search.js';

export interface Tool {
  name: string;
  /** Where it is; absent when it is not installed. */
  path?: string;
}

/** Looks for the C++ compiler (CXX, else g++), make and Python, as node-gyp does. */
export function toolchain(): Tool[] {
  const names = [process.env['CXX'] ?? 'g++', 'make', process.env['PYTHON'] ?? 'python3'];
  return names.map((name) => {
    const path = tryFind(name);
    return path === undefined ? { name } : { name, path };
  });
}

/** The names of those that are not installed. */
export function missingTools(): string[] {
  return toolchain()
    .filter((tool) => tool.path === undefined)
    .map((tool) => tool.name);
}

function tryFind(name: string): string | undefined {
  try {
    // CXX may hold options, or a wrapper such as ccache before the compiler.
    return findProgram(name.split(' ')[0] ?? name, process.env['PATH']);
  } catch {
    return undefined;
  }
}
