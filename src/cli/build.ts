// What npm runs to build the native part: `npm run build:native`.
import { ensureBuilt } from '../launcher/built.js';
import { runCli } from './run.js';

await runCli(ensureBuilt);
