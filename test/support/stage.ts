// A wrapped puppet and a WebSocket client of it, for tests of what TCP has no equal to.
import type { TestContext } from 'node:test';
import { WebSocketClient } from './client.js';
import { listener, Puppet } from './puppet.js';
import type { ServerOptions } from './server.js';
import type { Endpoint } from './wire.js';

export interface Connection {
  client: WebSocketClient;
  /** Its descriptor in the puppet. */
  fd: number;
}

type Options = Omit<ServerOptions, 'wrapped'>;

export function wrappedPuppet(t: TestContext, options: Options = {}): Promise<Puppet> {
  return Puppet.start(t, { ...options, wrapped: true });
}

/** Connects a client and has the puppet accept it. */
export async function connection(
  t: TestContext,
  puppet: Puppet,
  endpoint: Endpoint = puppet.server,
): Promise<Connection> {
  const connecting = WebSocketClient.connect(endpoint);
  const fd = await puppet.must('accept', listener);
  const client = await connecting;
  t.after(() => client.wire.destroy());
  return { client, fd };
}

/** A wrapped puppet with one connection. */
export async function stage(t: TestContext, options: Options = {}) {
  const puppet = await wrappedPuppet(t, options);
  return { puppet, ...(await connection(t, puppet)) };
}
