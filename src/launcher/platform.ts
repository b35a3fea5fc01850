// What a program and its shim must have in common: word size, machine and C library.
import { LaunchError } from '../errors.js';
import { machineName, readElf, readLibrary } from './elf.js';
import { ElfError } from './elf-file.js';

export interface Platform {
  class: 32 | 64;
  /** e_machine (elf(5)). */
  machine: number;
  libc: Libc;
}

export type Libc = 'glibc' | 'musl' | 'another C library';

/** The platform of a built shim, read from its file. Throws a LaunchError if that is damaged. */
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

/** The C library whose dynamic loader this is. */
export function libcOf(interpreter: string): Libc {
  if (/\/ld-musl-/.test(interpreter)) return 'musl';
  if (/\/(?:ld-linux|ld64|ld)[^/]*\.so\.[12]$/.test(interpreter)) return 'glibc';
  return 'another C library';
}

export function isSamePlatform(a: Platform, b: Platform): boolean {
  return a.class === b.class && a.machine === b.machine && a.libc === b.libc;
}

/** In words: `64-bit x86-64, glibc`. */
export function describePlatform({ class: bits, machine, libc }: Platform): string {
  return `${bits}-bit ${machineName(machine)}, ${libc}`;
}
