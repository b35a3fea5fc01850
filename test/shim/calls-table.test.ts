// The README's table of calls is what the scenes show today.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { callsTable, withTable } from '../support/calls-table.js';

test('the README tells of each call what the scenes show (else: npm run docs)', () => {
  const file = fileURLToPath(new URL('../../../README.md', import.meta.url));
  const readme = readFileSync(file, 'utf8');
  assert.equal(readme, withTable(readme, callsTable()));
});
