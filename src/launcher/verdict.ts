// Whether the shim can be injected into a program, and if not, why.
//
// The shim replaces functions of the C library, so the program must call these through a dynamic
// loader that honours LD_PRELOAD. Where it does not, the server would run, but unwrapped: its port
// would speak plain TCP to everyone who was told otherwise. So it is not started at all.
import { existsSync, statSync } from 'node:fs';

import { exitStatus, LaunchError } from '../errors.js';
import type { Edition } from './editions.js';
import { type Elf, readElf } from './elf.js';
import { ElfError } from './elf-file.js';
import { describePlatform, isSamePlatform, libcOf } from './platform.js';

/** What to do about a program that cannot carry the shim, in the words of the tool that is used. */
export interface Remedy {
  /** The tool's name. */
  tool: string;
  /** The other way to the same end. */
  instead: string;
}

const proxied: Remedy = {
  tool: 'wswrap',
  instead:
    'it must be proxied rather than wrapped: wsproxy PORT --target HOST:PORT -- COMMAND, with another port for the program itself',
};

/** Reads extended attributes; see getxattr() of the addon. */
export type ReadAttribute = (path: string, name: string) => Buffer | undefined;

/**
 * The edition of the shim for programs that run one after the other in one process. Throws a
 * LaunchError when one of them cannot be wrapped, with a hint from `remedy`.
 */
export function chooseEdition(
  programs: readonly string[],
  editions: readonly [Edition, ...Edition[]],
  readAttribute: ReadAttribute,
  remedy: Remedy = proxied,
): Edition {
  const [first = editions[0], ...others] = programs.map((path) =>
    editionFor(path, editions, readAttribute, remedy),
  );
  const odd = others.findIndex((edition) => edition !== first) + 1;
  if (odd === 0) return first;
  throw new LaunchError(
    'MIXED_PLATFORMS',
    `${programs[odd]}: not of the same kind as ${programs[odd - 1]}, which starts it`,
    'wrap the program itself',
    exitStatus.notExecutable,
  );
}

function editionFor(
  path: string,
  editions: readonly Edition[],
  readAttribute: ReadAttribute,
  remedy: Remedy,
): Edition {
  const verdict = judge(path, editions, readAttribute, remedy);
  if (!('why' in verdict)) return verdict;
  const { code, why, hint = remedy.instead } = verdict;
  throw new LaunchError(code, `${path}: ${why}`, hint, exitStatus.notExecutable);
}

interface Reason {
  code: string;
  why: string;
  hint?: string;
}

function judge(
  path: string,
  editions: readonly Edition[],
  readAttribute: ReadAttribute,
  remedy: Remedy,
): Edition | Reason {
  let elf: Elf;
  try {
    elf = readElf(path);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return { code: 'ELF_INVALID', why: `a damaged program (${error.message})` };
  }
  if (elf.sections.some((name) => goSections.has(name))) {
    return {
      code: 'GO_PROGRAM',
      why: 'a Go program: it makes system calls by itself, not through the C library',
    };
  }
  if (elf.interpreter === undefined) {
    return {
      code: 'STATIC_PROGRAM',
      why: 'statically linked: it has no dynamic loader that could inject the shim',
    };
  }
  if (!existsSync(elf.interpreter)) {
    return {
      code: 'LOADER_MISSING',
      why: `its dynamic loader ${elf.interpreter} does not exist`,
      hint: 'it was built for another system: install a build for this one',
    };
  }
  const platform = { class: elf.class, machine: elf.machine, libc: libcOf(elf.interpreter) };
  const edition = editions.find((candidate) => isSamePlatform(candidate.platform, platform));
  if (edition === undefined) {
    const known = editions.map((candidate) => describePlatform(candidate.platform)).join('; ');
    const why = `built for ${describePlatform(platform)}; there are shims for: ${known}`;
    return { code: 'FOREIGN_PLATFORM', why };
  }
  return reasonInPrivileges(path, readAttribute, remedy) ?? edition;
}

const goSections = new Set(['.go.buildinfo', '.note.go.buildid', '.gopclntab']);

// The kernel tells the loader to ignore LD_PRELOAD (AT_SECURE, see ld.so(8)) when executing a file
// gives the process another user, another group, or capabilities.
function reasonInPrivileges(
  path: string,
  readAttribute: ReadAttribute,
  { tool, instead }: Remedy,
): Reason | undefined {
  const { mode, uid, gid } = statSync(path);
  const [realUid, realGid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const effectiveUid = (mode & S_ISUID) !== 0 ? uid : (process.geteuid?.() ?? 0);
  const changesGroup = (mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP);
  const effectiveGid = changesGroup ? gid : (process.getegid?.() ?? 0);
  if (effectiveUid !== realUid) {
    return {
      code: 'SETUID_PROGRAM',
      why: `runs as another user (setuid, uid ${effectiveUid}): the loader ignores LD_PRELOAD then`,
      hint: `run ${tool} as that user; otherwise ${instead}`,
    };
  }
  if (effectiveGid !== realGid) {
    return {
      code: 'SETGID_PROGRAM',
      why: `runs as another group (setgid, gid ${effectiveGid}): the loader ignores LD_PRELOAD then`,
      hint: `run ${tool} as that group; otherwise ${instead}`,
    };
  }
  // To root a file's capabilities are nothing new.
  if (realUid !== 0 && readAttribute(path, 'security.capability') !== undefined) {
    return {
      code: 'FILE_CAPABILITIES',
      why: 'has file capabilities: the loader ignores LD_PRELOAD then',
      hint: 'give the capabilities to the process instead (AmbientCapabilities in systemd, capsh)',
    };
  }
  return undefined;
}

// st_mode bits (inode(7)).
const S_ISUID = 0o4000;
const S_ISGID = 0o2000;
const S_IXGRP = 0o0010;
