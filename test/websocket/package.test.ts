// The package as its users have it: imported by its name, with types that a strict program accepts.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import * as source from '../../src/index.js';
import { packageRoot } from '../../src/paths.js';
import { scratch } from '../launcher/run.js';
import { WebSocketClient } from '../support/client.js';

const run = promisify(execFile);

const consumer = `
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import {
  type Close,
  type Codec,
  loadCodec,
  type Receiver,
  type StreamOptions,
  WebSocketError,
  WebSocketServer,
  type WebSocketServerOptions,
  WebSocketStream,
} from 'wswrap';

// Fails to compile for \`any\`, which every type extends and is extended by.
type IsAny<T> = 0 extends 1 & T ? true : false;
type Known<T> = IsAny<T> extends true ? never : T;

const options: WebSocketServerOptions & StreamOptions = { text: true, maxConnections: 3 };
const server = new WebSocketServer(options);
server.on('connection', (stream) => {
  const known: Known<typeof stream> = stream;
  const duplex: Duplex = known;
  const close: Close | undefined = stream.peerClose;
  const path: Known<typeof stream.path> = stream.path;
  stream.on('error', (error: Error) => {
    if (error instanceof WebSocketError) {
      const code: 'ERR_WEBSOCKET_PROTOCOL' | 'ERR_WEBSOCKET_TIMEOUT' = error.code;
      console.log(code, error.closeCode);
    }
  });
  stream.close(1000, path + String(close?.code));
  duplex.end();
});
server.on('refused', (status, reason) => {
  const known: [Known<typeof status>, Known<typeof reason>] = [status, reason];
  const [number, text]: [number, string] = known;
  console.log(number, text);
});
// @ts-expect-error: there is no such event
server.on('conection', () => undefined);
// @ts-expect-error: there is no such option
new WebSocketServer({ origin: '*' });
const codec: Known<Codec> = loadCodec();
const receiver: Receiver = new codec.Receiver('rfc6455', 'binary');
// @ts-expect-error: there is no such dialect
new codec.Receiver('rfc6456', 'binary');
const handshake = codec.negotiate(new Uint8Array(), {});
if (handshake.outcome === 'accepted') console.log(handshake.subprotocol satisfies string);
console.log(receiver.decode(new Uint8Array()) satisfies number, WebSocketStream.name, once);
`;

test('import of its name gives what the sources export, and works', async () => {
  const name = 'wswrap';
  const wswrap: typeof source = await import(name);
  assert.deepEqual(Object.keys(wswrap).sort(), Object.keys(source).sort());
  const server = new wswrap.WebSocketServer();
  await server.listen({ port: 0, host: '127.0.0.1' });
  server.on('connection', (stream) => stream.end('hello'));
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const client = await WebSocketClient.connect({ port: address.port });
  assert.equal(String(await client.rest()), 'hello');
  await client.close(1000);
  client.wire.destroy();
  await server.close();
});

test('a strict program compiles against its types', async (t) => {
  const folder = scratch(t);
  mkdirSync(join(folder, 'node_modules/@types'), { recursive: true });
  symlinkSync(packageRoot, join(folder, 'node_modules/wswrap'));
  const types = join(packageRoot, 'node_modules/@types/node');
  symlinkSync(types, join(folder, 'node_modules/@types/node'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(folder, 'consumer.ts'), consumer);
  const tsc = join(packageRoot, 'node_modules/.bin/tsc');
  const options = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--types', 'node'];
  options.push('--module', 'nodenext', '--target', 'es2022');
  // What a user's compiler checks is the declarations alone.
  await run(tsc, [...options, 'consumer.ts'], { cwd: folder }).catch((error) =>
    assert.fail(error.stdout),
  );
});

test('its declarations have no any', () => {
  const files = ['index', 'codec', 'websocket/error', 'websocket/opening', 'websocket/server'];
  for (const file of [...files, 'websocket/stream']) {
    const text = readFileSync(join(packageRoot, 'dist/src', `${file}.d.ts`), 'utf8');
    assert.doesNotMatch(text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''), /\bany\b/, file);
  }
});
