// The benchmark measures what it says: its client and its server move what was ordered, plain and
// wrapped, and a run leaves its report where it was asked to. (How fast is none of the tests'.)
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { type Contender, direct, type Style, styles, wrapped } from './contenders.js';
import { broken, contract } from './contract.js';
import { cpuOf, memoryOf, report, run, stop, stopAll } from './processes.js';
import type { Figure, Report } from './report/report.js';

after(stopAll);

function exercise({ protocol, port, pids }: Contender): void {
  for (const size of [64, 1024, 65_536, 1_048_576]) {
    const sent = run('up', protocol, port, size, 3_000_000);
    assert.ok((sent['bytes'] ?? 0) >= 3_000_000 && (sent['seconds'] ?? 0) > 0, `up ${size}`);
    assert.equal(run('down', protocol, port, size, 3_000_001)['bytes'], 3_000_001);
  }
  assert.equal(run('pipeline', protocol, port, 64, 6400, 64)['messages'], 6400);
  assert.ok((run('connect', protocol, port, 50, 8)['seconds'] ?? 0) > 0);
  const { servers } = report<{ servers: Record<string, number>[] }>(
    ...['ping', 64, 100, `${protocol}:${port}`, `${protocol}:${port}`],
  );
  assert.equal(servers.length, 2);
  for (const { p50 = 0, p99 = 0, p999 = 0 } of servers) {
    assert.ok(p50 > 0 && p50 <= p99 && p99 <= p999);
  }
  assert.ok(cpuOf(pids) > 0);
  assert.ok(memoryOf(pids) > 100_000);
}

async function exerciseAll(style: Style): Promise<void> {
  for (const make of [direct, wrapped]) {
    const contender = await make(style);
    exercise(contender);
    await stop(contender.pids[0] ?? 0);
  }
}

for (const style of styles) {
  test(`client and ${style} server, plain and wrapped`, () => exerciseAll(style));
}

test('a run leaves its report where it is asked to', () => {
  const folder = mkdtempSync(join(tmpdir(), 'wswrap-bench-test-'));
  const main = fileURLToPath(new URL('main.js', import.meta.url));
  const words = ['--quick', '--rounds', '1', '--turn', '0.01', '--only', 'growth'];
  const printed = execFileSync(process.execPath, [main, ...words, '--output', folder], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  assert.match(printed, /server CPU for an echo of 64 B, 10 connections/);
  const json = JSON.parse(readFileSync(join(folder, 'benchmark.json'), 'utf8')) as Report;
  assert.deepEqual(
    json.figures.map(({ id }) => id),
    ['growth/10', 'growth/1000'],
  );
  assert.equal(json.contract.length, 1);
  assert.match(readFileSync(join(folder, 'benchmark.md'), 'utf8'), /^# Benchmark/);
  rmSync(folder, { recursive: true });
});

test('a promise that is missed by more than its spread is broken', () => {
  const figures = (ratio: number): Figure[] => [
    {
      id: 'download/65536/epoll-level',
      group: 'Throughput',
      title: 'download',
      unit: 'MB/s',
      better: 'more',
      rows: [
        {
          contender: 'wswrap',
          value: { median: 1, low: 1, high: 1 },
          ratio: { median: ratio, low: ratio - 0.02, high: ratio + 0.02 },
        },
      ],
    },
  ];
  const brokenAt = (ratio: number) => {
    const made = figures(ratio);
    return broken({ contract: contract(made) } as Report).length;
  };
  assert.deepEqual([0.96, 0.94, 0.9].map(brokenAt), [0, 0, 1]);
});
