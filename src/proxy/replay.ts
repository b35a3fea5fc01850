// `wsproxy replay`: a server that has only one session to offer, and offers it to everybody.
import { once } from 'node:events';
import { resolve } from 'node:path';

import { report } from '../launcher/progress.js';
import { WebSocketServer } from '../websocket/server.js';
import type { WebSocketStream } from '../websocket/stream.js';
import { type Address, formatAddress } from './address.js';
import { cannotListen } from './listener.js';
import { type ReplayOptions, replayTo } from './playback.js';
import { openRecording, type Recording } from './recording.js';

/**
 * Plays a recording to each client that connects, until a signal comes. Returns the exit status;
 * throws a LaunchError if the file is no recording or nobody could connect.
 */
export async function replay(
  file: string,
  address: Address,
  options: ReplayOptions,
): Promise<number> {
  const recording = await openRecording(resolve(file));
  const server = new WebSocketServer();
  // Of listen(), which rejects as well.
  server.on('error', () => undefined);
  let clients = 0;
  server.on('connection', (stream) => {
    clients += 1;
    void play(clients, stream, recording, options);
  });
  await server.listen(address).catch((error: unknown) => {
    throw cannotListen(address, error);
  });

  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? { port: bound.port } : {};
  const pace = options.speed === undefined || options.speed === 1 ? '' : ` (${options.speed}×)`;
  report('WebSocket server settings:');
  report(`  - Listen on ${formatAddress({ ...address, ...port }).replace(/^\*/, '')}`);
  report(`  - Playing ${file}${pace}`);

  const signal = await Promise.race(
    (['SIGINT', 'SIGTERM'] as const).map(async (name) => {
      await once(process, name);
      return name;
    }),
  );
  await server.close();
  if (signal === 'SIGTERM') return 0;
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  return 0;
}

async function play(
  number: number,
  stream: WebSocketStream,
  recording: Recording,
  options: ReplayOptions,
): Promise<void> {
  report(`${String(number).padStart(3)}: connected`);
  const ending = await replayTo(stream, recording, options).catch((error: unknown) =>
    error instanceof Error ? error.message : String(error),
  );
  report(`${String(number).padStart(3)}: ${ending}`);
}
