// The end of a connection on which the last word was said. A socket that is closed with unread input
// answers with a reset, which can cost the peer bytes that are still on their way to it (the Close
// frame, the reason of a refusal). So what comes is discarded for a while.
import type { Socket } from 'node:net';

const mostBytes = 64 * 1024;
const mostTime = 2000;

/**
 * Sends FIN after what was written, discards input until the peer's FIN (at most 64 KiB, at most 2
 * seconds), then closes. Nobody else may listen for input any more.
 */
export function linger(socket: Socket): void {
  if (socket.destroyed) return;
  const timer = setTimeout(() => socket.destroy(), mostTime);
  socket.once('close', () => clearTimeout(timer));
  const { bytesRead } = socket;
  socket.on('data', () => {
    if (socket.bytesRead - bytesRead > mostBytes) socket.destroy();
  });
  socket.once('end', () => socket.destroySoon());
  if (socket.readableEnded) socket.destroySoon();
  else socket.end();
  socket.resume();
}
