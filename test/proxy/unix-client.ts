// A WebSocket client that comes through a Unix socket.
import { once } from 'node:events';
import { connect } from 'node:net';

import { newKey, requestText, WebSocketClient } from '../support/client.js';
import { within } from '../support/deadline.js';
import { Wire } from '../support/wire.js';

export async function unixClient(path: string): Promise<WebSocketClient> {
  const socket = connect({ path, allowHalfOpen: true });
  await within(`a connection to ${path}`, once(socket, 'connect'));
  const wire = Wire.of(socket);
  const key = newKey();
  await wire.write(requestText({ port: 80, host: 'localhost' }, {}, key));
  return WebSocketClient.accepted(wire, key);
}
