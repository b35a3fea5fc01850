// The ELF reader against the system's own tools, and against files that lie.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import fc from 'fast-check';

import { readElf, readLibrary, readNeeded } from '../../src/launcher/elf.js';
import { ElfError } from '../../src/launcher/elf-file.js';
import { shimPath } from '../../src/paths.js';
import { compile } from '../support/compile.js';
import { scratch } from './run.js';

const hello = compile({ name: 'hello-dynamic', sources: ['test/launcher/hello.c'] });

// readelf and nm come with the compiler.
const output = (program: string, ...args: string[]) =>
  execFileSync(program, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });

describe('an ELF file', () => {
  test('tells its loader and its sections as readelf does', () => {
    const { interpreter, sections } = readElf(hello);
    const listing = output('readelf', '--wide', '--segments', '--sections', hello);
    assert.equal(interpreter, /interpreter: (.*)\]/.exec(listing)?.[1]);
    const named = [...listing.matchAll(/^ {2}\[ *\d+\] (\.\S+)/gm)].map(([, name]) => name);
    assert.deepEqual(
      sections.filter((name) => name !== ''),
      named,
    );
  });

  test('tells what it needs and what it defines as readelf and nm do', () => {
    const { needed, functions } = readLibrary(shimPath);
    const dynamic = output('readelf', '--wide', '--dynamic', shimPath);
    const libraries = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
    assert.deepEqual(needed, libraries);
    assert.deepEqual(readNeeded(shimPath), libraries);
    const symbols = output('nm', '--dynamic', '--defined-only', '--format=posix', shimPath);
    const defined = [...symbols.matchAll(/^(\S+?)(?:@\S*)? [TtWi] /gm)].map(([, name]) => name);
    assert.deepEqual([...functions].sort(), defined.sort());
  });

  test('with any bytes changed is read or refused, never trusted', (t) => {
    const original = readFileSync(hello);
    const file = join(scratch(t), 'file');
    // The headers, and the section headers at the end: that is where lies matter.
    const edge = 1024;
    const place = fc.oneof(
      fc.nat(edge),
      fc.nat(edge).map((n) => original.length - 1 - n),
    );
    const change = fc.tuple(place, fc.oneof(fc.constant(0xff), fc.nat(255)));
    const property = fc.property(
      fc.array(change, { minLength: 1, maxLength: 12 }),
      fc.nat(original.length),
      (changes, cut) => {
        const bytes = Buffer.from(original);
        for (const [at, value] of changes) bytes[at] = value;
        writeFileSync(file, cut % 4 === 0 ? bytes.subarray(0, cut) : bytes);
        for (const read of [readElf, readLibrary, readNeeded]) {
          try {
            read(file);
          } catch (error) {
            if (!(error instanceof ElfError)) throw error;
          }
        }
      },
    );
    fc.assert(property, { numRuns: 1500 });
  });
});
