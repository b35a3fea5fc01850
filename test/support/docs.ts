// Writes what is generated into the README: `npm run docs`.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { callsTable, withTable } from './calls-table.js';

const readme = fileURLToPath(new URL('../../../README.md', import.meta.url));
writeFileSync(readme, withTable(readFileSync(readme, 'utf8'), callsTable()));
