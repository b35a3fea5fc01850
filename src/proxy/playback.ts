// Plays a recording to a client, as if the server were there again.
//
// Times count from the start and not from the frame before, so that a client that was slow for a
// while catches up. What the client says changes nothing: the answers are recorded already.
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

import type { Recording } from './recording.js';

export interface ReplayOptions {
  /** 2 for twice as fast; Infinity does not wait at all. */
  speed?: number;
}

/** How a replay ended: all was sent, or the client left before. */
export type ReplayEnd = 'played' | 'left';

// The longest that a timer can wait, in milliseconds.
const longestDelay = 2 ** 31 - 1;

/**
 * Sends what the recorded client was sent, at the recorded times, and ends the stream. Throws
 * LaunchError, and destroys the stream, when the recording turns out to be damaged.
 */
export async function replayTo(
  stream: Duplex,
  recording: Recording,
  { speed = 1 }: ReplayOptions = {},
): Promise<ReplayEnd> {
  const start = performance.now();
  const { signal } = departureOf(stream);
  stream.resume();
  try {
    for await (const { toClient, time, payload } of recording.frames) {
      signal.throwIfAborted();
      // Also when the client said something: its last words may be all that tells when it left.
      await until(start + time / speed, signal);
      if (toClient && !stream.write(payload)) await once(stream, 'drain', { signal });
    }
    stream.end();
    return 'played';
  } catch (error) {
    if (!signal.aborted) {
      stream.destroy();
      throw error;
    }
    stream.end();
    return 'left';
  }
}

// Whoever says goodbye is gone, too: nothing that follows would be looked at. 'finish' before we are
// done means that somebody else has ended the stream.
function departureOf(stream: Duplex): AbortController {
  const departure = new AbortController();
  const leave = () => departure.abort();
  for (const event of ['end', 'error', 'close', 'finish']) stream.on(event, leave);
  if (stream.destroyed || stream.readableEnded) leave();
  return departure;
}

async function until(time: number, signal: AbortSignal): Promise<void> {
  for (let rest = time - performance.now(); rest > 0; rest = time - performance.now()) {
    await delay(Math.min(rest, longestDelay), undefined, { signal });
  }
}
