// A TCP client and a WebSocket client behind one face, so that one test can run against a server as
// it is and against the same server wrapped, and compare.
import { WebSocketClient } from './client.js';
import { type Framing, oneFrame } from './framings.js';
import { Random, seedOfThisRun } from './random.js';
import { type Endpoint, Wire } from './wire.js';

export interface Client {
  readonly wire: Wire;
  /** Sends payload; resolves when the kernel has taken all of it. */
  send(payload: Buffer): Promise<void>;
  /** Exactly `size` bytes of payload. Throws when the stream ends before. */
  receive(size: number): Promise<Buffer>;
  /** Says that nothing more will be sent: FIN, or a Close frame. Reading goes on. */
  finish(): Promise<void>;
  /** Payload up to the server's end. Throws ECONNRESET when it was not a decent one. */
  rest(): Promise<Buffer>;
  /** Waits for the server's FIN. */
  ended(): Promise<void>;
}

export interface Transport {
  name: string;
  /** Whether the server has to be wrapped for it. */
  wrapped: boolean;
  connect(endpoint: Endpoint): Promise<Client>;
}

class TcpClient implements Client {
  #front: Buffer = Buffer.alloc(0);

  constructor(readonly wire: Wire) {}

  send(payload: Buffer): Promise<void> {
    return this.wire.write(payload);
  }

  async receive(size: number): Promise<Buffer> {
    const chunks = [this.#front];
    let have = this.#front.length;
    while (have < size) {
      const bytes = await this.wire.chunk();
      if (bytes === null) throw new Error(`the stream ended after ${have} of ${size} bytes`);
      chunks.push(bytes);
      have += bytes.length;
    }
    const all = Buffer.concat(chunks);
    this.#front = all.subarray(size);
    return all.subarray(0, size);
  }

  async finish(): Promise<void> {
    this.wire.end();
  }

  async rest(): Promise<Buffer> {
    const front = this.#front;
    this.#front = Buffer.alloc(0);
    return Buffer.concat([front, await this.wire.rest()]);
  }

  async ended(): Promise<void> {
    await this.wire.rest();
  }
}

class FramingClient implements Client {
  readonly wire: Wire;

  constructor(
    readonly websocket: WebSocketClient,
    readonly framing: Framing,
    readonly random: Random,
  ) {
    this.wire = websocket.wire;
  }

  async send(payload: Buffer): Promise<void> {
    for (const segment of this.framing.segments(payload, this.random)) {
      await this.wire.write(segment);
      if (this.framing.stepwise && segment.length <= 14) await this.wire.consumed();
    }
  }

  receive(size: number): Promise<Buffer> {
    return this.websocket.receive(size);
  }

  finish(): Promise<void> {
    return this.websocket.close(1000);
  }

  rest(): Promise<Buffer> {
    return this.websocket.rest();
  }

  ended(): Promise<void> {
    return this.websocket.ended();
  }
}

export const tcp: Transport = {
  name: 'TCP',
  wrapped: false,
  connect: async (endpoint) => new TcpClient(await Wire.connect(endpoint)),
};

/** A WebSocket transport; `seed` is part of its name so that a failure names it. */
export function websocket(framing: Framing = oneFrame, seed = seedOfThisRun()): Transport {
  return {
    name: `WebSocket, ${framing.name} (WSWRAP_TEST_SEED=${seed})`,
    wrapped: true,
    connect: async (endpoint) =>
      new FramingClient(await WebSocketClient.connect(endpoint), framing, new Random(seed)),
  };
}
