// A port that does not answer: the process that listens is stopped, and its queue is full, so that
// the kernel drops whatever else wants to connect.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';

import { elapse } from '../support/deadline.js';

const program = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(server.address().port));
`;

/** Returns the port, which stays like that until the test ends. */
export async function deafPort(t: TestContext): Promise<number> {
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const [line] = await once(child.stdout, 'data');
  const port = Number(String(line));
  child.kill('SIGSTOP');
  for (;;) {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    // A connection on loopback is made within microseconds, or not at all.
    const made = await Promise.race([once(socket, 'connect'), elapse(1000)]);
    if (made === undefined) return port;
  }
}
