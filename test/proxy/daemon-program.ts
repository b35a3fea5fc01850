// A server that goes to the background, for daemon.test.ts: `daemon-program.js PORT ACTION [FILE]`.
// It prints its number first, and answers each client with what it knows about itself.
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';

import { runCli } from '../../src/cli/run.js';
import { LaunchError } from '../../src/errors.js';
import { announceReady, daemonize, isDaemon } from '../../src/proxy/daemon.js';

const [port = '', action = '', file = ''] = process.argv.slice(2);

async function listen(): Promise<void> {
  const server = createServer((client) => {
    const { pid, connected } = process;
    const facts = { pid, connected, umask: process.umask(), variables: Object.keys(process.env) };
    client.end(JSON.stringify(facts));
  });
  try {
    await once(server.listen(Number(port), '127.0.0.1'), 'listening');
  } catch (error) {
    throw new LaunchError('CANNOT_LISTEN', String(error), 'choose another port', 7);
  }
}

async function appears(path: string): Promise<void> {
  const changes = watch(dirname(path));
  while (!existsSync(path)) await once(changes, 'change');
  changes.close();
}

await runCli(async () => {
  if (!isDaemon()) await daemonize();
  console.log(process.pid);
  if (action === 'wait') await appears(file);
  if (action === 'exit') process.exit(3);
  if (action === 'crash') setImmediate(() => Reflect.apply(JSON.parse, undefined, ['crash']));
  if (action === 'crash') await new Promise(() => {});
  if (action === 'die') process.kill(process.pid, 'SIGKILL');
  await listen();
  console.error('listening');
  await announceReady();
  console.log('nobody reads this');
}, 'daemon-program');
