// The server's environment: ours, plus the shim and its settings.
//
// The shim reads these variables in native/shim/config.cc; the two lists belong together.
import { resolve } from 'node:path';

import { LaunchError } from '../errors.js';

export type LogLevel = 'quiet' | 'info' | 'debug' | 'trace';

export interface Settings {
  ports: readonly number[];
  origins?: readonly string[];
  hosts?: readonly string[];
  path?: string;
  subprotocol?: string;
  /** Send text frames instead of binary ones. */
  text?: boolean;
  /** Seconds. */
  handshakeTimeout?: number;
  maxPending?: number;
  maxConnections?: number;
  /** Seconds between pings. */
  heartbeat?: number;
  /** Admit clients that say nothing for so many milliseconds, or something that is not HTTP. */
  allowRaw?: number;
  logFile?: string;
  logLevel?: LogLevel;
}

/** The environment of a server whose ports are to speak WebSocket; see injectedEnvironment(). */
export function serverEnvironment(
  inherited: readonly string[],
  shim: string,
  settings: Settings,
  needed?: readonly string[],
): string[] {
  return injectedEnvironment(inherited, shim, variables(settings), needed);
}

/** Variables for the shim, by their names. */
export type Variables = Readonly<Record<`WSWRAP_${string}`, string | undefined>>;

/**
 * The environment for execve(2). `inherited` are NAME=VALUE lines as byte strings, and so is what is
 * returned; `needed` are the libraries that the program is linked with. Throws a LaunchError if the
 * shim's path cannot be preloaded.
 */
export function injectedEnvironment(
  inherited: readonly string[],
  shim: string,
  values: Variables,
  needed: readonly string[] = [],
): string[] {
  const preloaded = 'LD_PRELOAD=';
  const existing = inherited.find((line) => line.startsWith(preloaded))?.slice(preloaded.length);
  const entries = preload(byteString(shim), existing?.split(separators) ?? [], needed);
  const ours = [`${preloaded}${entries.join(':')}`, ...linesOf(values)];
  const others = inherited.filter((line) => !/^(?:WSWRAP_|LD_PRELOAD=)/.test(line));
  return [...others, ...ours];
}

function byteString(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

// Between the paths in LD_PRELOAD: what isspace(3) takes for a space, byte by byte. (\s would also
// match 0xA0, which is the end of many a letter in UTF-8.)
const separators = /[ \t-\r:]+/;

// Ours goes first, so that it stands between the server and everybody else. Only the library of
// AddressSanitizer goes before it: where that is not the very first, it ends the program.
function preload(shim: string, existing: readonly string[], needed: readonly string[]): string[] {
  // The loader splits at these, expands the last, and knows no quoting (ld.so(8)).
  if (separators.test(shim) || shim.includes('$')) {
    throw new LaunchError(
      'PATH_NOT_PRELOADABLE',
      `${shim}: the dynamic loader cannot preload from a path with a space, ':' or '$'`,
      'move wswrap to a folder without these characters in its path',
    );
  }
  const others = existing.filter((entry) => entry !== '' && entry !== shim);
  const sanitizer = [...others, ...needed].find((entry) =>
    /(?:^|\/)lib(?:clang_rt\.)?asan[.-]/.test(entry),
  );
  const first = sanitizer === undefined ? [] : [sanitizer];
  return [...first, shim, ...others.filter((entry) => entry !== sanitizer)];
}

function variables(settings: Settings): Variables {
  return {
    WSWRAP_PORT: settings.ports.join(','),
    WSWRAP_ORIGIN: settings.origins?.join(','),
    WSWRAP_HOST: settings.hosts?.join(','),
    WSWRAP_PATH: settings.path,
    WSWRAP_SUBPROTOCOL: settings.subprotocol,
    WSWRAP_TEXT: settings.text ? '1' : undefined,
    WSWRAP_HANDSHAKE_TIMEOUT: settings.handshakeTimeout?.toString(),
    WSWRAP_MAX_PENDING: settings.maxPending?.toString(),
    WSWRAP_MAX_CONNECTIONS: settings.maxConnections?.toString(),
    WSWRAP_HEARTBEAT: settings.heartbeat?.toString(),
    WSWRAP_ALLOW_RAW: settings.allowRaw?.toString(),
    // The server may change its working folder before it opens its first connection.
    WSWRAP_LOG_FILE: settings.logFile === undefined ? undefined : resolve(settings.logFile),
    WSWRAP_LOG_LEVEL: settings.logLevel,
  };
}

function linesOf(values: Variables): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [byteString(`${name}=${value}`)],
  );
}
