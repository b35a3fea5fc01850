// The editions of the shim: one for each kind of program that this machine may run.
//
// node-gyp builds the native one, for programs that are like Node itself. Beside glibc on x86-64 and
// arm64 there may be programs for musl, and on x86-64 programs of 32 bits: they have editions of
// their own, made by the same makefile with another compiler, when the first such program is
// started.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

import { buildFolder, packageRoot, shimPath } from '../paths.js';
import type { Platform } from './platform.js';

export interface Edition {
  /** The name of its folder in build/. */
  name: string;
  platform: Platform;
  /** The library to preload. */
  path: string;
  /** What to build it with; absent for the native one. */
  compiler?: Compiler;
}

export interface Compiler {
  /** May hold options. */
  program: string;
  /** For compiling and linking. */
  flags(): readonly string[];
  /** What brings it on Debian. */
  debianPackage: string;
}

/** The native edition, whose platform is given, and those that can be had beside it. */
export function editionsBeside(native: Platform): [Edition, ...Edition[]] {
  const first: Edition = { name: 'Release', platform: native, path: shimPath };
  if (native.class !== 64 || native.libc !== 'glibc') return [first];
  const others: Edition[] = [
    edition('musl', { ...native, libc: 'musl' }, muslCompiler),
    ...(native.machine === EM_X86_64
      ? [edition('i386', { class: 32, machine: EM_386, libc: 'glibc' }, multilibCompiler)]
      : []),
  ];
  return [first, ...others];
}

function edition(name: string, platform: Platform, compiler: Compiler): Edition {
  return { name, platform, path: join(buildFolder, name, 'wswrap-shim.so'), compiler };
}

// e_machine values.
const EM_386 = 3;
const EM_X86_64 = 62;

const gxx = process.env['CXX'] ?? 'g++';

// The flag twice, because it must come after the -m64 of node-gyp, too.
const multilibCompiler: Compiler = {
  program: `${gxx} -m32`,
  flags: () => ['-m32'],
  debianPackage: 'g++-multilib',
};

// musl-gcc is the system's gcc with the C headers and libraries of musl. It has no C++ library, and
// the shim needs none, but headers: those of g++ are told to it.
const muslCompiler: Compiler = {
  program: 'musl-gcc',
  flags: () => [
    ...['-include', join(packageRoot, 'native/shim/musl.h')],
    ...cxxHeaders().flatMap((folder) => ['-isystem', folder]),
  ],
  debianPackage: 'musl-tools',
};

// The folders of the C++ library, in the order in which g++ searches them.
function cxxHeaders(): string[] {
  const [file = '', ...words] = gxx.split(' ');
  const { stderr } = spawnSync(file, [...words, '-E', '-v', '-x', 'c++', '/dev/null'], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const list = /^#include <\.\.\.>.*\n((?: .*\n)*)/m.exec(stderr)?.[1] ?? '';
  return list
    .split('\n')
    .map((line) => line.trim())
    .filter((folder) => folder.includes('/c++'));
}
