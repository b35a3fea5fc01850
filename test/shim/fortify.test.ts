// Servers that were built with FORTIFY call checking variants of read, recv and poll.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { fortified, words } from '../support/loops.js';
import { generate, summary } from '../support/payload.js';
import { serve } from '../support/server.js';
import { tcp, websocket } from '../support/transport.js';

test('the server in question does call them', () => {
  const symbols = execFileSync('nm', ['-Du', fortified.program()], { encoding: 'utf8' });
  for (const name of ['__read_chk', '__recv_chk']) assert.match(symbols, new RegExp(`\\b${name}@`));
});

for (const io of ['read', 'recv'] as const) {
  test(`they take what the plain ones take (${io})`, async (t) => {
    const server = await serve(t, fortified.program(), words({ mode: 'sink', io }), {
      wrapped: true,
    });
    const client = await WebSocketClient.connect(server);
    t.after(() => client.wire.destroy());
    const payload = generate(200_000);
    await client.send(payload);
    await client.close();
    assert.equal((await client.rest()).toString(), summary(payload));
  });

  for (const transport of [tcp, websocket()]) {
    test(`a size beyond the buffer ends the process (${io} over ${transport.name})`, async (t) => {
      const args = words({ mode: 'echo', io, buffer: 70_000 });
      const server = await serve(t, fortified.program(), args, {
        wrapped: transport.wrapped,
        talks: true,
      });
      const client = await transport.connect(server);
      t.after(() => client.wire.destroy());
      assert.equal((await server.exit()).signal, 'SIGABRT');
      assert.match(server.stderr, /buffer overflow detected/);
    });
  }
}
