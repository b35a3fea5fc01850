// The shim exports its hook table and nothing else, depends on libc and nothing else, and the table
// has everything that the test servers do to a socket.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { hookTable } from '../support/hook-table.js';
import { loops } from '../support/loops.js';
import { puppetProgram } from '../support/puppet.js';
import { shim } from '../support/server.js';

const library = shim.split(':').at(-1) ?? shim;

/** Names in a dynamic symbol table, without their versions. */
function symbols(file: string, which: '--defined-only' | '--undefined-only'): string[] {
  const lines = execFileSync('nm', ['-D', which, file], { encoding: 'utf8' }).trim().split('\n');
  return lines.map((line) => (line.trim().split(/\s+/).at(-1) ?? '').replace(/@.*$/, ''));
}

test('what is exported is the hook table', () => {
  assert.deepEqual(symbols(library, '--defined-only').sort(), hookTable().sort());
});

test('nothing but libc is needed', () => {
  const dynamic = execFileSync('readelf', ['-d', library], { encoding: 'utf8' });
  const needed = [...dynamic.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
  assert.deepEqual(
    needed.filter((name) => !/^(libc\.so|ld-linux)/.test(name ?? '')),
    [],
  );
  const foreign = symbols(library, '--undefined-only').filter((name) =>
    /^_Z|^__cxa_[^f]/.test(name),
  );
  assert.deepEqual(foreign, [], 'no C++ runtime');
});

/** Functions that would do something else to a connection if they were not taken over. */
const touching = new RegExp(
  [
    '^(__)?(read|readv|preadv2|recv|recvfrom|recvmsg|recvmmsg)(_chk)?$',
    '^(__)?(write|writev|pwritev2|send|sendto|sendmsg|sendmmsg|sendfile|sendfile64|splice)$',
    '^(__)?(accept|accept4|bind|listen|socket|socketpair|shutdown|getsockopt|setsockopt|ioctl)$',
    '^(__)?(select|pselect|poll|ppoll)(_chk)?$|^epoll_',
    '^__(select|pselect|ppoll|recvm?msg|sendm?msg|[gs]etsockopt)64(_chk)?$|^__(fcntl|ioctl|epoll_pwait2)_time64$',
    '^(__)?(close|closefrom|close_range|dup|dup2|dup3|fcntl|fcntl64|fdopen)$',
    '^(__)?(fork|vfork|_exit|_Exit|syscall)$',
  ].join('|'),
);

for (const [name, program] of [
  ...loops.map((loop) => [loop.name, loop.program] as const),
  ['puppet', puppetProgram] as const,
]) {
  test(`what ${name} does to sockets is hooked`, () => {
    const used = symbols(program(), '--undefined-only').filter((symbol) => touching.test(symbol));
    assert.ok(used.includes('close'), 'the pattern finds something');
    const table = new Set(hookTable());
    assert.deepEqual(
      used.filter((symbol) => !table.has(symbol)),
      [],
    );
  });
}
