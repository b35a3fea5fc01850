// HTTP requests byte by byte: fetch() and http.request() would tidy the path.
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { within } from '../support/deadline.js';

export interface Answer {
  status: number;
  /** By names in lower case. */
  headers: Record<string, string>;
  body: Buffer;
}

/** Serves on loopback until the test ends. Returns the port. */
export async function serve(
  t: TestContext,
  handler: RequestListener,
  onConnection: (socket: Socket) => void = () => undefined,
): Promise<number> {
  const server = createServer(handler).on('connection', onConnection);
  // Only the handler ends a connection.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

export interface RequestOptions {
  method?: string;
  headers?: Record<string, string>;
}

/** A request as it goes over the wire; each character of the target is one byte. */
export function requestText(
  target: string,
  { method = 'GET', headers = {} }: RequestOptions = {},
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${lines.join('')}\r\n`;
}

/** Sends one request and reads its answer to the end of the connection. */
export async function get(port: number, target: string, options?: RequestOptions): Promise<Answer> {
  const socket = connect(port, '127.0.0.1');
  socket.write(requestText(target, options), 'latin1');
  const bytes = await within(`the answer to ${target}`, allOf(socket));
  const end = bytes.indexOf('\r\n\r\n');
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  return {
    status: Number(first.split(' ')[1]),
    headers: Object.fromEntries(headers),
    body: bytes.subarray(end + 4),
  };
}

async function allOf(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  return Buffer.concat(chunks);
}
