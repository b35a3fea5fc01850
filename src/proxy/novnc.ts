// noVNC, from the installed package, beside pages that use it.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

import { createPages, type Pages } from './pages.js';
import { parseTarget } from './request-path.js';

const name = 'novnc';

/** Serves noVNC's package below /novnc/ (its class RFB is /novnc/core/rfb.js), all else by `pages`. */
export function withNoVnc(pages: Pages): Pages {
  // The package's one entry is core/rfb.js.
  const folder = dirname(dirname(createRequire(import.meta.url).resolve('@novnc/novnc')));
  const library = createPages({ folder, listing: false, below: name });
  return (request, response) => {
    const isLibrary = parseTarget(request.url ?? '')?.names[0] === name;
    (isLibrary ? library : pages)(request, response);
  };
}
