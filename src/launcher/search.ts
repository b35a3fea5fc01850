// Finding a program as execvp(3) does.
import { accessSync, constants, statSync } from 'node:fs';
import { join } from 'node:path';

import { errnoOf, exitStatus, LaunchError } from '../errors.js';

// What the C library uses when PATH is not set (_CS_PATH).
const defaultPath = '/bin:/usr/bin';

/**
 * Returns the path of the program that `name` stands for. Throws a LaunchError with exit status 127
 * when there is none, 126 when there is one that may not be executed.
 */
export function findProgram(name: string, searchPath: string = defaultPath): string {
  if (name.includes('/')) {
    const obstacle = obstacleTo(name);
    if (obstacle === undefined) return name;
    throw obstacle === 'ENOENT' || obstacle === 'ENOTDIR'
      ? notFound(name, 'no such file')
      : notExecutable(name, obstacle);
  }
  let refused: LaunchError | undefined;
  for (const folder of name === '' ? [] : searchPath.split(':')) {
    const candidate = join(folder === '' ? '.' : folder, name);
    const path = candidate.includes('/') ? candidate : `./${candidate}`;
    const obstacle = obstacleTo(path);
    if (obstacle === undefined) return path;
    if (obstacle === 'EACCES' || obstacle === 'EISDIR') refused ??= notExecutable(path, obstacle);
  }
  throw refused ?? notFound(name, 'not found on the PATH');
}

// The errno name of what keeps a file from being executed.
function obstacleTo(path: string): string | undefined {
  try {
    if (statSync(path).isDirectory()) return 'EISDIR';
    accessSync(path, constants.X_OK);
    return undefined;
  } catch (error) {
    return errnoOf(error) ?? 'EACCES';
  }
}

function notFound(name: string, why: string): LaunchError {
  return new LaunchError(
    'COMMAND_NOT_FOUND',
    `${name === '' ? "''" : name}: ${why}`,
    'check its name, or install it',
    exitStatus.notFound,
  );
}

function notExecutable(path: string, errno: string): LaunchError {
  const why =
    errno === 'EISDIR'
      ? 'is a directory'
      : errno === 'EACCES'
        ? 'permission denied'
        : `cannot be executed (${errno})`;
  return new LaunchError(
    'COMMAND_NOT_EXECUTABLE',
    `${path}: ${why}`,
    errno === 'EACCES' ? `if it is a program: chmod +x ${path}` : undefined,
    exitStatus.notExecutable,
  );
}
