// Clients of a proxy in front of an echo server, and what a test asks about them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';

import { makeCertificate } from '../../src/proxy/certificate.js';
import { scratch } from '../launcher/run.js';
import { newKey, requestText, WebSocketClient } from '../support/client.js';
import { within } from '../support/deadline.js';
import { closeFrame } from '../support/frame.js';
import { Wire } from '../support/wire.js';

/** A client that has proved that it reaches the echo server. */
export async function visit(port: number): Promise<WebSocketClient> {
  const client = await WebSocketClient.connect({ port });
  await echo(client);
  return client;
}

/** One word there and back. */
export async function echo(client: WebSocketClient, word = 'hello'): Promise<void> {
  await client.send(word);
  assert.equal((await within('the echo', client.receive(word.length))).toString(), word);
}

/** Ends it as a browser does. */
export async function leave(client: WebSocketClient): Promise<void> {
  await client.close(1000);
  await within('the answer to the Close frame', client.ended());
  client.wire.end();
}

/** Takes leave of a server that is going away. */
export async function dismissed(client: WebSocketClient): Promise<void> {
  assert.equal(await within('a Close frame', client.closed()), 1001);
  // The server may have lost patience by now.
  client.wire.socket.end(closeFrame(1001));
}

/** A self-signed certificate with its key, in a file of its own. */
export async function certificate(t: TestContext): Promise<string> {
  const file = join(scratch(t), 'self.pem');
  await makeCertificate({ file, names: [], days: 30 });
  return file;
}

/** The same by wss://, for a server with the certificate of this file. */
export async function visitSecurely(port: number, file: string): Promise<WebSocketClient> {
  const socket = connect({ port, host: '127.0.0.1', ca: readFileSync(file) });
  await within('the TLS handshake', once(socket, 'secureConnect'));
  const wire = Wire.of(socket);
  const key = newKey();
  await wire.write(requestText({ port }, {}, key));
  const client = await WebSocketClient.accepted(wire, key);
  await echo(client);
  return client;
}
