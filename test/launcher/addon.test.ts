// The system calls that the addon adds to Node, at their edges.
import { strict as assert } from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { loadAddon } from '../../src/native.js';
import { run, scratch } from './run.js';

const addon = loadAddon();
const nothing = { descriptors: [], ignoredSignals: [] };

describe('execve', () => {
  // Called with what no type checker would let through: it must throw, not crash.
  const call =
    (...args: unknown[]) =>
    () =>
      Reflect.apply(addon.execve, undefined, args);
  const wrong: [what: string, args: unknown[]][] = [
    ['nothing', []],
    ['no arguments', ['/bin/true', [], [], nothing]],
    ['a number for the path', [1, ['x'], [], nothing]],
    ['a NUL in the path', ['/bin/tr\0ue', ['x'], [], nothing]],
    ['a NUL in an argument', ['/bin/true', ['a\0b'], [], nothing]],
    ['a NUL in the environment', ['/bin/true', ['x'], ['A=\0'], nothing]],
    ['an environment that is no array', ['/bin/true', ['x'], { A: '1' }, nothing]],
    ['no inheritance', ['/bin/true', ['x'], []]],
    [
      'descriptors that are no numbers',
      ['/bin/true', ['x'], [], { ...nothing, descriptors: ['3'] }],
    ],
    ['a negative limit', ['/bin/true', ['x'], [], { ...nothing, openFiles: -1 }]],
  ];
  for (const [what, args] of wrong) {
    test(`refuses ${what}`, () => assert.throws(call(...args), TypeError));
  }

  test('throws the system’s error', async () => {
    // In a process of its own, because it is not fit for much else afterwards.
    const code = `
      import { loadAddon } from '${new URL('../../src/native.js', import.meta.url)}';
      try {
        loadAddon().execve('/etc', ['etc'], [], { descriptors: [99999, -1], ignoredSignals: [0, 9, 999] });
      } catch ({ code, syscall, path }) {
        console.log(code, syscall, path);
      }`;
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', code]);
    assert.deepEqual([stdout, stderr], ['EACCES execve /etc\n', '']);
  });
});

describe('getxattr', () => {
  test('is undefined for an attribute that is not there', (t) => {
    const file = join(scratch(t), 'file');
    writeFileSync(file, '');
    assert.equal(addon.getxattr(file, 'security.capability'), undefined);
  });

  test('throws for a file that is not there', () => {
    assert.throws(() => addon.getxattr('/no/such/file', 'user.x'), { code: 'ENOENT' });
  });

  test('refuses what is not text', () => {
    assert.throws(() => Reflect.apply(addon.getxattr, undefined, [1, 2]), TypeError);
  });
});
