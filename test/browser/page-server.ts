// Serves the tests' pages, recordings and the noVNC package to the browser, on loopback.
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const novnc = join(root, 'node_modules/@novnc/novnc');
const pages = join(root, 'test/browser/page');
const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' };

/**
 * Starts the server until the test ends; the URL of its root. The files of `recordings`, if that is
 * given, are served as /recordings/.
 */
export async function servePages(t: TestContext, recordings = ''): Promise<string> {
  const folders = { '/novnc/': novnc, '/recordings/': recordings, '/': pages };
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
    const [prefix, folder] = Object.entries(folders).find(([one]) => path.startsWith(one)) ?? [];
    const file = createReadStream(join(folder ?? pages, path.slice(prefix?.length)));
    file.on('error', () => response.writeHead(404).end());
    file.on('open', () => {
      response.writeHead(200, { 'content-type': types[extname(path)] ?? 'text/plain' });
      file.pipe(response);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
