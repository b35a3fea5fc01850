// `wsproxy replay FILE PORT`, as a user starts it.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { packageRoot } from '../../src/paths.js';
import { run, scratch } from '../launcher/run.js';
import { Command } from '../programs/command.js';
import { WebSocketClient } from '../support/client.js';
import { eventually, within } from '../support/deadline.js';
import { websocket } from '../support/transport.js';

const wsproxy = join(packageRoot, 'bin/wsproxy');

function recording(t: TestContext, last = 20): string {
  const file = join(scratch(t), 'session.1');
  const frames = ["'{0{RFB 003.008\\n',", "'}5}RFB 003.008\\n',", `'{${last}{\\x01\\xff',`];
  writeFileSync(file, ['var VNC_frame_data = [', ...frames, "'EOF'];", ''].join('\n'));
  return file;
}

function start(t: TestContext, file: string, ...options: string[]): Promise<Command> {
  const words = (port: number) => [wsproxy, 'replay', ...options, file, `127.0.0.1:${port}`];
  return Command.start(t, words, { wrapped: false });
}

describe('wsproxy replay', () => {
  test('plays a recording to each client, and says goodbye', async (t) => {
    const server = await start(t, recording(t));
    for (let i = 0; i < 2; i += 1) {
      const client = await WebSocketClient.connect(server);
      assert.equal((await client.receive(12)).toString(), 'RFB 003.008\n');
      assert.equal((await client.receive(2)).toString('hex'), '01ff');
      assert.equal(await within('a Close frame', client.closed()), 1000);
    }
    await eventually('both are reported', () => / {2}2: played\n/.test(server.stderr));
    assert.match(server.stderr, new RegExp(`- Listen on 127\\.0\\.0\\.1:${server.port}\n`));
    assert.match(server.stderr, /- Playing \S+session\.1\n {2}1: connected\n {2}1: played\n/);
  });

  test('is as fast as it is told to be', async (t) => {
    const server = await start(t, recording(t, 60_000), '--speed', '1000');
    const client = await websocket().connect(server);
    assert.equal((await client.rest()).length, 14);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    test(`tells its clients at ${signal} that it goes away`, async (t) => {
      const server = await start(t, recording(t, 3_600_000));
      const client = await WebSocketClient.connect(server);
      await client.receive(12);
      server.child.kill(signal);
      assert.equal(await within('a Close frame', client.closed()), 1001);
      await client.close(1001);
      const died = signal === 'SIGINT';
      assert.deepEqual(await server.exit(), {
        code: died ? null : 0,
        signal: died ? signal : null,
      });
    });
  }

  test('says what is wrong with a file or an address', async (t) => {
    const nothing = await run(wsproxy, ['replay', join(scratch(t), 'session'), '0']);
    assert.equal(nothing.status, 125);
    assert.match(nothing.stderr, /^wsproxy: \S+session: cannot be read \(ENOENT\)\n {9}the name/);
    const other = await run(wsproxy, ['replay', wsproxy, '0']);
    assert.equal(other.status, 125);
    assert.match(other.stderr, /bin\/wsproxy: line 1 is of no recording\n/);
    const server = await start(t, recording(t));
    const taken = await run(wsproxy, ['replay', recording(t), `127.0.0.1:${server.port}`]);
    assert.equal(taken.status, 125);
    assert.match(taken.stderr, /cannot listen on 127\.0\.0\.1:\d+: somebody else does already\n/);
  });
});
