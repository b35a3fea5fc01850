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

describe('dup2', () => {
  test('throws the system’s error', () => {
    assert.throws(() => addon.dup2(99_999, 1), { code: 'EBADF', syscall: 'dup2' });
  });
});

describe('getpw and getgrnam', () => {
  test('find an account by name and by number', () => {
    assert.deepEqual(addon.getpw('root'), { name: 'root', uid: 0, gid: 0 });
    assert.deepEqual(addon.getpw(0), addon.getpw('root'));
    assert.equal(addon.getgrnam('root'), 0);
  });

  test('are undefined for who does not exist', () => {
    assert.equal(addon.getpw('no-such-user'), undefined);
    assert.equal(addon.getpw(4_000_000_000), undefined);
    assert.equal(addon.getgrnam('no-such-group'), undefined);
  });
});

describe('all of them', () => {
  test('refuse what no type checker would let through', () => {
    const calls: [name: keyof typeof addon, ...args: unknown[]][] = [
      ['dup2', '1', 2],
      ['dup2', 1],
      ['getpw', {}],
      ['getpw'],
      ['getgrnam', 0],
      ['syslog', 30, 'ident'],
      ['syslog', '30', 'ident', 'message'],
    ];
    for (const [name, ...args] of calls) {
      assert.throws(() => Reflect.apply(addon[name], undefined, args), TypeError, name);
    }
  });
});
