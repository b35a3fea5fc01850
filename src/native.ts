// The typed face of the addon: the few calls of libc that Node lacks.
import { createRequire } from 'node:module';

import { errnoOf, LaunchError } from './errors.js';
import { addonPath } from './paths.js';

/** What a process was given by its parent and Node changed as it started; see execve(2). */
export interface Inheritance {
  /** Descriptors to keep open beyond standard input, output and error. */
  descriptors: readonly number[];
  /** Signals to be ignored; all others get their default action. */
  ignoredSignals: readonly number[];
  /** The soft limit on open files (RLIMIT_NOFILE); absent: as it is now. */
  openFiles?: number;
}

/** A user as the password database has it. */
export interface Account {
  name: string;
  uid: number;
  /** The primary group. */
  gid: number;
}

export interface Addon {
  /** No program that this process starts gets other descriptors than it is given (close_range(2)). */
  closeOthersOnExec(): void;
  /** Makes descriptor `to` another name of what `from` refers to (dup2(2)). Throws the errno name. */
  dup2(from: number, to: number): void;

  /**
   * Becomes another program, in this process (execve(2)); text goes as UTF-8. Returns only by throwing an Error whose
   * `code` is the errno name; signals and limits are then already changed, so that this process is
   * good for reporting the error and nothing else.
   */
  execve(
    path: string,
    argv: readonly (string | Uint8Array)[],
    environment: readonly (string | Uint8Array)[],
    inheritance: Inheritance,
  ): never;
  /**
   * Lets the C library keep up to so many bytes of freed memory (M_TRIM_THRESHOLD of mallopt(3)).
   * Does nothing with musl.
   */
  keepFreedMemory(bytes: number): void;
  /** An extended attribute of a file (getxattr(2)); undefined when it has none of that name. */
  getxattr(path: string, name: string): Buffer | undefined;
  /** The user of that name or number (getpwnam(3)); undefined when there is none. */
  getpw(user: string | number): Account | undefined;
  /** The number of the group of that name (getgrnam(3)); undefined when there is none. */
  getgrnam(name: string): number | undefined;
  /**
   * Sends a message to the system's log (syslog(3)). `priority` is facility and severity, `ident`
   * what goes before the colon. What cannot be delivered is lost without a word.
   */
  syslog(priority: number, ident: string, message: string): void;
}

/** Loads the addon, whatever part of it the caller knows. Throws a LaunchError if it cannot. */
export function loadAddon<Face = Addon>(): Face {
  try {
    return createRequire(import.meta.url)(addonPath) as Face;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw errnoOf(error) === 'MODULE_NOT_FOUND'
      ? new LaunchError('ADDON_MISSING', 'the native part is not built', "run 'npm run build'")
      : new LaunchError(
          'ADDON_UNUSABLE',
          `the native part cannot be loaded: ${reason}`,
          "it may have been built for another system: remove build/ and run 'npm run build'",
          undefined,
          { cause: error },
        );
  }
}
