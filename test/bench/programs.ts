// The programs that the benchmark compares with or measures by, and the Debian package that brings
// each. A list of its own, because the tests are to install none of them for its sake.
import { install as installPackages } from '../support/install.js';
import { lacks, locate } from '../support/locate.js';

const packageOf = {
  strace: 'strace',
  valgrind: 'valgrind',
  websockify: 'websockify',
  '/usr/sbin/haproxy': 'haproxy',
  '/usr/sbin/nginx': 'nginx',
  'redis-server': 'redis-server',
  socat: 'socat',
} as const;

export type Program = keyof typeof packageOf;

/** All of them. */
export const programs = Object.keys(packageOf) as Program[];

/**
 * Installs those that this machine does not have. Where it cannot, it says so on the terminal and
 * returns: what needs them is skipped. Throws when it is interrupted.
 */
export async function install(names: readonly Program[] = programs): Promise<void> {
  const wanted = names.map((name) => [name, packageOf[name]] as const);
  await installPackages(Object.fromEntries(wanted), 'measurements');
}

/** The path of a program; undefined if this machine does not have it. */
export function find(name: Program): string | undefined {
  return locate(name);
}

/** False when every one of them is there, else the reason for Settings.skip(). */
export function requires(...names: Program[]): string | false {
  return lacks(packageOf, names);
}
