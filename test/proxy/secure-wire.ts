// A TLS connection to the proxy, behind the face of a TCP one.
import { once } from 'node:events';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';

import { newKey, requestText, WebSocketClient } from '../support/client.js';
import { within } from '../support/deadline.js';
import { Wire } from '../support/wire.js';

export interface SecureEndpoint extends ConnectionOptions {
  port: number;
}

/** Shakes hands. Rejects with the error that this ended in; trusts everybody unless `ca` is given. */
export async function secureSocket(options: SecureEndpoint): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    rejectUnauthorized: options.ca !== undefined,
    ...options,
  });
  socket.allowHalfOpen = true;
  await within('a TLS handshake', once(socket, 'secureConnect'));
  return socket;
}

export async function secureWire(options: SecureEndpoint): Promise<Wire> {
  return Wire.of(await secureSocket(options));
}

/** A WebSocket client that came by wss://. */
export async function secureClient(options: SecureEndpoint, path = '/'): Promise<WebSocketClient> {
  const wire = await secureWire(options);
  const key = newKey();
  await wire.write(requestText({ port: options.port }, { path }, key));
  return WebSocketClient.accepted(wire, key);
}
