// The shim under AddressSanitizer and UndefinedBehaviorSanitizer.
//
// The sanitizer's library comes first in LD_PRELOAD, as it demands. Its interceptors of read, write
// and the like then sit between the server and our hooks: what they take for libc's functions are
// ours. So the interceptors check what the hooks say they wrote, and the instrumented shim checks
// itself, against the server's heap too.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from './compile.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const exportsMap = join(root, 'build', 'test', 'exports.map');
const compiler = process.env['CXX'] ?? 'g++';

// The first finding ends the process.
const sanitize = ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

/**
 * The environment in which a sanitized server runs. Leaks are not looked for: the shim has no heap,
 * and the test servers end by SIGKILL. The sanitizer's handlers of fatal signals stay out, because
 * a server that has handlers without SA_RESTART is another server.
 */
export const sanitizerEnvironment = {
  ASAN_OPTIONS: [
    'detect_leaks=0',
    'abort_on_error=1',
    'detect_stack_use_after_return=1',
    'handle_segv=0',
    'handle_sigbus=0',
    'handle_sigfpe=0',
  ].join(':'),
  UBSAN_OPTIONS: 'print_stacktrace=1',
};

/** What LD_PRELOAD has to be for a sanitized shim; builds it when needed. */
export function sanitizedShim(): string {
  const shim = compile({
    name: 'wswrap-shim-sanitized.so',
    sources: [...sourcesIn('native/codec'), ...sourcesIn('native/shim')],
    // But for the sanitizers, as binding.gyp has it.
    flags: [
      ...sanitize,
      ...['-shared', '-fPIC', '-fvisibility=hidden', '-ftls-model=initial-exec', '-fno-plt'],
      ...[`-Wl,--version-script=${writeExports()}`, '-Wl,-z,now', '-Wl,-z,nodelete'],
    ],
  });
  return `${sanitizerLibrary()}:${shim}`;
}

function sourcesIn(folder: string): string[] {
  const files = readdirSync(join(root, folder)).filter((file) => file.endsWith('.cc'));
  return files.sort().map((file) => join(folder, file));
}

// The version script, from the hook table.
function writeExports(): string {
  const template = join(root, 'native', 'shim', 'exports.map.in');
  const map = execFileSync(compiler, ['-E', '-P', '-x', 'c++', template], { encoding: 'utf8' });
  if (!existsSync(exportsMap) || readFileSync(exportsMap, 'utf8') !== map) {
    mkdirSync(dirname(exportsMap), { recursive: true });
    writeFileSync(exportsMap, map);
  }
  return exportsMap;
}

function sanitizerLibrary(): string {
  const print = ['-print-file-name=libasan.so'];
  const library = execFileSync(compiler, print, { encoding: 'utf8' }).trim();
  if (!isAbsolute(library)) throw new Error(`${compiler} has no AddressSanitizer of its own`);
  return library;
}
