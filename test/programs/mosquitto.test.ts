// mosquitto, a broker of messages, with its own clients in front of it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { run } from '../launcher/run.js';
import { eventually, within } from '../support/deadline.js';
import { generate } from '../support/payload.js';
import { requires } from '../support/programs.js';
import { tcp, websocket } from '../support/transport.js';
import { Command } from './command.js';
import { assertIdle, keepsNoMoreThan, socketsOf } from './household.js';
import { reach } from './http.js';

const program = '/usr/sbin/mosquitto';

// Text, because it is given to the client as its input.
const messages = [1, 100, 5000, 300_000].map((size) => generate(size).toString('base64'));

describe('mosquitto', { skip: requires(program, 'mosquitto_pub', 'mosquitto_sub') }, () => {
  for (const transport of [tcp, websocket()]) {
    test(`messages to subscribers over ${transport.name}`, async (t) => {
      const line = (port: number) => [program, '-v', '-p', String(port)];
      const server = await Command.start(t, line, { wrapped: transport.wrapped });
      const port = String(await reach(t, server, transport));
      const held = socketsOf(server.pid);

      // Each message exactly once, which takes four packets.
      const words = ['-h', '127.0.0.1', '-p', port, '-t', 'news', '-q', '2'];
      const received = [1, 2, 3].map(() => subscribe([...words, '-N', '-C', `${messages.length}`]));
      await eventually('all have subscribed', () => {
        return server.stderr.split('Received SUBSCRIBE').length > received.length;
      });
      await assertIdle(server.pid);
      for (const input of messages) {
        const { status, stderr } = await run('mosquitto_pub', [...words, '-s'], { input });
        assert.equal(status, 0, stderr);
      }
      for (const text of received) assert.ok((await text) === messages.join(''));
      await keepsNoMoreThan(held, server.pid);
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
    });
  }
});

/** What a subscriber prints until it has had enough messages. */
async function subscribe(words: readonly string[]): Promise<string> {
  const child = spawn('mosquitto_sub', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.setEncoding('latin1').on('data', (part: string) => {
    text += part;
  });
  await within('the subscriber to have had enough', once(child, 'close'), 60_000);
  return text;
}
