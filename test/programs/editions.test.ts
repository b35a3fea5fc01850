// Servers for musl and for 32 bits, started as users start them: the launcher finds out what they
// are, and gives them their edition of the shim.
import { fork, type Loop, poll, select, words } from '../support/loops.js';
import { cannotTarget, i386, musl, shimFor, type Target, wide } from '../support/targets.js';
import { testEcho } from './echo.js';

const servers: readonly { target: Target; loop: Loop }[] = [
  { target: musl, loop: fork },
  { target: i386, loop: poll },
  { target: wide, loop: select },
];

for (const { target, loop } of servers) {
  const skip = cannotTarget(target);
  // Else the first start would tell that it builds the shim.
  if (skip === false) await shimFor(target);
  testEcho({
    name: `the C server ${loop.name} for ${target.name}`,
    words: (port) => [loop.program(target), ...words({ mode: 'echo', io: loop.io })(port)],
    summarize: () => Buffer.alloc(0),
    skip,
  });
}
