// The codec's own tests are C++, so that AddressSanitizer and UndefinedBehaviorSanitizer watch every
// byte that they read and write. This builds and runs them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compile } from '../support/compile.js';
import { cannotTarget, i386, musl, native, shimFor } from '../support/targets.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

function sourcesIn(folder: string): string[] {
  const files = readdirSync(join(root, folder)).filter((file) => file.endsWith('.cc'));
  return files.sort().map((file) => join(folder, file));
}

function run(program: string): void {
  const { status, signal, stdout, stderr } = spawnSync(program, { encoding: 'utf8' });
  assert.equal(signal ?? status, 0, `${stdout}${stderr}`);
  assert.match(stdout, /^ok {3}/m, 'at least one test ran');
}

test('the codec passes its own tests under the sanitizers', () => {
  run(
    compile({
      name: 'codec',
      sources: [...sourcesIn('native/codec'), ...sourcesIn('test/codec')],
      flags: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
    }),
  );
});

// The tests themselves need a C++ library, which there is none of for musl. The codec needs no more
// of libc than memcpy(3) and the like, so its objects do as well in a program for glibc.
for (const { edition, target } of [
  { edition: musl, target: native },
  { edition: i386, target: i386 },
]) {
  test(`the codec in the shim for ${edition.name} passes them`, {
    skip: cannotTarget(edition),
  }, async () => {
    const objects = join(dirname(await shimFor(edition)), 'obj.target/shim/native/codec');
    run(
      compile({
        name: `codec-of-${edition.name}`,
        sources: sourcesIn('test/codec'),
        flags: ['-O1'],
        objects: readdirSync(objects).map((object) => join(objects, object)),
        target,
      }),
    );
  });
}
