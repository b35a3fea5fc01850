// Bytes from a socket that is not flowing, one chunk at a time: for what must be read before it is
// known who reads the rest.
import type { Socket } from 'node:net';

/** Resolves with the next bytes, or with undefined once there will be none. Never rejects. */
export function nextChunk(socket: Socket): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const events = ['readable', 'end', 'close', 'error'] as const;
    const look = () => {
      const chunk: Buffer | null = socket.read();
      if (chunk === null && !socket.destroyed && !socket.readableEnded) return;
      for (const event of events) socket.off(event, look);
      resolve(chunk ?? undefined);
    };
    for (const event of events) socket.on(event, look);
    look();
  });
}
