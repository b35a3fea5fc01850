// Slow clients in every dialect: what the kernel took counts as written, and all of it arrives.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { ping } from '../support/frame.js';
import { HixieClient } from '../support/hixie.js';
import { epollEdge, type Loop, poll, select, threads, words } from '../support/loops.js';
import { generate, summary } from '../support/payload.js';
import { listener, Puppet } from '../support/puppet.js';
import { type Server, serve } from '../support/server.js';

const bytes = 6_000_000;
const expected = summary(generate(bytes));

function start(t: TestContext, loop: Loop, env: Record<string, string> = {}): Promise<Server> {
  const args = words({ mode: 'spill', bytes, io: loop.io });
  return serve(t, loop.program(), args, { wrapped: true, env });
}

for (const loop of [poll, select, epollEdge, threads]) {
  test(`base64 to a slow client (${loop.name})`, async (t) => {
    const server = await start(t, loop);
    const headers = { 'Sec-WebSocket-Protocol': 'base64' };
    const client = await WebSocketClient.connect(server, { headers });
    t.after(() => client.wire.destroy());
    await client.wire.filled();
    assert.equal(await client.closed(), 1000);
    const parts = client.reader.texts.map((text) => Buffer.from(text, 'base64'));
    assert.equal(summary(Buffer.concat(parts)), expected);
  });

  test(`Hixie to a slow client (${loop.name})`, async (t) => {
    const server = await start(t, loop);
    const client = await HixieClient.connect(server, 76);
    t.after(() => client.wire.destroy());
    await client.wire.filled();
    assert.equal(summary(await client.receive(bytes)), expected);
    await client.closed();
  });

  test(`pings from a client that reads slowly (${loop.name})`, async (t) => {
    const server = await start(t, loop);
    const client = await WebSocketClient.connect(server);
    t.after(() => client.wire.destroy());
    for (let i = 0; i < 200; i += 1) await client.wire.write(ping(`${i}`));
    await client.wire.filled();
    const pings = (async () => {
      for (let i = 200; i < 400; i += 1) await client.wire.write(ping(`${i}`));
    })();
    assert.equal(summary(await client.rest()), expected);
    await pings.catch(() => undefined);
    const numbers = client.reader.pongs.map(Number);
    assert.ok(
      numbers.every((pong, i) => i === 0 || pong > (numbers[i - 1] ?? 0)),
      `${numbers}`,
    );
  });
}

test('text to a slow client is whole code points, whatever the kernel takes', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true, env: { WSWRAP_TEXT: '1' } });
  const connecting = WebSocketClient.connect(puppet.server);
  const fd = await puppet.must('accept', listener);
  const client = await connecting;
  t.after(() => client.wire.destroy());
  const count = 1_500_000;
  const writing = puppet.call('send-all', fd, `repeat:e282ac61:${count}`);
  await client.wire.filled();
  await client.receive(4 * count);
  assert.equal((await writing).result, 4 * count);
  assert.equal(client.reader.texts.join(''), '€a'.repeat(count));
});
