// Whether the shim can be injected into a program, and if not, why.
//
// The shim replaces functions of the C library, so the program must call these through a dynamic
// loader that honours LD_PRELOAD. Where it does not, the server would run, but unwrapped: its port
// would speak plain TCP to everyone who was told otherwise. So it is not started at all.
import { existsSync, statSync } from 'node:fs';

import { exitStatus, LaunchError } from '../errors.js';
import { type Elf, machineName, readElf, readLibrary } from './elf.js';
import { ElfError } from './elf-file.js';

const insteadHint =
  'it must be proxied rather than wrapped: put a WebSocket to TCP proxy in front of it';

/** What a program must match: how the shim was built. */
export interface Platform {
  class: 32 | 64;
  machine: number;
  libc: Libc;
}

export type Libc = 'glibc' | 'musl' | 'another C library';

/** The platform of the shim, read from its file. Throws a LaunchError if that is damaged. */
export function platformOf(shim: string): Platform {
  try {
    const { class: bits, machine } = readElf(shim);
    const { needed } = readLibrary(shim);
    return { class: bits, machine, libc: needed.includes('libc.so.6') ? 'glibc' : 'musl' };
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    throw new LaunchError(
      'SHIM_DAMAGED',
      `${shim}: damaged (${error.message})`,
      "remove the folder build/ and run 'npm run build'",
      undefined,
      { cause: error },
    );
  }
}

/** Reads extended attributes; see getxattr() of the addon. */
export type ReadAttribute = (path: string, name: string) => Buffer | undefined;

/** Throws a LaunchError when the program at `path` cannot be wrapped. */
export function assertWrappable(path: string, shim: Platform, readAttribute: ReadAttribute): void {
  const reason = reasonInFormat(path, shim) ?? reasonInPrivileges(path, readAttribute) ?? undefined;
  if (reason === undefined) return;
  throw new LaunchError(
    reason.code,
    `${path}: ${reason.why}`,
    reason.hint ?? insteadHint,
    exitStatus.notExecutable,
  );
}

interface Reason {
  code: string;
  why: string;
  hint?: string;
}

function reasonInFormat(path: string, shim: Platform): Reason | undefined {
  let elf: Elf;
  try {
    elf = readElf(path);
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    return { code: 'ELF_INVALID', why: `a damaged program (${error.message})` };
  }
  if (elf.class !== shim.class || elf.machine !== shim.machine) {
    const ours = `${shim.class}-bit ${machineName(shim.machine)}`;
    const its = `${elf.class}-bit ${machineName(elf.machine)}`;
    return { code: 'FOREIGN_MACHINE', why: `built for ${its}, the shim for ${ours}` };
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
  const libc = libcOf(elf.interpreter);
  if (libc !== shim.libc) {
    return { code: 'FOREIGN_LIBC', why: `uses ${libc}, the shim was built for ${shim.libc}` };
  }
  return undefined;
}

const goSections = new Set(['.go.buildinfo', '.note.go.buildid', '.gopclntab']);

/** The C library whose dynamic loader this is. */
export function libcOf(interpreter: string): Libc {
  if (/\/ld-musl-/.test(interpreter)) return 'musl';
  if (/\/(?:ld-linux|ld64|ld)[^/]*\.so\.[12]$/.test(interpreter)) return 'glibc';
  return 'another C library';
}

// The kernel tells the loader to ignore LD_PRELOAD (AT_SECURE, see ld.so(8)) when executing a file
// gives the process another user, another group, or capabilities.
function reasonInPrivileges(path: string, readAttribute: ReadAttribute): Reason | undefined {
  const { mode, uid, gid } = statSync(path);
  const [realUid, realGid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  const effectiveUid = (mode & S_ISUID) !== 0 ? uid : (process.geteuid?.() ?? 0);
  const changesGroup = (mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP);
  const effectiveGid = changesGroup ? gid : (process.getegid?.() ?? 0);
  if (effectiveUid !== realUid) {
    return {
      code: 'SETUID_PROGRAM',
      why: `runs as another user (setuid, uid ${effectiveUid}): the loader ignores LD_PRELOAD then`,
      hint: `run wswrap as that user; otherwise ${insteadHint}`,
    };
  }
  if (effectiveGid !== realGid) {
    return {
      code: 'SETGID_PROGRAM',
      why: `runs as another group (setgid, gid ${effectiveGid}): the loader ignores LD_PRELOAD then`,
      hint: `run wswrap as that group; otherwise ${insteadHint}`,
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
