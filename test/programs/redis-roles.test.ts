// redis-server in its other roles: a broker of messages, a master and its replica, a server with
// threads for its input and output.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { eventually } from '../support/deadline.js';
import { atRandom } from '../support/framings.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { tcp, websocket } from '../support/transport.js';
import { assertIdle, keepsNoMoreThan, socketsOf } from './household.js';
import { reach } from './http.js';
import { ask, bulk, command, redis } from './redis.js';

const clean = { code: 0, signal: null };

describe('redis', { skip: requires('redis-server', 'redis-cli') }, () => {
  for (const transport of [tcp, websocket(atRandom)]) {
    test(`messages to subscribers over ${transport.name}`, async (t) => {
      const server = await redis(t, transport);
      const held = socketsOf(server.pid);
      const confirmation = reply(bulk('subscribe'), bulk('news'), ':1\r\n');
      const subscribers = Array.from({ length: 5 }, async () => {
        const client = await transport.connect(server);
        await ask(client, command('SUBSCRIBE', 'news'), confirmation);
        return client;
      });
      const listening = await Promise.all(subscribers);
      const messages = Array.from({ length: 200 }, (_, i) => generate(i * 7, i + 1));
      const expected = Buffer.concat(
        messages.map((message) => reply(bulk('message'), bulk('news'), bulk(message))),
      );
      const received = listening.map((client) => client.receive(expected.length));
      const publisher = await transport.connect(server);
      const published = messages.map((message) => command('PUBLISH', 'news', message));
      await ask(publisher, Buffer.concat(published), ':5\r\n'.repeat(messages.length));
      for (const bytes of await Promise.all(received)) assert.ok(bytes.equals(expected));
      await assertIdle(server.pid);

      // All of them are shown the door.
      await ask(publisher, command('CLIENT', 'KILL', 'TYPE', 'pubsub'), ':5\r\n');
      for (const client of listening) {
        assert.equal((await client.rest()).length, 0);
        await client.finish().catch(() => undefined);
        client.wire.destroy();
      }
      await ask(publisher, command('PUBLISH', 'news', 'anybody?'), ':0\r\n');
      publisher.wire.destroy();
      await keepsNoMoreThan(held, server.pid);
      assert.deepEqual(await server.stop(), clean);
    });

    test(`MONITOR over ${transport.name}`, async (t) => {
      const server = await redis(t, transport);
      const monitor = await transport.connect(server);
      await ask(monitor, command('MONITOR'), '+OK\r\n');
      const client = await transport.connect(server);
      await ask(client, command('SET', 'key', 'value'), '+OK\r\n');
      let line = '';
      while (!line.endsWith('\r\n')) line += await monitor.receive(1);
      const { localPort } = client.wire.socket;
      assert.match(
        line,
        new RegExp(`^\\+[\\d.]+ \\[0 127.0.0.1:${localPort}\\] "SET" "key" "value"`),
      );
      for (const one of [monitor, client]) one.wire.destroy();
    });

    test(`a replica of a master, over ${transport.name}`, async (t) => {
      const master = await redis(t, transport, { 'repl-diskless-sync-delay': '0' });
      const client = await transport.connect(master);
      const large = generate(10 << 20);
      await ask(client, command('SET', 'before', large), '+OK\r\n');
      const port = await reach(t, master, transport);
      // What the replica asks of its master is plain, whatever its own port speaks.
      const replica = await redis(t, transport, { replicaof: `127.0.0.1 ${port}` });
      await eventually('the replica is in step', () =>
        /MASTER <-> REPLICA sync: Finished with success/.test(replica.output),
      );
      await ask(client, command('SET', 'after', 'value'), '+OK\r\n');
      await ask(client, command('WAIT', '1', '20000'), ':1\r\n');
      const reader = await transport.connect(replica);
      await ask(reader, command('GET', 'before'), bulk(large));
      await ask(reader, command('GET', 'after'), bulk('value'));
      for (const one of [client, reader]) one.wire.destroy();
      assert.deepEqual(await replica.stop(), clean);
      assert.deepEqual(await master.stop(), clean);
    });

    test(`threads for input and output over ${transport.name}`, async (t) => {
      const threads = { 'io-threads': '4', 'io-threads-do-reads': 'yes' };
      const server = await redis(t, transport, threads);
      const visits = Array.from({ length: 24 }, async (_, i) => {
        const client = await transport.connect(server);
        const values = Array.from({ length: 300 }, (_, j) =>
          generate((i + j) % 400, i * 300 + j + 1),
        );
        const sets = values.map((value, j) => command('SET', `${i}:${j}`, value));
        await ask(client, Buffer.concat(sets), '+OK\r\n'.repeat(values.length));
        const gets = values.map((_, j) => command('GET', `${i}:${j}`));
        await ask(client, Buffer.concat(gets), Buffer.concat(values.map((value) => bulk(value))));
        client.wire.destroy();
      });
      await Promise.all(visits);
      await assertIdle(server.pid);
    });
  }
});

/** An array of three in the Redis serialization protocol. */
function reply(...parts: (Buffer | string)[]): Buffer {
  return Buffer.concat([
    Buffer.from(`*${parts.length}\r\n`),
    ...parts.map((part) => Buffer.from(part)),
  ]);
}
