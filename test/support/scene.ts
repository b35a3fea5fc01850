// A scene is a conversation between a test's client and the puppet. It is played against the puppet
// as it is, over TCP, and against the wrapped puppet, over WebSocket, once for each way of framing.
// Every system call must have returned the same every time, and have waited or not as the plain one
// did; what it should return, the scene says itself. Once more the wrapped puppet makes its calls
// through syscall(2).
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { eventually } from './deadline.js';
import { arrivals, type Framing, oneFrame } from './framings.js';
import { threadStates } from './kernel.js';
import { listener, Puppet } from './puppet.js';
import { isNative } from './targets.js';
import { type Client, type Transport, tcp, websocket } from './transport.js';

export class Scene {
  constructor(
    readonly t: TestContext,
    readonly puppet: Puppet,
    readonly transport: Transport,
  ) {}

  get wrapped(): boolean {
    return this.transport.wrapped;
  }

  /** A client on its way: what the puppet calls meanwhile must answer a handshake. */
  async connect(): Promise<Client> {
    this.puppet.unsettle();
    const client = await this.transport.connect(this.puppet.server);
    this.t.after(() => client.wire.destroy());
    this.puppet.watch(client.wire);
    return client;
  }

  /** A client, not accepted yet. */
  client(): Promise<Client> {
    return this.#meanwhile(this.connect());
  }

  // A wrapped server does our part of its work from within the calls that it makes.
  async #meanwhile<T>(promise: Promise<T>): Promise<T> {
    let done = false;
    const settled = promise.finally(() => {
      done = true;
    });
    settled.catch(() => undefined); // until it is awaited
    while (!done) await this.puppet.aside('poll', 10, `${listener}:in`);
    return settled;
  }

  /** A client and the descriptor of its connection in the puppet. */
  async connection(): Promise<{ client: Client; fd: number }> {
    const client = await this.client();
    const fd = await this.puppet.must('accept', listener);
    this.puppet.settle();
    return { client, fd };
  }

  /** Waits until `count` calls that were begun on threads of their own wait in the kernel. */
  blocked(count: number): Promise<void> {
    const { pid } = this.puppet.server;
    return eventually(`${count} threads wait`, () => {
      const states = threadStates(pid);
      return states.length === count + 1 && states.every((state) => state === 'S');
    });
  }

  /** Sends and waits until all of it has arrived and the puppet would find it readable. */
  async deliver(client: Client, fd: number, payload: string): Promise<void> {
    await client.send(Buffer.from(payload));
    await this.arrival(client, fd);
    await this.puppet.call('poll', 10_000, `${fd}:in`);
  }

  /** Receives from a puppet that meanwhile waits for another client, as servers do. */
  receive(client: Client, size: number): Promise<Buffer> {
    return this.#meanwhile(client.receive(size));
  }

  /** Waits until everything that the client sent is in the kernel's hands on the puppet's side. */
  async arrival(client: Client, fd: number): Promise<void> {
    const { socket } = client.wire;
    while ((await this.puppet.aside('bytes-received', fd)).result < socket.bytesWritten);
    this.puppet.settle();
  }
}

export interface SceneOptions {
  /** How much a call can do may differ (buffers hold headers too): do not compare. */
  incomparable?: true;
  /** In place of all framings whose payload arrives at once. */
  framings?: readonly Framing[];
}

/** What a scene shows: behaviours, and for each the calls that have it, separated by blanks. */
export type Shown = Readonly<Record<string, string>>;

/** The puppet's words for calls whose name it does not use. */
const callOfWord: Readonly<Record<string, string>> = {
  'accept-anonymous': 'accept',
  ...{ getfl: 'fcntl', setfl: 'fcntl', getfd: 'fcntl', dupfd: 'fcntl', 'dupfd-cloexec': 'fcntl' },
  ...{ fionread: 'ioctl', fionbio: 'ioctl', fioasync: 'ioctl' },
  ...{ siocoutq: 'ioctl', siocatmark: 'ioctl' },
  'listen-on': 'listen',
  option: 'setsockopt',
  'pending-error': 'getsockopt',
  'read-all': 'read',
  ...{ 'positioned-read': 'preadv2', 'positioned-write': 'pwritev2' },
  'recvmsg-pieces': 'recvmsg',
  'select-all': 'select',
  'send-all': 'write',
  'sendfile-from': 'sendfile',
  'sendmsg-pieces': 'sendmsg',
  worker: 'epoll_wait',
};

function callOf(word: string): string {
  return callOfWord[word] ?? word;
}

let announced: Shown = {};

/** Says what the next scene shows, for the table of calls (calls-table.ts). */
export function shows(shown: Shown): void {
  const calls = (text: string) => text.split(' ').map(callOf).join(' ');
  announced = Object.fromEntries(
    Object.entries(shown).map(([behaviour, text]) => [behaviour, calls(text)]),
  );
}

/** Where a run that is only asked what the scenes show writes it, a line of JSON for each. */
export const listVariable = 'WSWRAP_LIST_SCENES';

// A scene must make the calls of which it claims to show something.
function assertShown(shown: Shown, asked: Play['asked']): void {
  const made = new Set([...asked].map((word) => callOf(String(word))));
  for (const call of Object.values(shown).flatMap((calls) => calls.split(' '))) {
    assert.ok(made.has(call), `the scene never calls ${call}`);
  }
}

interface Play {
  name: string;
  transcript: readonly string[];
  waited: readonly (boolean | undefined)[];
  asked: Puppet['asked'];
}

async function play(
  t: TestContext,
  transport: Transport,
  act: (scene: Scene) => Promise<void>,
  raw = false,
): Promise<Play> {
  const puppet = await Puppet.start(t, { wrapped: transport.wrapped, raw });
  const name = raw ? `${transport.name}, through syscall(2)` : transport.name;
  try {
    await act(new Scene(t, puppet, transport));
  } catch (error) {
    const told = puppet.transcript.join('\n');
    throw new Error(`over ${name}: ${error}\n${told}`, { cause: error });
  }
  const { transcript, waited, asked } = puppet;
  return { name, transcript, waited, asked };
}

/** What a play told, with whether the calls waited as far as that is known of the other, too. */
function comparable(one: Play, other: Play): string[] {
  return one.transcript.map((line, i) => {
    const { [i]: waited } = one.waited;
    if (waited === undefined || other.waited[i] === undefined) return line;
    return `${line} (${waited ? 'waited' : 'at once'})`;
  });
}

/** Defines a test that plays `act` in every way. */
export function scene(
  name: string,
  act: (scene: Scene) => Promise<void>,
  options: SceneOptions = {},
): void {
  const shown = announced;
  announced = {};
  const list = process.env[listVariable];
  if (list !== undefined) appendFileSync(list, `${JSON.stringify(shown)}\n`);
  test(name, async (t) => {
    // The engines are the same for other kinds of programs; their raw calls are others.
    const framings = isNative ? (options.framings ?? arrivals) : [oneFrame];
    const transports = framings.map((framing) => websocket(framing));
    const raw = () => play(t, websocket(oneFrame), act, true);
    const plays = [
      () => play(t, tcp, act),
      ...transports.map((transport) => () => play(t, transport, act)),
      ...(isNative ? [raw] : []),
    ];
    const [native, ...wrapped] = await Promise.all(plays.map((one) => one()));
    if (native === undefined) return;
    assertShown(shown, native.asked);
    if (options.incomparable) return;
    for (const [i, one] of wrapped.entries()) {
      assert.deepEqual(one.transcript, native.transcript, one.name);
      if (isDeepStrictEqual(comparable(one, native), comparable(native, one))) continue;
      // A page that had to be fetched looks like a wait, but not twice.
      const again = (await plays[i + 1]?.()) ?? one;
      const reference = await play(t, tcp, act);
      assert.deepEqual(comparable(again, reference), comparable(reference, again), one.name);
    }
  });
}
