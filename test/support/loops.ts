// The test servers of test/servers, one per style of event loop.
import { compile, type Program } from './compile.js';
import { current, musl, type Target } from './targets.js';

export interface Loop {
  name: string;
  /** Path of the executable, compiled when needed, for what this process tests if nothing is said. */
  program(target?: Target): string;
  /** The family of calls that it moves bytes with. */
  io: 'read' | 'recv' | 'readv' | 'recvmsg';
  /** Serves one client after the other, not several at once. */
  sequential?: true;
}

function loop(name: string, file: string, io: Loop['io'], ...flags: string[]): Loop {
  const program: Program = {
    name,
    sources: [`test/servers/${file}.c`],
    flags: ['-O2', '-D_GNU_SOURCE', '-pthread', ...flags],
  };
  return { name, program: (target = current) => compile({ ...program, target }), io };
}

export const blocking: Loop = { ...loop('blocking', 'blocking', 'read'), sequential: true };
export const fortified: Loop = loop('fortified', 'threads', 'read', '-D_FORTIFY_SOURCE=2');
export const threads = loop('threads', 'threads', 'recvmsg');
export const fork = loop('fork', 'fork', 'read');
export const prefork = loop('prefork', 'prefork', 'recvmsg');
export const passing = loop('passing', 'passing', 'recv');
export const select = loop('select', 'select', 'recv');
export const pselect = loop('pselect', 'select', 'readv', '-DPSELECT');
export const poll = loop('poll', 'poll', 'read');
export const ppoll = loop('ppoll', 'poll', 'recvmsg', '-DPPOLL');
export const epoll = loop('epoll', 'epoll', 'recv');
export const epollOneshot = loop('epoll-oneshot', 'epoll', 'readv', '-DONESHOT');
export const epollEdge = loop('epoll-edge', 'epoll-edge', 'read');
export const epollShort = loop('epoll-edge-short', 'epoll-edge', 'recv', '-DSTOP_ON_SHORT_READ');
export const epollThreads = loop('epoll-threads', 'epoll-threads', 'read');
export const confined = loop('confined', 'confined', 'read');
export const confinedPoll = loop('confined-poll', 'confined', 'read', '-DPOLL');
// Not among the loops: they cannot shut down, the strict one cannot even close.
export const confinedMore = loop('confined-more', 'confined', 'read', '-DPOLL', '-DNO_SHUTDOWN');
export const confinedLoosely = loop('confined-loosely', 'confined', 'read', '-DLOOSE');
export const confinedStrictly = loop('confined-strictly', 'confined', 'read', '-DSTRICT');

export const loops: readonly Loop[] = [
  blocking,
  threads,
  fork,
  prefork,
  passing,
  fortified,
  select,
  pselect,
  poll,
  ppoll,
  epoll,
  epollOneshot,
  epollEdge,
  epollShort,
  epollThreads,
  // musl writes to streams by writev(2), which the sandbox forbids.
  ...(current === musl ? [] : [confined, confinedPoll]),
];

export interface ServerWords {
  mode: 'echo' | 'sink' | 'source' | 'spill';
  bytes?: number;
  buffer?: number;
  address?: string;
  io?: Loop['io'];
}

/** The command line of a test server (test/servers/options.h). */
export function words(options: ServerWords): (port: number) => string[] {
  return (port) => Object.entries({ port, ...options }).map(([name, value]) => `${name}=${value}`);
}
