// Runs one of our test files once more, in a process of its own, with another shim.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface Suite {
  /** The name of a test file of test/shim. */
  file: string;
  /** Only tests of these names (--test-name-pattern). */
  only?: string;
}

/** Runs a suite with `environment` added. Throws with its report when a test of it fails. */
export async function runSuite(
  { file, only }: Suite,
  environment: Record<string, string>,
): Promise<void> {
  const path = fileURLToPath(new URL(`../shim/${file}.test.js`, import.meta.url));
  const pattern = only === undefined ? [] : [`--test-name-pattern=${only}`];
  // NODE_TEST_CONTEXT would make the file report to a runner that is not there.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const child = spawn(process.execPath, ['--test-reporter=spec', ...pattern, path], {
    env: { ...inherited, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  assert.equal(status, 0, output.slice(output.indexOf('failing tests:')));
  assert.match(output, /^ℹ pass [1-9]/m, 'at least one test ran');
}
