// The version of the package, which is that of all its tools.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { packageRoot } from '../paths.js';

export function version(): string {
  const file = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}
