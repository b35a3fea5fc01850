// Whether the native part is there and current: all that a start costs once it is built, one stat
// for each source file. The time of the last build is kept in a stamp, because a build that had
// nothing to do for one of its two products leaves that one old.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { addonPath, packageRoot, shimPath } from '../paths.js';

export const buildFolder = join(packageRoot, 'build');
export const stamp = join(buildFolder, '.built');

/** Whether addon and shim exist and no source is newer than their last build. */
export function isBuilt(): boolean {
  if (!existsSync(addonPath) || !existsSync(shimPath) || !existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  return sources().every((source) => statSync(source).mtimeMs <= built);
}

/** Builds addon and shim unless they are current. Throws a LaunchError when that fails. */
export async function ensureBuilt(): Promise<void> {
  if (isBuilt()) return;
  const { build } = await import('./build.js');
  await build();
}

// With the headers, which lie beside the sources.
function sources(): string[] {
  const native = join(packageRoot, 'native');
  const files = readdirSync(native, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return [join(packageRoot, 'binding.gyp'), ...files];
}
