// Where the package keeps its things, found from where this file was compiled to.
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's root: this file is dist/src/paths.js in it. */
export const packageRoot = resolve(fileURLToPath(import.meta.url), '../../..');

/** Everything that is compiled from native/. */
export const buildFolder = join(packageRoot, 'build');

/** The Node addon that the launcher loads. */
export const addonPath = join(buildFolder, 'Release/wswrap.node');

/** The library that is injected into a server that is like Node itself; see editions.ts. */
export const shimPath = join(buildFolder, 'Release/wswrap-shim.so');
