// Where the package keeps its things, found from where this file was compiled to.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's root: this file is dist/src/paths.js in it. */
export const packageRoot = resolve(fileURLToPath(import.meta.url), '../../..');

/** The Node addon that the launcher loads. */
export const addonPath = join(packageRoot, 'build/Release/wswrap.node');

/** The library that is injected into the server. */
export const shimPath = join(packageRoot, 'build/Release/wswrap-shim.so');
