// A WebSocket server of a few lines on the addon's codec, for clients that know the protocol from
// elsewhere.
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { WebSocket } from 'ws';
import { type Handshake, loadCodec, type Policy, type Receiver } from '../../src/codec.js';

const codec = loadCodec();

/** One client whose handshake was accepted. */
export interface Session {
  socket: Socket;
  handshake: Extract<Handshake, { outcome: 'accepted' }>;
  receiver: Receiver;
  /** What was received so far. */
  payload(): Buffer;
  /** Resolves once the client's Close was read and answered. */
  ended: Promise<void>;
}

export interface CodecServer extends AsyncDisposable {
  port: number;
  /** A client of the package ws that connects to it. */
  connect(protocols?: string[], options?: { origin?: string; protocolVersion?: number }): WebSocket;
  /** The session of the client that is accepted next. */
  nextSession(): Promise<Session>;
}

/** Listens on a free port of the loopback address. */
export async function codecServer(policy: Policy): Promise<CodecServer> {
  const waiting: ((session: Session) => void)[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    void shakeHands(socket, policy).then((session) => {
      if (session !== undefined) waiting.shift()?.(session);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const { port } = address;
  return {
    port,
    connect: (protocols, options) =>
      new WebSocket(`ws://127.0.0.1:${port}/some/path?and=query`, protocols ?? [], options),
    nextSession: () => new Promise((resolve) => waiting.push(resolve)),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

// Reads until negotiate() has decided; sends its answer.
async function shakeHands(socket: Socket, policy: Policy): Promise<Session | undefined> {
  let head = Buffer.alloc(0);
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    head = Buffer.concat([head, chunk]);
    const handshake = codec.negotiate(head, policy);
    if (handshake.outcome === 'partial') continue;
    if (handshake.outcome === 'refused') {
      socket.end(handshake.answer);
      return undefined;
    }
    socket.write(handshake.answer);
    return openSession(socket, handshake, head.subarray(handshake.headSize));
  }
}

function openSession(socket: Socket, handshake: Session['handshake'], early: Buffer): Session {
  const receiver = new codec.Receiver(handshake.dialect, handshake.encoding);
  const received: Buffer[] = [];
  const ended = new Promise<void>((resolve) => {
    const read = (chunk: Buffer) => {
      const room = Buffer.alloc(chunk.length + 2);
      received.push(room.subarray(0, receiver.decode(chunk, room)));
      const ping = receiver.takePing();
      if (ping !== undefined) socket.write(codec.pongFrame(ping));
      const { phase, closeCode = 1005, closeReason } = receiver;
      if (phase !== 'closed' && phase !== 'failed') return;
      socket.off('data', read);
      socket.end(codec.closeFrame(handshake.dialect, closeCode, closeReason));
      resolve();
    };
    socket.on('data', read);
    if (early.length > 0) read(early);
  });
  return { socket, handshake, receiver, payload: () => Buffer.concat(received), ended };
}
