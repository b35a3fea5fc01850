// A descriptor that one thread closes while another is blocked in a call on it: its number goes to
// the next client, and nothing of that client may reach the call.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compile } from '../support/compile.js';
import { eventually } from '../support/deadline.js';
import { threadStates } from '../support/kernel.js';
import { serve } from '../support/server.js';
import { connection, stage } from '../support/stage.js';
import { tcp, websocket } from '../support/transport.js';

const calls: Record<string, (fd: number) => (string | number)[]> = {
  read: (fd) => [fd, 100],
  recv: (fd) => [fd, 100, 'waitall'],
  readv: (fd) => [fd, 50, 50],
  recvmsg: (fd) => [fd, 0, 100],
};

describe('bytes of the next client are never read', () => {
  for (const [name, args] of Object.entries(calls)) {
    test(`by a ${name} that was begun before the number was closed`, async (t) => {
      const { puppet, client: first, fd } = await stage(t);
      const reading = puppet.begin(name, ...args(fd));
      await eventually('the thread waits', () => {
        const states = threadStates(puppet.server.pid);
        return states.length === 2 && states.every((state) => state === 'S');
      });
      await puppet.must('close', fd);
      const next = await connection(t, puppet);
      assert.equal(next.fd, fd, 'the number is used again');
      await first.send('late').catch(() => undefined);
      await first.close(1000).catch(() => undefined);
      await next.client.send('secret');
      const seen = (await reading.reply).detail;
      assert.ok(['', 'text:late'].includes(seen), `the first thread got ${seen}`);
      assert.equal((await puppet.call('read', next.fd, 100)).detail, 'text:secret');
      await puppet.must('write', next.fd, 'text:answer');
      assert.equal((await next.client.receive(6)).toString(), 'answer');
    });
  }
});

for (const transport of [tcp, websocket()]) {
  test(`a number that dup2 replaces is never free, over ${transport.name}`, async (t) => {
    const program = compile({
      name: 'replace',
      sources: ['test/servers/replace.c'],
      flags: ['-O2', '-D_GNU_SOURCE', '-pthread'],
    });
    const server = await serve(t, program, (port) => [`port=${port}`], transport);
    for (let i = 0; i < 200; i += 1) {
      const client = await transport.connect(server);
      assert.equal((await client.rest()).length, 0);
      client.wire.destroy();
    }
    assert.equal(await server.line(/^stolen/), 'stolen 0');
    await server.exit();
  });
}
