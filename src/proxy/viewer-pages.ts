// The page that `wsproxy launch` serves: a desktop in the browser, by noVNC.
import { join } from 'node:path';

import { packageRoot } from '../paths.js';
import { withNoVnc } from './novnc.js';
import { createPages, type Pages } from './pages.js';

// Scripts, styles and connections are the page's own or none. noVNC makes pictures (parts of the
// screen, pointers) from what it received, as data: addresses. Another site must not frame the page,
// or it could have its visitors click on the desktop.
const policy = [
  "default-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ');

/**
 * A request handler that serves the viewer at `/`, and noVNC below `/novnc/`. The page connects to
 * `websockify` beside it: on the same host and port, by wss:// if it came by https://. Throws
 * LaunchError if the package's files are not there.
 */
export function createViewerPages(): Pages {
  const pages = withNoVnc(
    createPages({ folder: join(packageRoot, 'src/proxy/viewer'), listing: false }),
  );
  return (request, response) => {
    response.setHeader('Content-Security-Policy', policy);
    pages(request, response);
  };
}
