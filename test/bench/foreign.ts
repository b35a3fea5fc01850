// What the shim adds to calls on descriptors that are not ours: a process that listens on the port
// pays that for each of its files and pipes. Two processes, plain and under the shim, have short turns
// on one CPU. What else goes on in the machine only ever adds time, so the fastest batch of each is
// taken; another round has other processes, because where they lie in memory makes a difference.
import { compile } from '../support/compile.js';
import { Server } from '../support/server.js';
import type { Figure } from './report/report.js';
import type { Settings } from './settings.js';
import { differences, spread } from './statistics.js';

const calls = {
  read: 'read(2) of a byte from /dev/zero',
  write: 'write(2) of a byte to /dev/null',
  poll: 'poll(2) of a pipe',
  epoll_wait: 'epoll_wait(2) for a pipe',
  recv: 'recv(2) that peeks at a Unix socket',
  fcntl: 'fcntl(2), F_GETFD',
} as const;

/** Seconds, so that each of them has some batches that nothing disturbs. */
const shortestTurn = 0.5;

type Call = keyof typeof calls;
const names = Object.keys(calls) as Call[];

/** The ns that the shim adds to a call, beside what the call takes without it. */
export async function foreign({ rounds, turn, progress }: Settings): Promise<Figure[]> {
  progress('calls on descriptors that are not ours');
  const program = compile({
    name: 'foreign',
    sources: ['test/bench/foreign.cc'],
    flags: ['-O2'],
  });
  const plain: Times[] = [];
  const wrapped: Times[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const fastest = await compare(program, Math.max(turn, shortestTurn));
    plain.push(fastest.plain);
    wrapped.push(fastest.wrapped);
  }
  return names.map((name) => {
    const without = plain.map((times) => times[name]);
    const added = differences(
      wrapped.map((times) => times[name]),
      without,
    );
    return {
      id: `foreign/${name}`,
      group: 'Calls on descriptors that are not ours',
      title: calls[name],
      unit: 'ns added',
      better: 'less',
      rows: [
        { contender: 'plain TCP', value: spread(without) },
        { contender: 'wswrap', value: spread(added) },
      ],
    };
  });
}

/** Nanoseconds of one call. */
type Times = Record<Call, number>;

async function compare(program: string, seconds: number) {
  const plain = await start(program, false);
  try {
    const wrapped = await start(program, true);
    try {
      const fastest = { plain: await batch(plain), wrapped: await batch(wrapped) };
      const end = performance.now() + seconds * 1000;
      while (performance.now() < end) {
        fastest.plain = minimum(fastest.plain, await batch(plain));
        fastest.wrapped = minimum(fastest.wrapped, await batch(wrapped));
      }
      return fastest;
    } finally {
      await wrapped.stop();
    }
  } finally {
    await plain.stop();
  }
}

async function start(program: string, wrapped: boolean): Promise<Server> {
  const server = await Server.start(program, (port) => [String(port)], { wrapped });
  // Without the arena the shim passes every call on, and nothing would be measured.
  if (server.lines.includes('arena yes') === wrapped) return server;
  await server.stop();
  throw new Error(`foreign: the shim is ${wrapped ? 'not ' : ''}at work`);
}

async function batch(server: Server): Promise<Times> {
  const from = server.lines.length;
  server.write('');
  const words = (await server.line(/^read /, from)).split(' ');
  return timesOf((name) => Number(words[words.indexOf(name) + 1]));
}

function minimum(a: Times, b: Times): Times {
  return timesOf((name) => Math.min(a[name], b[name]));
}

function timesOf(value: (name: Call) => number): Times {
  return Object.fromEntries(names.map((name) => [name, value(name)])) as Times;
}
