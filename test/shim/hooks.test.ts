// The hook table against the world: what real servers, and the libraries that they bring, import
// from libc to work on sockets is in the table, or here with the reason why it need not be. And the
// shim itself asks libc for next to nothing, so that it is safe to load into any of them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { type Program, requires } from '../support/programs.js';
import { shim } from '../support/server.js';

const library = shim.split(':').at(-1) ?? shim;

/** Names in a dynamic symbol table, without the weak ones that nobody needs to define. */
function symbols(file: string, which: '--defined-only' | '--undefined-only'): string[] {
  const output = execFileSync('nm', ['-D', which, file], { encoding: 'utf8' });
  return [...output.matchAll(/ [A-Z] (\S+)$/gm)].map(([, name]) => name ?? assert.fail());
}

/** What a file imports from glibc: a name there carries the version that brought it. */
function libcImports(file: string): string[] {
  const versioned = symbols(file, '--undefined-only').filter((name) => name.includes('@GLIBC_'));
  return versioned.map((name) => name.replace(/@.*$/, ''));
}

test('the shim imports no memory and no threads from libc, and streams only to make some', () => {
  const allowed = new Set([
    ...['memchr', 'memcmp', 'memcpy', 'memmove', 'memset', 'strlen'],
    ...['__errno_location', '__environ', 'environ', 'dlsym', 'dladdr'],
    // The server's time of day, for the log; and where the kernel has its own clock.
    ...['clock_gettime', 'getauxval'],
    // How a fork is noticed that libc makes on its own account.
    '__register_atfork',
    // The standard streams, and streams on connections.
    ...[
      'stdin',
      'stdout',
      'stderr',
      'fopencookie',
      'fputc',
      'fclose',
      'vsnprintf',
      '__vsnprintf_chk',
    ],
    ...['setvbuf', '__fbufsize', '__flbf', '__fpending', '__fpurge'],
    ...['ftrylockfile', 'funlockfile', 'fread_unlocked', 'fwrite_unlocked'],
  ]);
  const imported = symbols(library, '--undefined-only').map((name) => name.replace(/@.*$/, ''));
  assert.deepEqual(
    imported.filter((name) => !allowed.has(name)),
    [],
  );
});

/** Names of what works on descriptors, with and without libc's prefixes for its own use. */
const touchesSockets = new RegExp(
  `^_{0,2}(${[
    'accept|bind$|connect$|listen|sock|shutdown|[gs]etsockopt|get(sock|peer)name|ioctl|fcntl',
    'p?read|p?write|recv|send|splice|vmsplice|tee|copy_file_range|aio_|lio_',
    'p?select|p?poll|epoll|isfdtype|rcmd|svc|pidfd_getfd',
    'close|dup[23]?$|f(close|dopen$|read|write|ileno)',
    'v?fork|forkpty|daemon|popen|system|f?exec|posix_spawnp?$|_?exit|quick_exit|syscall',
  ].join('|')})`,
  'i',
);

// Families of names that match and are not in the table.
const harmless: readonly { names: RegExp; because: string }[] = [
  { names: /^(closedir|closelog|fclosedir|readdir|readlink|__readlink)/, because: 'other things' },
  { names: /^(readahead|process_vm_(read|write)v)$/, because: 'sockets have neither' },
  { names: /^(epoll|event|signal|timer)fd_/, because: 'their descriptors are plain' },
  { names: /^((__)?connect|isfdtype)$/, because: 'before and beside the bytes of a client' },
  { names: /^sockatmark$/, because: 'a request of ioctl that the kernel answers: no urgent data' },
  { names: /^get(sock|peer)name$/, because: 'a connection has the addresses of its socket' },
  { names: /^(__)?p(read|write)v?(64)?(_chk)?$/, because: 'a position is refused by every socket' },
  { names: /^(aio|lio)_/, because: 'libc does it with pread and pwrite, which sockets refuse' },
  { names: /^(tee|vmsplice)$/, because: 'for pipes only' },
  { names: /^copy_file_range$/, because: 'for files only' },
  {
    names: /^f(close|closeall)$|^(__)?f(read|write)(_unlocked)?(_chk)?$|^__f(read|writ)(able|ing)$/,
    because: 'streams on connections call what is hooked',
  },
  { names: /^(__)?vfork$/, because: 'such a child only executes, through what is hooked' },
  {
    names: /^(daemon|forkpty|popen|system)$/,
    because: 'their fork is noticed, and what they start has no connection to lose',
  },
  { names: /^exit$/, because: 'it runs the destructor of the shim' },
  { names: /^quick_exit$/, because: 'it is left to the kernel to close, as at a crash' },
  { names: /^(rcmd|__rcmd|svc)/, because: 'no program can be linked with these any more, or is' },
];

function unexplained(names: Iterable<string>): string[] {
  const hooks = new Set(symbols(library, '--defined-only'));
  return [...new Set(names)].filter(
    (name) =>
      touchesSockets.test(name) &&
      !hooks.has(name) &&
      !harmless.some(({ names }) => names.test(name)),
  );
}

test('whatever glibc has for descriptors is in the table, or needs no place there', () => {
  const [, libc = ''] = /libc\.so\.6 => (\S+)/.exec(ldd(process.execPath)) ?? [];
  const exported = symbols(libc, '--defined-only').filter((name) => /@@?GLIBC_\d/.test(name));
  const names = exported.map((name) => name.replace(/@.*$/, ''));
  assert.ok(names.includes('accept4'));
  assert.deepEqual(unexplained(names), []);
});

function ldd(program: string): string {
  return execFileSync('ldd', [program], { encoding: 'utf8' });
}

/** A program and the shared libraries that it loads, but for libc's own. */
function objects(program: string): string[] {
  const libraries = [...ldd(program).matchAll(/=> (\/\S+)/g)].map(
    ([, path]) => path ?? assert.fail(),
  );
  return [program, ...libraries.filter((path) => !/\/lib(c|m|resolv)\.so/.test(path))];
}

function pathOf(program: string): string {
  return execFileSync('which', [program], { encoding: 'utf8' }).trim();
}

function javaLibrary(name: string): string {
  return join(dirname(realpathSync(pathOf('javac'))), '..', 'lib', name);
}

const installed: readonly Program[] = [
  'nc.openbsd',
  'redis-server',
  '/usr/bin/python3',
  'Xtigervnc',
  '/usr/sbin/sshd',
  'perl',
  'ncat',
  'socat',
  '/usr/sbin/nginx',
];
const servers = [
  ...installed.map((name) => ({ name, program: () => pathOf(name), skip: requires(name) })),
  { name: 'node', program: () => process.execPath, skip: false },
  { name: "Java's java.net", program: () => javaLibrary('libnet.so'), skip: requires('javac') },
  { name: "Java's java.nio", program: () => javaLibrary('libnio.so'), skip: requires('javac') },
];

for (const { name, program, skip } of servers) {
  test(`what ${name} does to sockets is hooked`, { skip }, () => {
    const used = new Set(objects(program()).flatMap(libcImports));
    for (const one of ['read', 'write', 'close']) assert.ok(used.has(one), one);
    assert.deepEqual(unexplained(used), []);
  });
}
