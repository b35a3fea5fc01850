// An HTTP/1.1 client that sends and takes what it is told to, over any transport: requests may be
// pipelined, and a response need not be taken at once. (http.ts has a client for everything else.)
import { parseHead, type Response } from '../support/client.js';
import type { Client } from '../support/transport.js';

function request(method: string, path: string, headers: string[]): Buffer {
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: localhost', ...headers];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

/** A request for `path` (RFC 9112 section 3). */
export function get(path: string, ...headers: string[]): Buffer {
  return request('GET', path, headers);
}

/** The head of a request with a body of `size` bytes. */
export function post(path: string, size: number): Buffer {
  return request('POST', path, [`Content-Length: ${size}`]);
}

/** The next response's head, and how long its body is. Throws if it does not say. */
export async function head(client: Client): Promise<Omit<Response, 'body'> & { size: number }> {
  let text = '';
  while (!text.endsWith('\r\n\r\n')) text += (await client.receive(1)).toString('latin1');
  const parsed = parseHead(text.slice(0, -4));
  const size = Number(parsed.headers.get('content-length') ?? Number.NaN);
  if (Number.isNaN(size)) throw new Error(`no length in ${text}`);
  return { ...parsed, size };
}

/** The next response on a connection. */
export async function response(client: Client): Promise<Response> {
  const { size, ...rest } = await head(client);
  return { ...rest, body: await client.receive(size) };
}
