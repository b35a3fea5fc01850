// Where a machine has a program, and what to say when it has not.
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

// Where Debian puts what is not looked for along PATH.
const multiarch = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' }[process.arch as string];
const libraryFolders = [`/usr/lib/${multiarch}`, '/usr/lib'];
const moduleFolders = ['/usr/lib/python3/dist-packages'];
const programFolders = versionsOf('/usr/lib/postgresql').map((version) => join(version, 'bin'));

/**
 * Where this machine has it: programs are searched the way execvp(3) does, then where Debian puts
 * those that it keeps from PATH; shared libraries and Python's modules where Debian puts them.
 */
export function locate(name: string): string | undefined {
  if (isAbsolute(name)) return isExecutable(name) ? name : undefined;
  const at = (folder: string) => join(folder, name);
  if (name.endsWith('.py')) return moduleFolders.map(at).find(existsSync);
  if (name.includes('.so.')) return libraryFolders.map(at).find(existsSync);
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...folders, ...programFolders].map(at).find(isExecutable);
}

/** Programs, libraries and modules by name, each with the Debian package that brings it. */
export type Packages = Readonly<Record<string, string>>;

/** The names of those that this machine does not have. */
export function missing(names: readonly string[]): string[] {
  return names.filter((name) => locate(name) === undefined);
}

/** The Debian packages that bring these programs, each named once. */
export function packagesOf(packages: Packages, names: readonly string[]): string[] {
  return [...new Set(names.flatMap((name) => packages[name] ?? []))];
}

/** False when every one of them is there, else what is missing and where it comes from. */
export function lacks(packages: Packages, names: readonly string[]): string | false {
  const absent = missing(names);
  if (absent.length === 0) return false;
  return `needs ${absent.join(', ')} (Debian: apt-get install ${packagesOf(packages, absent).join(' ')})`;
}

/** A folder with one folder for each version of a program, the newest first. */
function versionsOf(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const versions = readdirSync(folder).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(folder, version));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
