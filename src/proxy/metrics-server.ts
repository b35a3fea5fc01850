// The port for those who watch: GET /metrics for Prometheus, GET /health for whoever balances load.
import { createServer, type Server, type ServerResponse } from 'node:http';
import { Registry } from 'prom-client';

/** Where it listens unless told otherwise: what is counted is nobody else's business. */
export const metricsHost = '127.0.0.1';

export interface MetricsSource {
  /** Prometheus's text format; see Metrics.merge(). */
  collect: () => Promise<string>;
  /** False while stopping, so that nobody new is sent here. */
  healthy: () => boolean;
}

/** An HTTP server that does not listen yet. */
export function createMetricsServer({ collect, healthy }: MetricsSource): Server {
  return createServer((request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return answer(response, 405, 'only GET is answered\n');
    }
    const path = request.url?.split('?', 1)[0];
    if (path === '/health') {
      return healthy() ? answer(response, 200, 'ok\n') : answer(response, 503, 'stopping\n');
    }
    if (path !== '/metrics') return answer(response, 404, 'see /metrics and /health\n');
    collect().then(
      (text) => answer(response, 200, text, Registry.PROMETHEUS_CONTENT_TYPE),
      () => answer(response, 500, 'the numbers could not be collected\n'),
    );
  });
}

function answer(
  response: ServerResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
  });
  response.end(text);
}
