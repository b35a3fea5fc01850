// Serves the demo's page, and noVNC from the installed package beside it.
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import sirv from 'sirv';

import { packageRoot } from '../paths.js';

/** Returns the server, not listening yet. `rfbPort` is where the page finds the desktop. */
export function createPageServer(rfbPort: number): Server {
  // The package's one entry is core/rfb.js.
  const novnc = dirname(dirname(createRequire(import.meta.url).resolve('@novnc/novnc')));
  const page = sirv(join(packageRoot, 'src/demo/page'), { etag: true });
  const library = sirv(novnc, { etag: true });
  return createServer((request, response) => {
    const notFound = () => {
      response.writeHead(404, { 'Content-Type': 'text/plain' }).end('not found\n');
    };
    const { url = '/' } = request;
    if (url === '/port.js') {
      response
        .writeHead(200, { 'Content-Type': 'text/javascript', 'Cache-Control': 'no-store' })
        .end(`export const port = ${rfbPort};\n`);
    } else if (url.startsWith('/novnc/')) {
      request.url = url.slice('/novnc'.length);
      library(request, response, notFound);
    } else {
      page(request, response, notFound);
    }
  });
}
