// `--record` from the command line to `wsproxy replay`: what a client saw is what the next one sees.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { scratch } from '../launcher/run.js';
import { WebSocketClient } from '../support/client.js';
import { eventually, within } from '../support/deadline.js';
import { frame, Opcode } from '../support/frame.js';
import { generate } from '../support/payload.js';
import { WsProxy } from './proxy.js';
import { payloadOf, runScript } from './script.js';
import { smallDisk } from './small-disk.js';
import { echoServer, targetServer } from './target.js';
import { dismissed, echo, leave, visit } from './visitor.js';

const everyByte = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

async function start(t: TestContext, ...options: (string | number)[]): Promise<WsProxy> {
  const target = await echoServer(t);
  return WsProxy.start(t, [...options, 0, `127.0.0.1:${target.port}`]);
}

async function stop(proxy: WsProxy): Promise<void> {
  proxy.kill('SIGTERM');
  assert.equal((await proxy.exit()).code, 0);
}

/** What went to the client, whole. */
function sent(file: string): Buffer {
  const { data } = runScript(file);
  return Buffer.concat(data.filter((each) => each.startsWith('{')).map(payloadOf));
}

describe('--record', () => {
  test('has every byte of a binary client, in both directions', async (t) => {
    const file = join(scratch(t), 'session');
    const proxy = await start(t, '--record', file);
    assert.match(proxy.stderr, new RegExp(`^ {2}- Recording to '${file}\\.\\*'$`, 'm'));
    const client = await WebSocketClient.connect({ port: proxy.port });
    await client.send(everyByte);
    assert.ok((await client.receive(256)).equals(everyByte));
    await leave(client);
    await stop(proxy);
    const { data, encoding } = runScript(`${file}.1`);
    assert.equal(encoding, undefined);
    assert.equal(data.pop(), 'EOF');
    assert.match(data[0] ?? '', /^\}\d+\}/);
    assert.match(data[1] ?? '', /^\{\d+\{/);
    assert.deepEqual(data.map(payloadOf), [everyByte, everyByte]);
    assert.equal(statSync(`${file}.1`).mode & 0o777, 0o600);
  });

  test('has the text of a base64 client, and says so', async (t) => {
    const file = join(scratch(t), 'session');
    const proxy = await start(t, '--record', file);
    const headers = { 'Sec-WebSocket-Protocol': 'base64' };
    const client = await WebSocketClient.connect({ port: proxy.port }, { headers });
    const text = everyByte.toString('base64');
    await client.wire.write(frame({ opcode: Opcode.text, payload: Buffer.from(text) }));
    assert.equal((await client.receive(text.length)).toString(), text);
    await leave(client);
    await stop(proxy);
    const { data, encoding } = runScript(`${file}.1`);
    assert.equal(encoding, 'base64');
    assert.equal(data.pop(), 'EOF');
    assert.deepEqual(
      data.map((each) => each.replace(/^([{}])\d+\1/, '')),
      [text, text],
    );
  });

  test('numbers files by connection, and overwrites none after a restart', async (t) => {
    const folder = scratch(t);
    const file = join(folder, 'session');
    for (const words of [
      ['one', 'two'],
      ['three', 'four'],
    ]) {
      const proxy = await start(t, '--record', file);
      for (const word of words) {
        const client = await WebSocketClient.connect({ port: proxy.port });
        await echo(client, word);
        await leave(client);
      }
      await stop(proxy);
    }
    const names = [1, 2, 3, 4].map((number) => `session.${number}`);
    assert.deepEqual(readdirSync(folder).sort(), names);
    const words = names.map((name) => sent(join(folder, name)).toString());
    assert.deepEqual(words, ['one', 'two', 'three', 'four']);
  });

  for (const workers of [[], ['--workers', 2]]) {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      test(`is whole after ${signal} ${workers.join(' ')}`, async (t) => {
        const file = join(scratch(t), 'session');
        const proxy = await start(t, '--record', file, ...workers);
        const clients = await Promise.all([1, 2, 3].map(() => visit(proxy.port)));
        proxy.kill(signal);
        await Promise.all(clients.map(dismissed));
        await proxy.exit();
        for (const number of [1, 2, 3]) {
          const { data } = runScript(`${file}.${number}`);
          assert.deepEqual([data.length, data.at(-1)], [3, 'EOF']);
        }
      });
    }
  }

  test('leaves a session alone when the disk is full', async (t) => {
    const folder = smallDisk(t);
    if (folder === undefined) return t.skip('needs leave to mount a small disk');
    const proxy = await start(t, '--record', join(folder, 'session'));
    const client = await WebSocketClient.connect({ port: proxy.port });
    const piece = generate(20_000);
    for (let i = 0; i < 10; i += 1) {
      await client.send(piece);
      assert.ok((await client.receive(piece.length)).equals(piece));
    }
    await proxy.logged(/error: \S+session\.1: the recording ends here: ENOSPC; make room/);
    await echo(client);
    await leave(client);
    // Nothing is recorded of the next one, and it is none the worse.
    await leave(await visit(proxy.port));
    await stop(proxy);
    assert.equal(runScript(join(folder, 'session.1')).data.at(-1), 'EOF');
  });

  test('leaves a session alone when its file is there by then', async (t) => {
    const file = join(scratch(t), 'session');
    const proxy = await start(t, '--record', file);
    writeFileSync(`${file}.1`, 'precious');
    await leave(await visit(proxy.port));
    await proxy.logged(/error: \S+session\.1: there will be no recording: EEXIST; move that file/);
    await stop(proxy);
    assert.equal(readFileSync(`${file}.1`, 'utf8'), 'precious');
  });

  test('has nothing of those who were refused', async (t) => {
    const file = join(scratch(t), 'session');
    const proxy = await start(t, '--record', file, '--path', '/vnc');
    await assert.rejects(visit(proxy.port), /refused with 404/);
    await stop(proxy);
    assert.ok(!existsSync(`${file}.1`));
  });
});

describe('wsproxy replay', () => {
  test('gives a client the bytes that the recorded one got', async (t) => {
    const file = join(scratch(t), 'session');
    const payload = Buffer.concat([everyByte, generate(300_000)]);
    const target = await targetServer(t, (socket) => socket.end(payload));
    const proxy = await WsProxy.start(t, ['--record', file, 0, `127.0.0.1:${target.port}`]);
    const client = await WebSocketClient.connect({ port: proxy.port });
    assert.ok((await client.rest()).equals(payload));
    await leave(client);
    await stop(proxy);
    assert.ok(sent(`${file}.1`).equals(payload));
    const player = await WsProxy.start(t, ['replay', `${file}.1`, '127.0.0.1:0']);
    const again = await WebSocketClient.connect({ port: player.port });
    assert.ok((await within('the recording', again.rest())).equals(payload));
    await leave(again);
    await stop(player);
  });

  test('gives it as bytes, though the recorded one spoke base64', async (t) => {
    const file = join(scratch(t), 'session');
    const proxy = await start(t, '--record', file);
    const headers = { 'Sec-WebSocket-Protocol': 'base64' };
    const client = await WebSocketClient.connect({ port: proxy.port }, { headers });
    const text = everyByte.toString('base64');
    await client.wire.write(frame({ opcode: Opcode.text, payload: Buffer.from(text) }));
    await client.receive(text.length);
    await leave(client);
    await stop(proxy);
    const player = await WsProxy.start(t, ['replay', `${file}.1`, '127.0.0.1:0']);
    const again = await WebSocketClient.connect({ port: player.port });
    assert.ok((await within('the recording', again.rest())).equals(everyByte));
    again.wire.destroy();
    await eventually('it is told', () => /played/.test(player.stderr));
    await stop(player);
  });
});
