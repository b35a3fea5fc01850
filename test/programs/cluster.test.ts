// A cluster of Node: connections travel from the primary to its workers over a Unix socket, or the
// listener does.
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { eventually } from '../support/deadline.js';
import { openDescriptors } from '../support/kernel.js';
import { generate } from '../support/payload.js';
import { tcp, websocket } from '../support/transport.js';
import { Command } from './command.js';
import { assertIdle } from './household.js';
import { ask, reach } from './http.js';

const program = fileURLToPath(new URL('servers/node_cluster.js', import.meta.url));

describe('a cluster of Node', { concurrency: false }, () => {
  for (const policy of ['shared', 'handed']) {
    for (const transport of [tcp, websocket()]) {
      test(`whose clients are ${policy}, over ${transport.name}`, async (t) => {
        const words = (port: number) => [process.execPath, program, String(port), policy];
        const server = await Command.start(t, words, { wrapped: transport.wrapped });
        const workers = () => (server.output.match(/(?<=listening )\d+/g) ?? []).map(Number);
        await eventually('both workers listen', () => workers().length === 2);
        const port = await reach(t, server, transport);

        // One connection, one worker.
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        const body = generate(1 << 20);
        assert.ok((await ask(port, '/echo', { agent, body })).body.equals(body), 'the echo');
        const kept = await ask(port, '/', { agent });
        assert.ok(kept.reused && workers().includes(Number(kept.body)));

        const serving = async () => Number((await ask(port, '/')).body);
        const turns = [await serving(), await serving()];
        if (policy === 'handed') assert.deepEqual(turns.sort(), workers().sort());

        const pids = [server.pid, ...workers()];
        const counts = () => pids.map((pid) => openDescriptors(pid).length);
        const before = counts();
        for (let i = 0; i < 10; i += 1) await serving();
        await eventually('nothing is left open', () =>
          counts().every((count, index) => count <= (before[index] ?? 0)),
        );
        await assertIdle(server.pid);

        // Whoever has the connection dies with it; the others serve on.
        await assert.rejects(ask(port, '/die', { agent }), { code: 'ECONNRESET' });
        assert.notEqual(await serving(), Number(kept.body));
        await eventually('another takes its place', () => workers().length === 3);
        const [, , latest] = workers();
        // Where workers share, one of them may be the first time and again.
        while (policy === 'handed' && (await serving()) !== latest);
        await serving();
        assert.deepEqual(await server.stop(), { code: 0, signal: null });
        assert.equal(server.stderr, '');
        agent.destroy();
      });
    }
  }
});
