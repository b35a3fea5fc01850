// How to start a program for which a file of /etc is another one: names resolve as a test wants.
import { spawnSync } from 'node:child_process';

import { requires } from '../support/programs.js';

/** What to put before the command. The caller needs to be root. */
export function withEtcFile(file: string, replacement: string): string[] {
  const mount = 'mount --bind "$0" "$1" && shift && exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', mount, replacement, file];
}

/** For a test's `skip` option: false if this user may do that. */
export function cannotReplaceEtc(): string | false {
  const works = () => spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'x', '/mnt']);
  return requires('unshare') || (works().status !== 0 && 'needs a mount namespace of its own');
}
