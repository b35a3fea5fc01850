// wswrap doctor finds what is wrong, says what to do about it, and ends with 1 then.
import { strict as assert } from 'node:assert';
import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { readLibrary } from '../../src/launcher/elf.js';
import { shimPath } from '../../src/paths.js';
import { compile } from '../support/compile.js';
import { run, scratch, script, wswrap } from './run.js';
import { smallPackage } from './small-package.js';

const doctor = (...command: string[]) => run(wswrap, ['doctor', ...command]);

describe('wswrap doctor', () => {
  test('is content with this system', async () => {
    const { status, stdout, stderr } = await doctor();
    assert.deepEqual([status, stderr], [0, ''], stdout);
    for (const subject of [
      'kernel',
      'C library',
      'Node',
      'toolchain',
      'native part',
      'other shims',
      'injection',
    ]) {
      assert.match(stdout, new RegExp(`^ {2}ok {2}${subject} `, 'm'));
    }
    assert.match(
      stdout,
      new RegExp(`shim +replaces ${readLibrary(shimPath).functions.length} functions`),
    );
  });

  test('tells which programs a command leads to', async (t) => {
    const path = script(scratch(t), 'server', '#!/usr/bin/env sh\n');
    const { status, stdout } = await doctor(path, '--port', '1');
    assert.equal(status, 0);
    assert.match(stdout, /ok {2}COMMAND +\S+\/server → \/usr\/bin\/env → \S*sh: can be wrapped/);
  });

  test('tells why a command cannot be wrapped', async () => {
    const sources = ['test/launcher/hello.c'];
    const { status, stdout } = await doctor(
      compile({ name: 'hello-static', sources, flags: ['-static'] }),
    );
    assert.equal(status, 1);
    assert.match(stdout, /!! {2}COMMAND .*statically linked/);
    assert.match(stdout, /→ it must be proxied/);
  });

  test('tells that a command is not there', async () => {
    const { status, stdout } = await doctor('no-such-program');
    assert.equal(status, 1);
    assert.match(stdout, /!! {2}COMMAND +no-such-program: not found/);
  });
});

describe('wswrap doctor in a package that is not well', () => {
  const examine = (root: string, env = process.env) =>
    run(join(root, 'bin/wswrap'), ['doctor', 'true'], { env });

  test('tells that nothing is built, and builds nothing', async (t) => {
    const { status, stdout } = await examine(smallPackage(t));
    assert.equal(status, 1);
    assert.match(stdout, /!! {2}native part {2}not built\n +→ run 'npm run build'/);
    assert.doesNotMatch(stdout, /injection/);
  });

  test('tells that the compiler is missing', async (t) => {
    const { status, stdout } = await examine(smallPackage(t), {
      ...process.env,
      CXX: 'no-such-cxx',
    });
    assert.equal(status, 1);
    assert.match(stdout, /!! {2}toolchain +no no-such-cxx, .*\n +→ on Debian: apt-get install/);
  });

  test('tells that the native part is old, and that the shim cannot be loaded', async (t) => {
    const root = smallPackage(t);
    await run(join(root, 'bin/wswrap'), ['5999', 'true']);
    const soon = Date.now() / 1000 + 60;
    utimesSync(join(root, 'native/shim/shim.cc'), soon, soon);
    const old = await examine(root);
    assert.equal(old.status, 1);
    assert.match(old.stdout, /!! {2}native part {2}older than its sources/);
    assert.match(old.stdout, /ok {2}injection/);

    const shim = join(root, 'build/Release/wswrap-shim.so');
    rmSync(shim);
    writeFileSync(shim, 'not a library');
    const broken = await examine(root);
    assert.equal(broken.status, 1);
    assert.match(broken.stdout, /!! {2}shim +\S+: damaged \(not an ELF file\)/);
    assert.match(broken.stdout, /!! {2}injection +fails: .*cannot be preloaded/);
  });
});
