// What Prometheus is told, and how.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, type TestContext, test } from 'node:test';

import { Metrics } from '../../src/proxy/metrics.js';
import { createMetricsServer, metricsHost } from '../../src/proxy/metrics-server.js';

// The values of our own metrics, by name and labels.
async function valuesOf(...all: Metrics[]): Promise<Record<string, number>> {
  const text = await Metrics.merge(await Promise.all(all.map((metrics) => metrics.snapshot())));
  const lines = text.split('\n').filter((line) => line.startsWith('wsproxy_'));
  return Object.fromEntries(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space))];
    }),
  );
}

function someTraffic(): Metrics {
  const metrics = new Metrics();
  metrics.connectionOpened();
  metrics.connectionOpened();
  metrics.connectionOpened();
  metrics.sessionOpened('rfc6455', 'binary', true);
  metrics.sessionOpened('hixie', 'base64', false);
  metrics.received(100);
  metrics.received(20);
  metrics.sent(3);
  metrics.refused('limit');
  metrics.targetFailed();
  metrics.sessionClosed(5, 'client');
  metrics.connectionClosed();
  return metrics;
}

describe('the metrics', () => {
  test('count connections, sessions, payload and refusals', async () => {
    const values = await valuesOf(someTraffic());
    const session = (labels: string) => values[`wsproxy_sessions_total{${labels}}`];
    assert.equal(values['wsproxy_connections_total'], 3);
    assert.equal(values['wsproxy_connections'], 2);
    assert.equal(values['wsproxy_sessions'], 1);
    assert.equal(session('kind="rfc6455",encoding="binary",secure="true"'), 1);
    assert.equal(session('kind="hixie",encoding="base64",secure="false"'), 1);
    assert.equal(values['wsproxy_received_bytes_total'], 120);
    assert.equal(values['wsproxy_sent_bytes_total'], 3);
    assert.equal(values['wsproxy_refused_total{reason="limit"}'], 1);
    assert.equal(values['wsproxy_target_failures_total'], 1);
    assert.equal(values['wsproxy_session_seconds_count{reason="client"}'], 1);
    assert.equal(values['wsproxy_session_seconds_sum{reason="client"}'], 5);
  });

  test('say the same when they are read again', async () => {
    const metrics = someTraffic();
    assert.deepEqual(await valuesOf(metrics), await valuesOf(metrics));
  });

  test('of several processes are added up, after a journey as JSON', async () => {
    const snapshots = await Promise.all([someTraffic().snapshot(), someTraffic().snapshot()]);
    const text = await Metrics.merge(JSON.parse(JSON.stringify(snapshots)));
    assert.match(text, /^wsproxy_received_bytes_total 240$/m);
    assert.match(text, /^wsproxy_connections 4$/m);
    assert.match(text, /^wsproxy_session_seconds_bucket\{le="10",reason="client"\} 2$/m);
    assert.match(text, /^# TYPE wsproxy_sessions_total counter$/m);
  });

  test('are there before anything has happened', async () => {
    const values = await valuesOf(new Metrics());
    assert.equal(values['wsproxy_received_bytes_total'], 0);
    assert.equal(values['wsproxy_connections'], 0);
  });

  test('tell about the process too', async () => {
    const text = await Metrics.merge([await new Metrics().snapshot()]);
    assert.match(text, /^process_resident_memory_bytes \d+$/m);
    assert.match(text, /^nodejs_eventloop_lag_seconds /m);
  });
});

async function serve(t: TestContext, collect: () => Promise<string>, healthy = () => true) {
  const server = createMetricsServer({ collect, healthy }).listen(0, metricsHost);
  t.after(() => server.close().closeAllConnections());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return (path: string, method = 'GET') =>
    fetch(`http://${metricsHost}:${port}${path}`, { method });
}

describe('the port for metrics', () => {
  test('answers in Prometheus’s format', async (t) => {
    const metrics = someTraffic();
    const get = await serve(t, async () => Metrics.merge([await metrics.snapshot()]));
    const answer = await get('/metrics');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.match(await answer.text(), /^wsproxy_sent_bytes_total 3$/m);
  });

  test('says whether clients should be sent here', async (t) => {
    let healthy = true;
    const get = await serve(
      t,
      async () => '',
      () => healthy,
    );
    const well = await get('/health');
    assert.deepEqual([well.status, await well.text()], [200, 'ok\n']);
    healthy = false;
    assert.equal((await get('/health')).status, 503);
  });

  test('answers nothing else', async (t) => {
    const get = await serve(t, async () => '');
    assert.equal((await get('/')).status, 404);
    const post = await get('/metrics', 'POST');
    assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD']);
    const head = await get('/health', 'HEAD');
    assert.deepEqual([head.status, await head.text()], [200, '']);
  });

  test('says so when a worker does not tell its numbers', async (t) => {
    const get = await serve(t, () => Promise.reject(new Error('worker 2 is gone')));
    assert.equal((await get('/metrics')).status, 500);
  });
});
