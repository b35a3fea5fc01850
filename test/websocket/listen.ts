// A server of the library on a free port, and streams with the clients at their other ends.
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import {
  WebSocketServer,
  type WebSocketServerOptions,
  type WebSocketStream,
} from '../../src/index.js';
import { type Request, WebSocketClient } from '../support/client.js';
import { within } from '../support/deadline.js';
import type { Endpoint } from '../support/wire.js';

/** The next client whose handshake is complete. */
export async function nextStream(server: WebSocketServer): Promise<WebSocketStream> {
  const [stream] = await within('a client', once(server, 'connection'));
  return stream;
}

/** Listens until the test ends; then whoever is still connected is dropped. */
export async function listening(
  t: TestContext,
  options: WebSocketServerOptions = {},
): Promise<{ server: WebSocketServer; port: number }> {
  const server = new WebSocketServer(options);
  await server.listen({ port: 0, host: '127.0.0.1' });
  const address = server.address();
  const sockets = new Set<Socket>();
  server.on('connection', ({ socket }) => sockets.add(socket));
  server.on('refused', (_status, _reason, socket) => sockets.add(socket));
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    await server.close();
  });
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 };
}

export interface Pair {
  client: WebSocketClient;
  stream: WebSocketStream;
}

/** A client of a server, and the server's stream for it. */
export async function visit(
  server: WebSocketServer,
  endpoint: Endpoint,
  request: Request = {},
): Promise<Pair> {
  const stream = nextStream(server);
  const client = await WebSocketClient.connect(endpoint, request);
  return { client, stream: await stream };
}

/** The same with a server of its own. */
export async function pair(
  t: TestContext,
  options: WebSocketServerOptions = {},
  request: Request = {},
): Promise<Pair> {
  const { server, port } = await listening(t, options);
  return visit(server, { port }, request);
}

/** What the client says, to its end. The stream stays open for writing, as it does not by itself. */
export async function readAll(stream: WebSocketStream): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stream.iterator({ destroyOnReturn: false })) parts.push(part);
  return Buffer.concat(parts);
}
