// Giving up root: who the process is afterwards, and that there is no way back.
import { strict as assert } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { describe, test } from 'node:test';

import type { Identity } from '../../src/proxy/identity.js';
import { isRoot, type RunOptions, run } from '../launcher/run.js';
import { requires } from '../support/programs.js';

const source = new URL('../../src/proxy/identity.js', import.meta.url);

// A program that drops its privileges and says who it is then: all of user, group and
// supplementary groups in the kernel's words (proc_pid_status(5)), for each thread.
const program = `
  import { readdirSync, readFileSync } from 'node:fs';
  import { dropPrivileges } from '${source}';
  try {
    // So that there are threads.
    await import('node:fs/promises').then((fs) => fs.readFile('/dev/null'));
    dropPrivileges(JSON.parse(process.argv[1]));
    const lines = readdirSync('/proc/self/task').map((task) =>
      readFileSync('/proc/self/task/' + task + '/status', 'utf8')
        .match(/^(?:[UG]id|Groups|Cap(?:Eff|Prm)):.*$/gm).map((line) => line.trim().replace(/\\s+/g, ' ')).join('\\n'));
    console.log([...new Set(lines)].join('\\n--\\n'));
    try { process.setuid(0); console.log('root again'); } catch { }
  } catch ({ name, code, message, hint }) {
    console.log(name, code, message, hint);
  }`;

async function drop(identity: Identity, options: RunOptions = {}): Promise<string> {
  const args = ['--input-type=module', '-e', program, JSON.stringify(identity)];
  const { stdout, stderr } = await run(process.execPath, args, options);
  assert.equal(stderr, '');
  return stdout;
}

const id = (option: string, user: string) =>
  execFileSync('id', [option, user], { encoding: 'utf8' }).trim();

const four = (number: string | number) => Array(4).fill(number).join(' ');
const identity = (uid: string | number, gid: string | number, groups: string | number) =>
  [
    `Uid: ${four(uid)}`,
    `Gid: ${four(gid)}`,
    `Groups: ${groups}`,
    'CapPrm: 0000000000000000',
    'CapEff: 0000000000000000',
    '',
  ].join('\n');

describe('root', { skip: !isRoot && 'only root can become another user' }, () => {
  test('becomes a user with that user’s groups, in all threads, for good', async () => {
    const nobody = identity(id('-u', 'nobody'), id('-g', 'nobody'), id('-G', 'nobody'));
    assert.equal(await drop({ user: 'nobody' }), nobody);
    assert.equal(await drop({ user: id('-u', 'nobody') }), nobody);
  });

  test('becomes a user with another group', async () => {
    const [uid, gid] = [id('-u', 'nobody'), id('-g', 'daemon')];
    const own = new Set(id('-G', 'nobody').split(' '));
    own.delete(id('-g', 'nobody'));
    const expected = identity(uid, gid, [...own, gid].join(' '));
    assert.equal(await drop({ user: 'nobody', group: 'daemon' }), expected);
    assert.equal(await drop({ user: 'nobody', group: gid }), expected);
  });

  test('becomes a number that no user has, if a group is named', async () => {
    assert.equal(await drop({ user: '54321', group: '54322' }), identity(54321, 54322, 54322));
    assert.match(await drop({ user: '54321' }), /^LaunchError NO_GROUP .*name one with --group$/m);
  });

  test('is told who does not exist', async () => {
    const user = await drop({ user: 'no-such-user' });
    assert.match(user, /^LaunchError NO_SUCH_USER there is no user no-such-user /);
    const group = await drop({ user: 'nobody', group: 'no-such-group' });
    assert.match(group, /^LaunchError NO_SUCH_GROUP there is no group no-such-group /);
    assert.match(await drop({ user: '4294967295', group: '1' }), /^LaunchError NO_SUCH_USER /);
  });

  test('does not become root', async () => {
    assert.match(await drop({ user: 'root' }), /^LaunchError STILL_ROOT /);
    assert.match(await drop({ user: '0', group: 'nogroup' }), /^LaunchError STILL_ROOT /);
  });

  test('without the right to change users is told so', { skip: requires('setpriv') }, async () => {
    const inner = JSON.stringify({ user: 'nobody' });
    const bounded = ['--bounding-set=-setuid,-setgid', '--inh-caps=-setuid,-setgid'];
    const args = [...bounded, process.execPath, '--input-type=module', '-e', program, inner];
    const { stdout } = await run('setpriv', args);
    assert.match(stdout, /^LaunchError STILL_ROOT .*CAP_SETUID/);
  });
});

describe('a user', () => {
  test('cannot become another one', async () => {
    const options = isRoot ? { uid: 65534, gid: 65534, cwd: '/' } : {};
    assert.match(await drop({ user: 'daemon' }, options), /^LaunchError NOT_ROOT /);
  });
});
