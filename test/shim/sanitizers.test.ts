// The suites of the shim once more, with AddressSanitizer and UndefinedBehaviorSanitizer watching
// every byte that the shim's engines read and write: a finding ends the server, and its test.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { compile } from '../support/compile.js';
import { words } from '../support/loops.js';
import { generate } from '../support/payload.js';
import { sanitizedShim, sanitizerEnvironment } from '../support/sanitized.js';
import { serve } from '../support/server.js';
import { runSuite, type Suite } from '../support/suites.js';

// A cross-section that takes less than a minute. Left out is what tests time (the engines are the
// same), what ends in libc's abort(), and of the matrix what differs only in size.
const suites: readonly Suite[] = [
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

  for (const suite of suites) {
    test(suite.file, () => runSuite(suite, { ...sanitizerEnvironment, WSWRAP_TEST_SHIM: shim }));
  }
});
