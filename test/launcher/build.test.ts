// The native part is built when it must be, once, and never half.
import { strict as assert } from 'node:assert';
import { chmodSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { compile } from '../support/compile.js';
import { cannotTarget, i386 } from '../support/targets.js';
import { isRoot, type Result, run, script, unprivileged } from './run.js';
import { smallPackage } from './small-package.js';

const start = (root: string, options = {}): Promise<Result> =>
  run(join(root, 'bin/wswrap'), ['5999', 'echo', 'ran'], options);

const building = /wswrap: building the native part/g;

describe('the native part', () => {
  test('is built at the first start, and not again', async (t) => {
    const root = smallPackage(t);
    const first = await start(root);
    assert.deepEqual([first.status, first.stdout], [0, 'ran\n'], first.stderr);
    assert.match(first.stderr, building);
    assert.match(first.stderr, /wswrap: built in \d+ s/);
    const second = await start(root);
    assert.deepEqual([second.status, second.stdout, second.stderr], [0, 'ran\n', '']);
  });

  test('is built with its progress on one line of a terminal', async (t) => {
    const root = smallPackage(t);
    const command = `${join(root, 'bin/wswrap')} 5999 echo ran`;
    const { status, stdout } = await run('script', ['-qec', command, '/dev/null']);
    assert.equal(status, 0);
    // The carriage return and "erase to the end of the line" around each step.
    assert.ok(stdout.includes('\r  wswrap/native/addon/execve.o\x1b[K\r'), stdout);
    assert.match(stdout, /ran/);
  });

  test('is built once when two starts come at the same time', async (t) => {
    const root = smallPackage(t);
    const results = await Promise.all([start(root), start(root), start(root)]);
    for (const { status, stdout, stderr } of results) {
      assert.deepEqual([status, stdout], [0, 'ran\n'], stderr);
    }
    const said = results.map(({ stderr }) => stderr).join('');
    assert.equal(said.match(building)?.length, 1);
  });

  test('is built again when a source is newer, and only what changed', async (t) => {
    const root = smallPackage(t);
    await start(root);
    const addon = join(root, 'build/Release/wswrap.node');
    const before = statSync(addon).mtimeMs;
    const source = join(root, 'native/shim/shim.cc');
    const soon = Date.now() / 1000 + 1;
    utimesSync(source, soon, soon);
    const again = await start(root);
    assert.deepEqual([again.status, again.stdout], [0, 'ran\n']);
    assert.match(again.stderr, building);
    assert.equal(statSync(addon).mtimeMs, before);
  });

  test('that does not compile: the compiler’s words, status 125, and nothing runs', async (t) => {
    const root = smallPackage(t);
    writeFileSync(join(root, 'native/shim/shim.cc'), '#error broken on purpose\n');
    const { status, stdout, stderr } = await start(root);
    assert.deepEqual([status, stdout], [125, '']);
    assert.match(stderr, /broken on purpose/);
    assert.match(stderr, /could not be built/);
  });

  test('without a compiler: its name, status 125', async (t) => {
    const root = smallPackage(t);
    const env = { ...process.env, CXX: 'no-such-compiler' };
    const { status, stderr } = await start(root, { env });
    assert.equal(status, 125);
    assert.match(stderr, /tools are missing: no-such-compiler/);
    assert.match(stderr, /apt-get install/);
  });

  test('is not waited for when the process that built it was killed', async (t) => {
    const root = smallPackage(t);
    const { pid } = await run('true', []);
    await start(root);
    rmSync(join(root, 'build/.built'));
    symlinkSync(`${pid}.1`, join(root, 'build/.lock'));
    const { status, stdout, stderr } = await start(root);
    assert.deepEqual([status, stdout], [0, 'ran\n'], stderr);
  });
});

describe('another edition of the shim', { skip: cannotTarget(i386) }, () => {
  const hello = () => compile({ name: 'hello', sources: ['test/launcher/hello.c'], target: i386 });
  const startHello = (root: string, env = process.env): Promise<Result> =>
    run(join(root, 'bin/wswrap'), ['5999', hello()], { env });
  const buildingEdition = /wswrap: building the shim for programs of 32-bit i386, glibc \(only/;

  test('is built when the first program needs it, and again when a source is newer', async (t) => {
    const root = smallPackage(t);
    const native = await start(root);
    assert.doesNotMatch(native.stderr, buildingEdition);
    const first = await startHello(root);
    assert.deepEqual([first.status, first.stdout], [0, 'ran\n'], first.stderr);
    assert.match(first.stderr, buildingEdition);
    const second = await startHello(root);
    assert.deepEqual([second.status, second.stdout, second.stderr], [0, 'ran\n', '']);
    const soon = Date.now() / 1000 + 1;
    utimesSync(join(root, 'native/shim/shim.cc'), soon, soon);
    const third = await startHello(root);
    assert.deepEqual([third.status, third.stdout], [0, 'ran\n'], third.stderr);
    assert.match(third.stderr, /building the shim .* \(its sources changed\)/);
  });

  test('without a compiler for it: what brings one, status 125', async (t) => {
    const root = smallPackage(t);
    const narrow = '#!/bin/sh\ncase " $* " in *" -m32 "*) exit 1 ;; esac\nexec g++ "$@"\n';
    const CXX = script(root, 'g++-of-64-bits', narrow);
    const { status, stdout, stderr } = await startHello(root, { ...process.env, CXX });
    assert.deepEqual([status, stdout], [125, '']);
    assert.match(stderr, /-m32 cannot compile C\+\+ here\n.*apt-get install g\+\+-multilib/);
  });
});

describe('a package that cannot be written', { skip: unprivileged.obstacle }, () => {
  test('is used when it is built', async (t) => {
    const root = smallPackage(t);
    await start(root);
    const folders = ['', 'build', 'build/Release'].map((name) => join(root, name));
    for (const folder of folders) chmodSync(folder, 0o555);
    const { status, stdout, stderr } = await start(root, unprivileged.options);
    for (const folder of folders) chmodSync(folder, 0o755);
    assert.deepEqual([status, stdout, stderr], [0, 'ran\n', '']);
  });

  test('says so when it would have to be built', {
    skip: !isRoot && 'owned by this user',
  }, async (t) => {
    const root = smallPackage(t);
    const { status, stdout, stderr } = await start(root, unprivileged.options);
    assert.deepEqual([status, stdout], [125, '']);
    assert.match(stderr, /must be built, but .*\/build cannot be written \(EACCES\)/);
    assert.match(stderr, /npm run build/);
  });
});
