// A scene is a conversation between a test's client and the puppet. It is played twice: against the
// puppet as it is, over TCP, and against the wrapped puppet, over WebSocket. Every system call must
// have returned the same both times; what it should return, the scene says itself.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from './deadline.js';
import { oneFrame } from './framings.js';
import { threadStates } from './kernel.js';
import { listener, Puppet } from './puppet.js';
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

  /** A client, not accepted yet. */
  async client(): Promise<Client> {
    let done = false;
    const connecting = this.transport.connect(this.puppet.server).finally(() => {
      done = true;
    });
    // A wrapped server answers the handshake from within the calls that it makes.
    while (!done) await this.puppet.aside('poll', 10, `${listener}:in`);
    const client = await connecting;
    this.t.after(() => client.wire.destroy());
    return client;
  }

  /** A client and the descriptor of its connection in the puppet. */
  async connection(): Promise<{ client: Client; fd: number }> {
    const client = await this.client();
    return { client, fd: await this.puppet.must('accept', listener) };
  }

  /** Waits until `count` calls that were begun on threads of their own wait in the kernel. */
  blocked(count: number): Promise<void> {
    const { pid } = this.puppet.server;
    return eventually(`${count} threads wait`, () => {
      const states = threadStates(pid);
      return states.length === count + 1 && states.every((state) => state === 'S');
    });
  }

  /** Sends and waits until the puppet would find all of it readable. */
  async deliver(client: Client, fd: number, payload: string): Promise<void> {
    await client.send(Buffer.from(payload));
    await this.puppet.call('poll', 10_000, `${fd}:in`);
  }
}

export interface SceneOptions {
  /** How much a call can do may differ (buffers hold headers too): do not compare. */
  incomparable?: true;
}

/** Defines a test that plays `act` both ways. */
export function scene(
  name: string,
  act: (scene: Scene) => Promise<void>,
  options: SceneOptions = {},
): void {
  test(name, async (t) => {
    const transcripts: string[][] = [];
    for (const transport of [tcp, websocket(oneFrame)]) {
      const puppet = await Puppet.start(t, { wrapped: transport.wrapped });
      try {
        await act(new Scene(t, puppet, transport));
      } catch (error) {
        const told = puppet.transcript.join('\n');
        throw new Error(`over ${transport.name}: ${error}\n${told}`, { cause: error });
      }
      transcripts.push(puppet.transcript);
    }
    if (!options.incomparable) assert.deepEqual(transcripts[1], transcripts[0]);
  });
}
