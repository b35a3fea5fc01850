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

const touchesSockets = new RegExp(
  `^_{0,2}(${[
    'accept|listen|socket|shutdown|[gs]etsockopt|get(sock|peer)name|ioctl|fcntl',
    'p?readv?|p?writev?|recv|send|splice|vmsplice|tee',
    'p?select|p?poll|epoll',
    'close|dup[23]?$|f(close|dopen$|read|write)',
    'v?fork|f?exec|posix_spawnp?$|_?exit|syscall',
  ].join('|')})`,
  'i',
);

// Families of names that match and are not in the table.
const harmless: readonly { names: RegExp; because: string }[] = [
  { names: /^(closedir|closelog|readdir|readlink)/, because: 'they work on other things' },
  { names: /^get(sock|peer)name$/, because: 'a connection has the addresses of its socket' },
  { names: /^p(read|write)v?(64)?$/, because: 'an offset is refused by every socket' },
  { names: /^p(read|write)v64v2$/, because: 'Python only calls them with an offset' },
  { names: /^f(read|write|close)$/, because: 'streams on connections call what is hooked' },
  { names: /^splice$/, because: 'Python only calls it when a script says os.splice' },
  { names: /^(close_range|vfork|forkpty)$/, because: 'between fork and exec only' },
  { names: /^exit$/, because: 'it runs the destructor of the shim' },
];

/** A program and the shared libraries that it loads, but for libc's own. */
function objects(program: string): string[] {
  const output = execFileSync('ldd', [program], { encoding: 'utf8' });
  const libraries = [...output.matchAll(/=> (\/\S+)/g)].map(([, path]) => path ?? assert.fail());
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
  'perl',
];
const servers = [
  ...installed.map((name) => ({ name, program: () => pathOf(name), skip: requires(name) })),
  { name: 'node', program: () => process.execPath, skip: false },
  { name: "Java's java.net", program: () => javaLibrary('libnet.so'), skip: requires('javac') },
  { name: "Java's java.nio", program: () => javaLibrary('libnio.so'), skip: requires('javac') },
];

for (const { name, program, skip } of servers) {
  test(`what ${name} does to sockets is hooked`, { skip }, () => {
    const hooks = new Set(symbols(library, '--defined-only'));
    const used = new Set(objects(program()).flatMap(libcImports));
    const touching = [...used].filter((symbol) => touchesSockets.test(symbol));
    for (const one of ['read', 'write', 'close']) assert.ok(touching.includes(one), one);
    const unexplained = touching.filter(
      (symbol) => !hooks.has(symbol) && !harmless.some(({ names }) => names.test(symbol)),
    );
    assert.deepEqual(unexplained, []);
  });
}
