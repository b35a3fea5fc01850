// The codec's own tests are C++, so that AddressSanitizer and UndefinedBehaviorSanitizer watch every
// byte that they read and write. This builds and runs them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compile } from '../support/compile.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

function sourcesIn(folder: string): string[] {
  const files = readdirSync(join(root, folder)).filter((file) => file.endsWith('.cc'));
  return files.sort().map((file) => join(folder, file));
}

test('the codec passes its own tests under the sanitizers', () => {
  const program = compile({
    name: 'codec',
    sources: [...sourcesIn('native/codec'), ...sourcesIn('test/codec')],
    flags: ['-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
  });
  const { status, signal, stdout, stderr } = spawnSync(program, { encoding: 'utf8' });
  assert.equal(signal ?? status, 0, `${stdout}${stderr}`);
  assert.match(stdout, /^ok {3}/m, 'at least one test ran');
});
