// A TCP server of a test, to be reached through the proxy.
import { once } from 'node:events';
import { type AddressInfo, createServer, type ListenOptions, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

import { Wire } from '../support/wire.js';

export interface TargetServer {
  port: number;
  /** The next connection that comes, as a Wire. */
  next(): Promise<Wire>;
  /** All connections so far. */
  sockets: readonly Socket[];
}

/** Listens until the test ends; `serve` is called for each connection, if nobody asks for it. */
export async function targetServer(
  t: TestContext,
  serve?: (socket: Socket) => void,
  where: ListenOptions = { port: 0, host: '127.0.0.1' },
): Promise<TargetServer> {
  const sockets: Socket[] = [];
  const arrived: Socket[] = [];
  const waiting: ((socket: Socket) => void)[] = [];
  const server = createServer(
    { allowHalfOpen: true, pauseOnConnect: serve === undefined },
    (socket) => {
      socket.on('error', () => undefined);
      sockets.push(socket);
      if (serve !== undefined) return serve(socket);
      const waiter = waiting.shift();
      if (waiter === undefined) arrived.push(socket);
      else waiter(socket);
    },
  );
  server.listen(where);
  await once(server, 'listening');
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  const address = server.address() as AddressInfo;
  return {
    port: address.port,
    sockets,
    async next() {
      const socket =
        arrived.shift() ?? (await new Promise<Socket>((resolve) => waiting.push(resolve)));
      return Wire.of(socket);
    },
  };
}

/** A server that sends back what it gets. */
export function echoServer(t: TestContext): Promise<TargetServer> {
  return targetServer(t, (socket) => socket.pipe(socket));
}
