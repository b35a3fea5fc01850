// The swarm of test/clients/swarm.c: many clients of one echo server, who check every byte.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { compile } from './compile.js';
import { seedOfThisRun } from './random.js';

export interface Swarm {
  port: number;
  /** At once. */
  clients: number;
  /** For so long, or until so many visits were made. */
  seconds?: number;
  visits?: number;
  /** The most that a visit sends. */
  bytes: number;
  /** How long a visit may pause now and then, in milliseconds. */
  rest?: number;
  /** The server's processes are killed now and then: visits may end early. */
  killed?: 1;
  /** Somebody garbles connections: anything may come back. */
  garbled?: 1;
}

export interface SwarmResult {
  visits: number;
  /** How many clients were connected at once, at most. */
  open: number;
}

/** Lets a swarm visit a server. Throws with the first thing that a client had to complain of. */
export async function swarm(options: Swarm, seed = seedOfThisRun()): Promise<SwarmResult> {
  const program = compile({
    name: 'swarm',
    sources: ['test/clients/swarm.c'],
    flags: ['-O2', '-D_GNU_SOURCE'],
  });
  const words = Object.entries({ ...options, seed }).map(([name, value]) => `${name}=${value}`);
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  await once(child, 'close');
  const result = /^visits (\d+) bytes \d+ open (\d+) /m.exec(output);
  if (result === null) throw new Error(`swarm ${words.join(' ')}: ${output}`);
  return { visits: Number(result[1]), open: Number(result[2]) };
}
