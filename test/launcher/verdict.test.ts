// Programs that cannot be wrapped are refused with the reason; they never run unwrapped.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { editionsBeside } from '../../src/launcher/editions.js';
import { platformOf } from '../../src/launcher/platform.js';
import { chooseEdition } from '../../src/launcher/verdict.js';
import { loadAddon } from '../../src/native.js';
import { shimPath } from '../../src/paths.js';
import { compile } from '../support/compile.js';
import { cannotTarget, i386 } from '../support/targets.js';
import { isRoot, scratch, script, unprivileged, wrap } from './run.js';

const hello = (name: string, ...flags: string[]) =>
  compile({ name: `hello-${name}`, sources: ['test/launcher/hello.c'], flags });

// `ran` would be on standard output if the program had been started in spite of all.
async function refused(path: string, reason: RegExp, options = {}): Promise<void> {
  const result = await wrap([path], options);
  assert.deepEqual([result.status, result.stdout], [126, '']);
  assert.match(result.stderr, reason);
}

async function accepted(path: string, options = {}): Promise<void> {
  const result = await wrap([path], options);
  assert.deepEqual([result.status, result.stdout, result.stderr], [0, 'ran\n', '']);
}

describe('by its format', () => {
  test('an ordinary program is wrapped', () => accepted(hello('dynamic')));

  test('a program at a fixed address is wrapped', () => accepted(hello('no-pie', '-no-pie')));

  test('a stripped program is wrapped', () => accepted(hello('stripped', '-s')));

  test('a static program is refused', () =>
    refused(
      hello('static', '-static'),
      /statically linked.*\n.*proxied rather than wrapped: wsproxy PORT --target HOST:PORT/,
    ));

  test('a static program at any address is refused', () =>
    refused(hello('static-pie', '-static-pie'), /statically linked/));

  test('a Go program is refused, though it is linked dynamically', () =>
    refused(hello('go', '-DGO'), /a Go program/));

  test('a program whose loader is missing is refused', () =>
    refused(
      hello('loader', '-Wl,--dynamic-linker=/no/ld.so.1'),
      /loader \/no\/ld\.so\.1 does not exist/,
    ));

  test('a program of another kind than the one that starts it is refused', {
    skip: cannotTarget(i386),
  }, async () => {
    const program = compile({ name: 'hello', sources: ['test/launcher/hello.c'], target: i386 });
    const { status, stdout, stderr } = await wrap(['/usr/bin/env', program]);
    assert.deepEqual([status, stdout], [126, '']);
    assert.match(stderr, /not of the same kind as \/usr\/bin\/env, which starts it/);
  });

  test('a program for a C library that has no edition is refused', () => {
    const native = platformOf(shimPath);
    const other = native.libc === 'glibc' ? 'musl' : 'glibc';
    const editions = editionsBeside({ ...native, libc: other });
    assert.throws(() => chooseEdition([hello('dynamic')], editions, loadAddon().getxattr), {
      code: 'FOREIGN_PLATFORM',
      status: 126,
    });
  });

  test('a program for another machine is refused', (t) =>
    refused(
      copyWith(t, (elf) => elf.writeUInt16LE(elf.readUInt16LE(18) === 243 ? 62 : 243, 18)),
      /built for 64-bit RISC-V, \w+; there are shims for: 64-bit/,
    ));

  test('a truncated program is refused', (t) =>
    refused(
      copyWith(t, (elf) => elf.subarray(0, 100)),
      /damaged program/,
    ));

  test('a script is refused when its interpreter is', (t) =>
    refused(script(scratch(t), 's', `#!${hello('static', '-static')}\n`), /statically linked/));

  test('a script is refused when the program that env starts is', (t) =>
    refused(script(scratch(t), 's', `#!/usr/bin/env ${hello('static', '-static')}\n`), /static/));
});

describe('by its privileges', () => {
  const skip = unprivileged.obstacle || (!isRoot && 'only root can make such files');

  // A program that belongs to root, with these mode bits.
  function owned(t: TestContext, mode: number): string {
    const path = copyOf(t, hello('dynamic'));
    chownSync(path, 0, 0);
    chmodSync(path, mode);
    return path;
  }

  test('a setuid program of another user is refused', { skip }, (t) =>
    refused(owned(t, 0o4755), /runs as another user \(setuid, uid 0\)/, unprivileged.options),
  );

  test('a setgid program of another group is refused', { skip }, (t) =>
    refused(owned(t, 0o2755), /runs as another group \(setgid, gid 0\)/, unprivileged.options),
  );

  test('setgid without permission to execute for the group changes nothing', { skip }, (t) =>
    accepted(owned(t, 0o2705), unprivileged.options),
  );

  test('a setuid program of the same user and group is wrapped', { skip }, (t) =>
    accepted(owned(t, 0o6755)),
  );

  test('a program with file capabilities is refused, but not to root', { skip }, async (t) => {
    const path = owned(t, 0o755);
    // cap_net_raw, permitted and effective (VFS_CAP_REVISION_2).
    const value = '0100000200200000000000000000000000000000';
    const setxattr =
      'import os,sys; os.setxattr(sys.argv[1], sys.argv[2], bytes.fromhex(sys.argv[3]))';
    try {
      execFileSync('python3', ['-c', setxattr, path, 'security.capability', value]);
    } catch {
      t.skip('this file system cannot hold file capabilities');
      return;
    }
    await refused(path, /has file capabilities/, unprivileged.options);
    await accepted(path);
  });
});

function copyOf(t: TestContext, program: string): string {
  const path = join(scratch(t), 'program');
  copyFileSync(program, path);
  chmodSync(path, 0o755);
  return path;
}

// A copy of an ordinary program with its bytes changed.
function copyWith(t: TestContext, change: (elf: Buffer) => Buffer | number): string {
  const path = copyOf(t, hello('dynamic'));
  const elf = readFileSync(path);
  const changed = change(elf);
  writeFileSync(path, typeof changed === 'number' ? elf : changed);
  return path;
}
