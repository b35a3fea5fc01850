// Whether what is compiled is there and current: all that a start costs once it is built, one stat
// for each source file. The time of the last build is kept in a stamp, because a build that had
// nothing to do for one of its products leaves that one old.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { addonPath, buildFolder, packageRoot, shimPath } from '../paths.js';
import type { Compiler, Edition } from './editions.js';
import { describePlatform } from './platform.js';

/** What is built in one go. */
export interface Part {
  name: string;
  products: readonly string[];
  stamp: string;
  /** How to make another edition of the shim; absent: node-gyp makes addon and native shim. */
  compiler?: Compiler;
}

export const nativePart: Part = {
  name: 'the native part',
  products: [addonPath, shimPath],
  stamp: join(buildFolder, '.built'),
};

/** The part that an edition of the shim belongs to. */
export function partOf({ platform, path, compiler }: Edition): Part {
  if (compiler === undefined) return nativePart;
  const name = `the shim for programs of ${describePlatform(platform)}`;
  return { name, products: [path], stamp: join(dirname(path), '.built'), compiler };
}

/** Whether the products exist and no source is newer than their last build. */
export function isBuilt({ products, stamp }: Part): boolean {
  if (![...products, stamp].every((file) => existsSync(file))) return false;
  const built = statSync(stamp).mtimeMs;
  return sources().every((source) => statSync(source).mtimeMs <= built);
}

/** Builds a part unless it is current. Throws a LaunchError when that fails. */
export async function ensureBuilt(part: Part): Promise<void> {
  if (isBuilt(part)) return;
  const { build } = await import('./build.js');
  await build(part);
}

// With the headers, which lie beside the sources.
function sources(): string[] {
  const native = join(packageRoot, 'native');
  const files = readdirSync(native, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return [join(packageRoot, 'binding.gyp'), ...files];
}
