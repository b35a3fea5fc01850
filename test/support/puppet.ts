// The puppet of test/servers/puppet.c: a server that makes the very system calls a test asks for.
import type { TestContext } from 'node:test';
import { compile } from './compile.js';
import { type Server, type ServerOptions, serve } from './server.js';
import type { Wire } from './wire.js';

type Word = string | number;

/** What a call did. */
export interface Reply {
  /** What the call returned. */
  result: number;
  /** The name of its errno; `ok` when it succeeded and left errno alone. */
  error: string;
  /** What it wrote to memory, as the puppet tells it. */
  detail: string;
  /** What may differ from run to run (a port, the time that select left). */
  extra: string;
  /** Milliseconds that the call took, and milliseconds of CPU. */
  elapsed: number;
  cpu: number;
  /** Whether the thread slept in the call; undefined when nobody looked. */
  waited: boolean | undefined;
}

function parse([told = '', ...extras]: string[]): Reply {
  const times = (extras.pop() ?? '').split(' ').map(Number);
  const [elapsed = Number.NaN, cpu = Number.NaN, waits = -1] = times;
  const [result, error = '', ...detail] = told.split(' ');
  return {
    result: Number(result),
    error,
    detail: detail.join(' '),
    extra: extras.join(' '),
    elapsed,
    cpu,
    waited: waits < 0 ? undefined : waits > 0,
  };
}

/** The puppet's listener. */
export const listener = 3;

const parts = ['', '-transfer', '-pipe', '-wait', '-descriptor', '-control', '-passing', '-stream'];

/** The puppet; `raw` makes its calls through syscall(2). */
export function puppetProgram(raw = false): string {
  const flags = ['-O2', '-D_GNU_SOURCE', '-pthread'];
  return compile({
    name: raw ? 'puppet-raw' : 'puppet',
    sources: parts.map((part) => `test/servers/puppet${part}.c`),
    flags: raw ? [...flags, '-include', 'test/servers/raw.h'] : flags,
  });
}

export class Puppet {
  /** All replies in order of the requests: what a wrapped run must have in common with a plain one. */
  readonly transcript: string[] = [];
  /** For each of them whether the call had to wait, where that is no matter of timing. */
  readonly waited: (boolean | undefined)[] = [];
  /** Every word of every request. */
  readonly asked = new Set<Word>();
  #wires: Wire[] = [];
  #settled = 0;
  #asides = 0;

  constructor(readonly server: Server) {}

  static async start(
    t: TestContext,
    options: ServerOptions & { address?: string; raw?: boolean },
  ): Promise<Puppet> {
    const { address = '127.0.0.1', raw = false } = options;
    const args = (port: number) => [`port=${port}`, `address=${address}`];
    return new Puppet(await serve(t, puppetProgram(raw), args, options));
  }

  /** Makes a call. Calls are made one after the other, on the main thread. */
  call(name: string, ...args: Word[]): Promise<Reply> {
    return this.#told(String(this.transcript.length), [name, ...args]);
  }

  /** Makes a call on a thread of its own; `id` names the thread for interrupt and cancel. */
  begin(name: string, ...args: Word[]): { id: string; reply: Promise<Reply> } {
    const id = `&${this.transcript.length}`;
    return { id, reply: this.#told(id, [name, ...args]) };
  }

  /** Makes a call that the transcript does not tell of. */
  async aside(name: string, ...args: Word[]): Promise<Reply> {
    this.#asides += 1;
    return parse(await this.#request(`aside${this.#asides}`, [name, ...args]));
  }

  /** Makes a call and demands that it succeeds; returns its result. */
  async must(name: string, ...args: Word[]): Promise<number> {
    const reply = await this.call(name, ...args);
    if (reply.error !== 'ok') throw new Error(`${name} ${args.join(' ')}: ${reply.error}`);
    return reply.result;
  }

  /** Tells of a client's wire: a call that runs while something is on its way is a race. */
  watch(wire: Wire): void {
    this.#wires.push(wire);
  }

  /** Something is on its way that no wire tells of. */
  unsettle(): void {
    this.#settled = Number.NaN;
  }

  /** Everything that clients sent has arrived. */
  settle(): void {
    this.#settled = this.#sent;
  }

  get #sent(): number {
    return this.#wires.reduce((sum, { sent }) => sum + sent, 0);
  }

  get #acts(): number {
    return this.#wires.reduce((sum, { sent, taken }) => sum + sent + taken, 0);
  }

  async #told(id: string, words: Word[]): Promise<Reply> {
    const slot = this.transcript.push('') - 1;
    const acts = this.#sent === this.#settled ? this.#acts : Number.NaN;
    const parts = await this.#request(id, words);
    const request = words.map((word) => (word === this.server.port ? 'PORT' : word)).join(' ');
    this.transcript[slot] = `${request} -> ${parts[0]}`;
    const reply = parse(parts);
    this.waited[slot] = this.#acts === acts ? reply.waited : undefined;
    return reply;
  }

  // The parts of the reply.
  async #request(id: string, words: Word[]): Promise<string[]> {
    for (const word of words) this.asked.add(word);
    this.server.write(`${id} ${words.join(' ')}`);
    const line = await this.server.line(new RegExp(`^${id} `));
    return line.slice(id.length + 1).split(' | ');
  }
}
