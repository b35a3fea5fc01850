// The other editions of the shim, for musl and for 32 bits: each is built as the launcher builds it,
// and passes a cross-section of the suites with the test servers compiled for it. The engines are
// the same as in the native one; what differs is libc, and the size of everything.
import { before, describe, test } from 'node:test';
import { runSuite, type Suite } from '../support/suites.js';
import { cannotTarget, i386, musl, shimFor, type Target, wide } from '../support/targets.js';

// One framing that is whole, one that is in pieces.
const matrix: Suite = {
  file: 'matrix',
  only: '/^echoes (one frame|a header split at every byte)$|^sees a RST/',
};

const exported: Suite = { file: 'exports', only: '/^what is exported|^nothing but libc/' };

// The puppet makes calls that musl lacks: there the suites without it have to do.
const targets: readonly { target: Target; suites: readonly Suite[] }[] = [
  { target: musl, suites: [exported, matrix, { file: 'hostile' }, { file: 'refusals' }] },
  {
    target: i386,
    suites: [exported, matrix, { file: 'descriptors' }, { file: 'close' }, { file: 'move' }],
  },
  { target: wide, suites: [{ file: 'exports' }, { file: 'readiness' }, { file: 'timeouts' }] },
];

for (const { target, suites } of targets) {
  describe(`programs of the kind ${target.name}`, { skip: cannotTarget(target) }, () => {
    let shim = '';
    before(async () => {
      shim = await shimFor(target);
    });

    for (const suite of suites) test(suite.file, () => runSuite(suite, environment()));

    function environment(): Record<string, string> {
      return { WSWRAP_TEST_TARGET: target.name, WSWRAP_TEST_SHIM: shim };
    }
  });
}
