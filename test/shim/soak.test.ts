// Two thousand clients at once, in random frames and pieces, who leave in all the ways there are:
// no byte is lost, and nothing is left behind.
//
// WSWRAP_TEST_SOAK is how many seconds each server is visited: a minute, or a night.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordsComeTo } from '../support/arena.js';
import { eventually } from '../support/deadline.js';
import { childrenOf } from '../support/kernel.js';
import { epoll, fork, poll, words } from '../support/loops.js';
import { serve } from '../support/server.js';
import { swarm } from '../support/swarm.js';

const seconds = Number(process.env['WSWRAP_TEST_SOAK'] ?? 8);
const clients = 2000;

for (const loop of [epoll, poll, fork]) {
  test(`${clients} clients of ${loop.name} for ${seconds} s`, async (t) => {
    const server = await serve(t, loop.program(), words({ mode: 'echo' }), { wrapped: true });
    await swarm({ port: server.port, clients: 1, visits: 10, bytes: 10 });
    await recordsComeTo(server.pid, 0);
    const before = server.openDescriptors().length;
    const result = await swarm({ port: server.port, clients, seconds, bytes: 20_000, rest: 1000 });
    assert.equal(result.open, clients);
    await eventually('no child is left', () => childrenOf(server.pid).length === 0);
    await recordsComeTo(server.pid, 0);
    await eventually('no descriptor is left', () => server.openDescriptors().length === before);
  });
}
