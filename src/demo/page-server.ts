// Serves the demo's page, and noVNC from the installed package beside it.
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';

import { packageRoot } from '../paths.js';
import { withNoVnc } from '../proxy/novnc.js';
import { createPages } from '../proxy/pages.js';

/** Returns the server, not listening yet. `rfbPort` is where the page finds the desktop. */
export function createPageServer(rfbPort: number): Server {
  const pages = withNoVnc(
    createPages({ folder: join(packageRoot, 'src/demo/page'), listing: false }),
  );
  return createServer((request, response) => {
    if (request.url === '/port.js') {
      response
        .writeHead(200, { 'Content-Type': 'text/javascript', 'Cache-Control': 'no-store' })
        .end(`export const port = ${rfbPort};\n`);
    } else {
      pages(request, response);
    }
  });
}
