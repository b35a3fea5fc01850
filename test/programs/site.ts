// Files for web servers to send, and clients that fetch them.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, openSync, writeSync } from 'node:fs';
import { generate } from '../support/payload.js';
import type { Client, Transport } from '../support/transport.js';
import type { Endpoint } from '../support/wire.js';
import { get, head, response } from './http-by-hand.js';

const megabyte = 1 << 20;

/** What the file `small` of a site holds. */
export const small = generate(3000);

/** Makes a file of that many megabytes, no two alike; returns its SHA-256. */
export function makeFile(path: string, megabytes: number): string {
  const digest = createHash('sha256');
  const file = openSync(path, 'w');
  for (let i = 1; i <= megabytes; i += 1) {
    const part = generate(megabyte, i);
    digest.update(part);
    writeSync(file, part);
  }
  closeSync(file);
  return digest.digest('hex');
}

/** Asks `times` times for `small` on one connection. */
export async function browse(client: Client, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    await client.send(get('/small'));
    const { status, body } = await response(client);
    assert.equal(status, 200);
    assert.ok(body.equals(small));
  }
}

/** That many clients at once, who ask for `small` again and again; then they leave. */
export async function crowd(transport: Transport, endpoint: Endpoint, size: number): Promise<void> {
  const visits = Array.from({ length: size }, async () => {
    const client = await transport.connect(endpoint);
    await browse(client, 5);
    await client.finish();
    await client.ended();
    client.wire.destroy();
  });
  await Promise.all(visits);
}

/** Does the work while clients come, ask for `small` once and go: each must be served. */
export async function whileVisited(
  transport: Transport,
  endpoint: Endpoint,
  work: () => Promise<void>,
): Promise<void> {
  let over = false;
  const visit = async () => {
    const client = await transport.connect(endpoint);
    await client.send(get('/small', 'Connection: close'));
    assert.ok((await response(client)).body.equals(small));
    await client.finish();
    await client.ended();
  };
  const visitors = Array.from({ length: 20 }, async () => {
    while (!over) await visit();
  });
  const worked = work().finally(() => {
    over = true;
  });
  await Promise.all([...visitors, worked]);
}

/** Asks for a file whose response is then fetched by `rest`; returns its size. */
export async function request(client: Client, path: string): Promise<number> {
  await client.send(get(path));
  const { status, size } = await head(client);
  assert.equal(status, 200);
  return size;
}

/** The SHA-256 of the next `size` bytes, which were preceded by what `digest` has. */
export async function fetchRest(client: Client, size: number, digest = createHash('sha256')) {
  for (let left = size; left > 0; ) {
    const part = await client.receive(Math.min(left, megabyte));
    digest.update(part);
    left -= part.length;
  }
  return digest.digest('hex');
}
