// An echo server as a network makes it look: it stops reading for a while, answers in pieces of any
// size, and, if it is told to, breaks connections.
import { createServer, type Server, type Socket } from 'node:net';

import { elapse } from '../support/deadline.js';
import { Random } from '../support/random.js';

export interface Moods {
  seed: number;
  /** How long it may do nothing, in milliseconds. */
  rest: number;
  /** Every how many chunks, on average, it resets a connection; 0: never. */
  resets: number;
}

/** Not listening yet. Connections are independent of each other: each has a seed of its own. */
export function moodyServer({ seed, rest, resets }: Moods): Server {
  let count = 0;
  return createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    count += 1;
    socket.on('error', () => undefined);
    void echo(socket, new Random(seed * 7919 + count), rest, resets);
  });
}

async function echo(socket: Socket, random: Random, rest: number, resets: number): Promise<void> {
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      if (resets > 0 && random.once(resets)) return void socket.resetAndDestroy();
      if (random.once(8)) await elapse(random.between(0, rest));
      await answer(socket, chunk, random);
    }
    socket.end();
  } catch {
    // Reset by the client.
    socket.destroy();
  }
}

async function answer(socket: Socket, chunk: Buffer, random: Random): Promise<void> {
  for (let at = 0; at < chunk.length; ) {
    const size = random.once(4) ? random.between(1, 100) : chunk.length;
    const piece = chunk.subarray(at, at + size);
    at += size;
    const taken = new Promise<void>((resolve) => socket.write(piece, () => resolve()));
    if (random.once(4)) await taken;
  }
}
