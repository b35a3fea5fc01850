// What the tests compile for: the machine as it is, and the platforms of the other editions of the
// shim. A suite that runs once more for one of these finds its name in WSWRAP_TEST_TARGET.
import { ensureBuilt, partOf } from '../../src/launcher/built.js';
import { type Edition, editionsBeside } from '../../src/launcher/editions.js';
import { platformOf } from '../../src/launcher/platform.js';
import { shimPath } from '../../src/paths.js';
import { type Program, requires } from './programs.js';

const cc = process.env['CC'] ?? 'cc';
const cxx = process.env['CXX'] ?? 'g++';

export interface Target {
  name: string;
  /** The edition of the shim that its programs take. */
  edition: string;
  /** The compiler of C, and what it always gets. */
  c: readonly string[];
  /** What it takes to compile for it, beyond what every machine has. */
  needs: readonly Program[];
}

export const native: Target = { name: 'native', edition: 'Release', c: [cc], needs: [] };

export const musl: Target = {
  name: 'musl',
  edition: 'musl',
  c: ['musl-gcc'],
  needs: ['musl-gcc'],
};

export const i386: Target = {
  name: 'i386',
  edition: 'i386',
  c: [cc, '-m32'],
  needs: ['/usr/include/asm'],
};

/** 32-bit programs as they are built nowadays: with offsets and times of 64 bits. */
export const wide: Target = {
  ...i386,
  name: 'i386-wide',
  c: [...i386.c, '-D_FILE_OFFSET_BITS=64', '-D_TIME_BITS=64'],
};

const targets = [native, musl, i386, wide];

/** The one that this process tests. */
export const current: Target =
  targets.find(({ name }) => name === process.env['WSWRAP_TEST_TARGET']) ?? native;

export const isNative = current === native;

/** For a test's `skip` option: false if this machine can compile for the target. */
export function cannotTarget(target: Target): string | false {
  return requires(...target.needs);
}

function editionOf(target: Target): Edition {
  const edition = editionsBeside(platformOf(shimPath)).find(({ name }) => name === target.edition);
  if (edition === undefined) throw new Error(`no edition of the shim for ${target.name}`);
  return edition;
}

/** The path of the shim for a target, built as the launcher builds it. */
export async function shimFor(target: Target): Promise<string> {
  const edition = editionOf(target);
  await ensureBuilt(partOf(edition));
  return edition.path;
}

/** The compiler of C++, and what it always gets: that of the shim. */
export function cxxFor(target: Target): readonly string[] {
  if (target === native) return [cxx];
  const { compiler } = editionOf(target);
  return compiler === undefined ? [cxx] : [...compiler.program.split(' '), ...compiler.flags()];
}
