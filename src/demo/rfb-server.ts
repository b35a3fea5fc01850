// A remote desktop for the demo: an ordinary RFB server on TCP. It knows nothing of WebSocket; that
// is the point. Usage: node rfb-server.js PORT [ADDRESS]
import { createServer } from 'node:net';

import { RfbSession } from './rfb-session.js';
import { Scene } from './scene.js';

const framesPerSecond = 25;

const [port = '5901', address = '127.0.0.1'] = process.argv.slice(2);
const scene = new Scene();
const sessions = new Set<RfbSession>();
const seconds = () => performance.now() / 1000;
let timer: NodeJS.Timeout | undefined;

function frame(): void {
  scene.animate(seconds());
  for (const session of sessions) session.update();
}

const server = createServer((socket) => {
  const session = new RfbSession(socket, scene, seconds);
  sessions.add(session);
  // Nothing moves while nobody looks.
  timer ??= setInterval(frame, 1000 / framesPerSecond);
  socket.on('close', () => {
    sessions.delete(session);
    if (sessions.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  });
});

server.on('error', (error) => {
  console.error(`rfb-server: ${error.message}`);
  process.exitCode = 1;
});
server.listen(Number(port), address, () => console.log(`listening on ${address}, port ${port}`));
