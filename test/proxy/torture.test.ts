// A thousand clients at once, in random frames and pieces, with a target that stalls and breaks: no
// byte is lost where the end was decent, and a second round needs no more than the first.
//
// WSWRAP_TEST_SOAK is how many seconds each round lasts: a minute, or a night.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

import { scratch } from '../launcher/run.js';
import { elapse, eventually } from '../support/deadline.js';
import { childrenOf, openSockets, residentMemory } from '../support/kernel.js';
import { seedOfThisRun } from '../support/random.js';
import { swarm } from '../support/swarm.js';
import { type Moods, moodyServer } from './moody-server.js';
import { WsProxy } from './proxy.js';

const seconds = Number(process.env['WSWRAP_TEST_SOAK'] ?? 3);
const clients = 1000;
const megabyte = 1024 * 1024;

async function startTarget(t: TestContext, moods: Moods): Promise<number> {
  const server = moodyServer(moods);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 511 });
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** The proxy's processes together. */
class Footprint {
  peak = 0;
  readonly #timer = setInterval(() => this.memory(), 100);

  constructor(private readonly proxy: WsProxy) {}

  get #pids(): number[] {
    return [this.proxy.pid, ...childrenOf(this.proxy.pid)];
  }

  memory(): number {
    const now = this.#pids.reduce((sum, pid) => sum + residentMemory(pid), 0);
    this.peak = Math.max(this.peak, now);
    return now;
  }

  get sockets(): number {
    return this.#pids.reduce((sum, pid) => sum + openSockets(pid).length, 0);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

// Nothing may be lost where nobody resets; by night each is tried both ways.
const moods =
  process.env['WSWRAP_TEST_SOAK'] === undefined
    ? [[0], [20]]
    : [
        [0, 20],
        [0, 20],
      ];

for (const [which, workers] of [[], ['--workers', 2]].entries()) {
  for (const resets of moods[which] ?? []) {
    const processes = workers.length === 0 ? 'one process' : 'two workers';
    const target = resets === 0 ? 'stalls' : 'stalls and resets';
    test(`${clients} clients for ${seconds} s twice: ${processes}, a target that ${target}`, async (t) => {
      const seed = seedOfThisRun();
      t.diagnostic(`WSWRAP_TEST_SEED=${seed}`);
      const port = await startTarget(t, { seed, rest: 300, resets });
      const log = join(scratch(t), 'log');
      const options = ['--log-file', log, ...workers, 0, `127.0.0.1:${port}`];
      const proxy = await WsProxy.start(t, options);
      using footprint = new Footprint(proxy);
      const sockets = footprint.sockets;

      const round = async (number: number) => {
        footprint.peak = 0;
        const visitors = { port: proxy.port, clients, seconds, bytes: 20_000, rest: 300 };
        // Who is reset has no complaint but of bytes that are not the right ones.
        const result = await swarm(
          { ...visitors, ...(resets > 0 ? { killed: 1 } : {}) },
          seed + number,
        );
        assert.equal(result.open, clients);
        await eventually('no socket is left', () => footprint.sockets === sockets);
        // The garbage collector has its own time; what it leaves is compared, not counted.
        await elapse(500);
        return { peak: footprint.peak, rest: footprint.memory() };
      };
      const first = await round(1);
      const second = await round(2);
      const inMegabytes = [first, second].map(({ peak, rest }) =>
        [peak, rest].map((bytes) => Math.round(bytes / megabyte)).join(' and '),
      );
      t.diagnostic(`megabytes at most, and at rest: ${inMegabytes.join(', then ')}`);
      assert.ok(second.peak < first.peak * 1.3 + 32 * megabyte, 'as much as before at most');
      assert.ok(second.rest < first.rest * 1.3 + 32 * megabyte, 'as little as before at rest');
      assert.ok(first.peak < 250 * megabyte + clients * 0.2 * megabyte, 'little for each client');
      assert.doesNotMatch(readFileSync(log, 'utf8'), /should not happen|died/);
    });
  }
}
