// A TCP client and a WebSocket client behind one face, so that one test can run against a server as
// it is and against the same server wrapped, and compare.
import { ByteQueue } from './byte-queue.js';
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
  #bytes = new ByteQueue();

  constructor(readonly wire: Wire) {}

  send(payload: Buffer): Promise<void> {
    return this.wire.write(payload);
  }

  async receive(size: number): Promise<Buffer> {
    while (this.#bytes.size < size) {
      const bytes = await this.wire.chunk();
      if (bytes === null) {
        throw new Error(`the stream ended after ${this.#bytes.size} of ${size} bytes`);
      }
      this.#bytes.push(bytes);
    }
    return this.#bytes.take(size);
  }

  async finish(): Promise<void> {
    this.wire.end();
  }

  async rest(): Promise<Buffer> {
    this.#bytes.push(await this.wire.rest());
    return this.#bytes.take();
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

/** Of the subprotocol base64: what comes are text messages, each padded for itself. */
class Base64Client extends FramingClient {
  #bytes = new ByteQueue();

  override async receive(size: number): Promise<Buffer> {
    for (this.#decode(); this.#bytes.size < size; this.#decode()) {
      if (!(await this.websocket.advance())) {
        throw new Error(`the stream ended after ${this.#bytes.size} of ${size} bytes`);
      }
    }
    return this.#bytes.take(size);
  }

  override async rest(): Promise<Buffer> {
    await this.websocket.closed();
    this.#decode();
    return this.#bytes.take();
  }

  #decode(): void {
    for (const text of this.websocket.reader.texts.splice(0)) {
      this.#bytes.push(Buffer.from(text, 'base64'));
    }
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
    connect: async (endpoint) => {
      const headers = { 'Sec-WebSocket-Protocol': framing.subprotocol };
      const client = await WebSocketClient.connect(endpoint, { headers });
      const Face = framing.subprotocol === 'base64' ? Base64Client : FramingClient;
      return new Face(client, framing, new Random(seed));
    },
  };
}
