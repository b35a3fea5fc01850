// Node's own HTTP client in front of servers of HTTP: over TCP directly, over WebSocket by a bridge.
import { type Agent, request } from 'node:http';
import type { TestContext } from 'node:test';
import { bridge } from '../support/bridge.js';
import { atRandom, type Framing } from '../support/framings.js';
import type { Transport } from '../support/transport.js';
import type { Endpoint } from '../support/wire.js';

export interface Answer {
  status: number;
  body: Buffer;
  /** Over a connection that had served a request before. */
  reused: boolean;
}

/** The port at which a client that only speaks TCP reaches the server. */
export async function reach(
  t: TestContext,
  server: Endpoint,
  { wrapped }: Transport,
  framing: Framing = atRandom,
): Promise<number> {
  return wrapped ? bridge(t, server, framing) : server.port;
}

/** Asks, with POST where there is a body. Rejects when the connection ends before the answer. */
export function ask(
  port: number,
  path: string,
  { agent, body }: { agent?: Agent; body?: Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    // Without an agent, a connection of its own.
    const connection = { host: '127.0.0.1', port, agent: agent ?? false };
    const asking = request({ ...connection, method, path }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const { statusCode: status = 0 } = response;
        resolve({ status, body: Buffer.concat(chunks), reused: asking.reusedSocket });
      });
    });
    asking.on('error', reject);
    asking.end(body);
  });
}
