// Which file a command line means, and how wswrap ends when it cannot be started.
import { strict as assert } from 'node:assert';
import { chmodSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import { resolveCommand } from '../../src/launcher/command.js';
import { run, scratch, script, unprivileged, wrap, wswrap } from './run.js';

const searchPath = process.env['PATH'] ?? '';

describe('a command that cannot be started', () => {
  const table: [why: string, command: string, status: number, message: RegExp][] = [
    ['no such name', 'no-such-program', 127, /no-such-program: not found on the PATH/],
    ['no such file', './no/such/program', 127, /no such file/],
    ['a file as a folder', '/etc/passwd/x', 127, /no such file/],
    ['an empty name', '', 127, /'': not found/],
    ['a folder', '/etc', 126, /\/etc: is a directory/],
    ['a file that is not executable', '/etc/passwd', 126, /permission denied/],
  ];
  for (const [why, command, status, message] of table) {
    test(`${why}: exit status ${status}`, async () => {
      const result = await wrap([command]);
      assert.equal(result.status, status);
      assert.match(result.stderr, message);
      assert.equal(result.stdout, '');
    });
  }

  test('neither program nor script: exit status 126', async (t) => {
    const folder = scratch(t);
    const path = script(folder, 'garbage', 'MZ\0\0\0');
    const result = await wrap([path]);
    assert.equal(result.status, 126);
    assert.match(result.stderr, /neither an ELF program nor a script/);
  });

  test('a script whose interpreter is missing: exit status 126', async (t) => {
    const result = await wrap([script(scratch(t), 'lost', '#!/no/such/interpreter -x\n')]);
    assert.equal(result.status, 126);
    assert.match(result.stderr, /bad interpreter: \/no\/such\/interpreter: no such file/);
  });

  test('a script that is its own interpreter: exit status 126', async (t) => {
    const folder = scratch(t);
    const path = script(folder, 'loop', `#!${join(folder, 'loop')}\n`);
    const result = await wrap([path]);
    assert.equal(result.status, 126);
    assert.match(result.stderr, /too many interpreters/);
  });

  for (const line of ['env -i sh', 'env -S -i sh', 'env - sh', 'env -S -u LD_PRELOAD sh']) {
    test(`a script that takes the shim away with '${line}' gets it back`, async (t) => {
      const split = line.includes('-S') ? line : line.replace('env', 'env -S');
      const body = 'echo "$LD_PRELOAD $WSWRAP_PORT"';
      const result = await wrap([script(scratch(t), 'strip', `#!/usr/bin/${split}\n${body}\n`)]);
      assert.equal(result.status, 0);
      assert.match(result.stdout, /\/wswrap-shim.so \d+$/m);
    });
  }
});

describe('the PATH', () => {
  test('is searched in order, past what cannot be executed', (t) => {
    const folder = scratch(t);
    for (const name of ['folder', 'plain', 'first', 'second']) mkdirSync(join(folder, name));
    mkdirSync(join(folder, 'folder/server'));
    writeFileSync(join(folder, 'plain/server'), '#!/bin/sh\n');
    const first = script(join(folder, 'first'), 'server', '#!/bin/sh\n');
    script(join(folder, 'second'), 'server', '#!/bin/sh\n');
    const path = ['missing', 'folder', 'plain', 'first', 'second']
      .map((name) => join(folder, name))
      .join(':');
    assert.equal(resolveCommand(['server'], path).path, first);
  });

  test('reports a file that may not be executed when there is no other', (t) => {
    const folder = scratch(t);
    writeFileSync(join(folder, 'server'), '#!/bin/sh\n');
    assert.throws(() => resolveCommand(['server'], `${folder}:/usr/bin`), { status: 126 });
  });

  test('has an empty element for the working folder', async (t) => {
    const folder = scratch(t);
    script(folder, 'here', '#!/bin/sh\necho from here\n');
    const env = { ...process.env, PATH: `${searchPath}:` };
    const result = await wrap(['here'], { env, cwd: folder });
    assert.deepEqual([result.status, result.stdout], [0, 'from here\n']);
  });

  test('does not matter to a name with a slash', () => {
    assert.equal(resolveCommand(['/bin/sh'], '/nowhere').path, '/bin/sh');
  });

  test('is that of the C library when it is not set', () => {
    assert.equal(resolveCommand(['sh'], undefined).path, '/bin/sh');
  });
});

describe('a script', () => {
  const shell = realpathSync('/bin/sh');
  const programs = (path: string) =>
    resolveCommand([path], searchPath).programs.map((program) => realpathSync(program));

  test('stands for its interpreter', (t) => {
    assert.deepEqual(programs(script(scratch(t), 's', '#!/bin/sh -e\n')), [shell]);
  });

  test('may have blanks before its interpreter and carry no newline', (t) => {
    assert.deepEqual(programs(script(scratch(t), 's', '#! \t/bin/sh')), [shell]);
  });

  test('may have a script as its interpreter', (t) => {
    const folder = scratch(t);
    const inner = script(folder, 'inner', '#!/bin/sh\n');
    assert.deepEqual(programs(script(folder, 'outer', `#!${inner} arg\n`)), [shell]);
  });

  const envLines = ['env sh', 'env -S sh -e', 'env -S A=1 sh', "env -S -u B 'sh' -e", 'env -vS sh'];
  for (const line of envLines) {
    test(`may name its interpreter with '${line}'`, (t) => {
      const path = script(scratch(t), 's', `#!/usr/bin/${line}\n`);
      assert.deepEqual(programs(path), [realpathSync('/usr/bin/env'), shell]);
    });
  }

  test('without a first line goes to the shell, as with execvp', async (t) => {
    const path = script(scratch(t), 's', 'echo "$0 $1"\n');
    const result = await wrap([path, 'x']);
    assert.deepEqual([result.status, result.stdout], [0, `${path} x\n`]);
  });

  test('runs with its own name and arguments', async (t) => {
    const path = script(scratch(t), 's', '#!/bin/sh\necho "$0 $*"\n');
    assert.equal((await wrap([path, 'a', '--', '-b'])).stdout, `${path} a -- -b\n`);
  });
});

test('wswrap runs through a symbolic link from another folder', async (t) => {
  const folder = scratch(t);
  symlinkSync(wswrap, join(folder, 'link'));
  const result = await run('./link', ['5999', 'echo', 'hello'], { cwd: folder });
  assert.deepEqual([result.status, result.stdout], [0, 'hello\n']);
});

test('a program that cannot be read cannot be judged', {
  skip: unprivileged.obstacle,
}, async (t) => {
  const path = script(scratch(t), 'secret', '#!/bin/sh\n');
  chmodSync(path, 0o111);
  const result = await wrap([path], unprivileged.options);
  assert.equal(result.status, 126);
  assert.match(result.stderr, /cannot be read/);
});
