// What npm runs to build the native part: `npm run build:native`. With the names of other editions of
// the shim (`npm run build:native -- musl i386`) it builds these as well, for packages that are used
// where nothing can be compiled.
import { LaunchError } from '../errors.js';
import { ensureBuilt, nativePart, partOf } from '../launcher/built.js';
import { editionsBeside } from '../launcher/editions.js';
import { platformOf } from '../launcher/platform.js';
import { shimPath } from '../paths.js';
import { runCli } from './run.js';

await runCli(async () => {
  await ensureBuilt(nativePart);
  const [, ...others] = editionsBeside(platformOf(shimPath));
  for (const name of process.argv.slice(2)) {
    const edition = others.find((candidate) => candidate.name === name);
    if (edition === undefined) {
      const known = others.map((candidate) => candidate.name).join(', ') || 'none';
      throw new LaunchError(
        'NO_SUCH_EDITION',
        `${name}: no edition of the shim; there is: ${known}`,
      );
    }
    await ensureBuilt(partOf(edition));
  }
});
