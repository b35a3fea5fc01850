// netcat: the smallest server there is, one connection long.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { atRandom, oneFrame } from '../support/framings.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { tcp, websocket } from '../support/transport.js';
import { Command } from './command.js';

const clean = { code: 0, signal: null };

describe('netcat', { skip: requires('nc.openbsd') }, () => {
  for (const transport of [tcp, websocket(oneFrame), websocket(atRandom)]) {
    const { name, wrapped } = transport;

    test(`client to stdout over ${name}`, async (t) => {
      const payload = generate(5000);
      const words = (port: number) => ['nc.openbsd', '-d', '-l', '127.0.0.1', String(port)];
      const netcat = await Command.start(t, words, { wrapped });
      const client = await transport.connect(netcat);
      await client.send(payload);
      await client.finish();
      assert.deepEqual(await netcat.exit(), clean);
      assert.ok(Buffer.concat(netcat.stdout).equals(payload));
      assert.equal((await client.rest()).length, 0);
    });
  }

  for (const transport of [tcp, websocket()]) {
    const { name, wrapped } = transport;

    test(`stdin to client over ${name}`, async (t) => {
      const payload = generate(1 << 20);
      // -N: tell the client when stdin ends.
      const words = (port: number) => ['nc.openbsd', '-N', '-l', '127.0.0.1', String(port)];
      const netcat = await Command.start(t, words, { wrapped });
      const client = await transport.connect(netcat);
      netcat.child.stdin?.end(payload);
      assert.ok((await client.rest()).equals(payload));
      // The client may still speak after the server has finished.
      await client.send(Buffer.from('thank you'));
      await client.finish();
      assert.deepEqual(await netcat.exit(), clean);
      assert.equal(netcat.output, 'thank you');
    });
  }
});
