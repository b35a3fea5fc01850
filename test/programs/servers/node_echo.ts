// Echoes with node:net; at the end of the input it adds the SHA-256 of what it read.
import { createHash } from 'node:crypto';
import { createServer } from 'node:net';

const server = createServer({ allowHalfOpen: true }, (socket) => {
  const digest = createHash('sha256');
  socket.on('data', (chunk) => {
    digest.update(chunk);
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on('drain', () => socket.resume());
  socket.on('end', () => socket.end(digest.digest()));
  // A client that vanishes ends its own connection only.
  socket.on('error', () => socket.destroy());
});
server.listen(Number(process.argv[2]), '127.0.0.1', 64);
