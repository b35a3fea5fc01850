// The suites of the shim once more, with AddressSanitizer and UndefinedBehaviorSanitizer watching
// every byte that the shim's engines read and write: a finding ends the server, and its test.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { WebSocketClient } from '../support/client.js';
import { compile } from '../support/compile.js';
import { words } from '../support/loops.js';
import { generate } from '../support/payload.js';
import { sanitizedShim, sanitizerEnvironment } from '../support/sanitized.js';
import { serve } from '../support/server.js';

// A cross-section that takes less than a minute. Left out is what tests time (the engines are the
// same), what ends in libc's abort(), and of the matrix what differs only in size.
const suites: readonly { file: string; only?: string }[] = [
  { file: 'matrix', only: '/^(echoes|takes) (?!a )|^(sees|goes|closes) /' },
  { file: 'hostile' },
  { file: 'refusals' },
  { file: 'dialects' },
  { file: 'transfer' },
  { file: 'readiness' },
  { file: 'threads' },
  { file: 'descriptors' },
  { file: 'close' },
  { file: 'ping' },
  { file: 'signals' },
  { file: 'scribble' },
];

interface Outcome {
  status: number | null;
  output: string;
}

/** Runs one of our test files by itself, with another shim. */
async function run(file: string, only: string | undefined, shim: string): Promise<Outcome> {
  const path = fileURLToPath(new URL(`${file}.test.js`, import.meta.url));
  const pattern = only === undefined ? [] : [`--test-name-pattern=${only}`];
  // NODE_TEST_CONTEXT would make the file report to a runner that is not there.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const child = spawn(process.execPath, ['--test-reporter=spec', ...pattern, path], {
    env: { ...inherited, ...sanitizerEnvironment, WSWRAP_TEST_SHIM: shim },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  return { status, output };
}

describe('under the sanitizers', () => {
  let shim = '';
  before(() => {
    shim = sanitizedShim();
  });

  test('a read beyond a buffer is found, and found inside the shim', async (t) => {
    const program = compile({ name: 'overread', sources: ['test/servers/overread.c'] });
    const server = await serve(t, program, words({ mode: 'sink', buffer: 16 }), {
      wrapped: true,
      talks: true,
      env: { ...sanitizerEnvironment, LD_PRELOAD: shim },
    });
    const client = await WebSocketClient.connect(server);
    t.after(() => client.wire.destroy());
    await client.send(generate(16));
    assert.equal((await server.exit()).signal, 'SIGABRT');
    assert.match(server.stderr, /AddressSanitizer: heap-buffer-overflow/);
    assert.match(server.stderr, /^ {4}#\d+ \S+ in wswrap::/m);
  });

  for (const { file, only } of suites) {
    test(`${file}`, async () => {
      const { status, output } = await run(file, only, shim);
      const failures = output.slice(output.indexOf('failing tests:'));
      assert.equal(status, 0, failures);
      assert.match(output, /^ℹ pass [1-9]/m, 'at least one test ran');
    });
  }
});
