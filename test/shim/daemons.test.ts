// Servers that become daemons: processes that are not the one that was started, without a stderr.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { compile } from '../support/compile.js';
import { serve } from '../support/server.js';
import { stage } from '../support/stage.js';

const background = () =>
  compile({
    name: 'background',
    sources: ['test/servers/background.c'],
    flags: ['-O2', '-D_GNU_SOURCE'],
  });

describe('a server that goes into the background', () => {
  for (const how of ['fork', 'daemon']) {
    for (const when of ['before-listen', 'after-listen', 'after-epoll']) {
      test(`by ${how}, ${when}, serves its clients and says goodbye`, async (t) => {
        const args = (port: number) => [`port=${port}`, how, when];
        const server = await serve(t, background(), args, { wrapped: true });
        const client = await WebSocketClient.connect(server);
        t.after(() => client.wire.destroy());
        await client.send('hi');
        assert.equal((await client.rest()).toString(), 'hi');
        assert.equal(client.reader.closeCode, 1000);
        await server.exit();
      });
    }
  }
});

// Daemons close descriptor 2, and the next client gets the number.
test('no line of the log goes to a client that has the number of stderr', async (t) => {
  const { puppet, client, fd } = await stage(t, {
    env: { WSWRAP_LOG_LEVEL: 'trace' },
    talks: true,
  });
  await puppet.must('close', 2);
  await puppet.must('dup2', fd, 2);
  await puppet.must('close', fd);
  await client.ping('one more line');
  await client.send('hello');
  assert.equal((await puppet.call('read', 2, 100)).detail, 'text:hello');
  await puppet.must('write', 2, 'text:answer');
  await puppet.must('close', 2);
  assert.equal((await client.rest()).toString(), 'answer');
  // It goes where it went from the start.
  await puppet.server.error(/closed by the server/);
});
