// The table of calls in the README: what scenes compare of each, native against wrapped.
//
// It is made from what the scenes say of themselves (shows() in scene.ts). A scene that fails fails
// the tests, so whatever is in the table is equal.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { families } from './hook-table.js';
import { listVariable, type Shown } from './scene.js';

const scenes = fileURLToPath(new URL('../shim', import.meta.url));

/** What is not as without wswrap, and why. */
const differences: readonly { calls: readonly string[]; text: string }[] = [
  {
    calls: ['poll', 'ppoll', 'epoll_wait'],
    text:
      "The client's Close frame is its end. One that lies behind payload which nobody has read yet " +
      'may be seen only when that is read: `POLLRDHUP` can come later than on TCP.',
  },
  {
    calls: ['ioctl', 'recv'],
    text:
      'What `FIONREAD` counts and `MSG_PEEK` shows across frames ends after some thousand bytes of ' +
      'the wire if the client sends very small frames. It is never more than a read would take, and ' +
      'never nothing if there is something.',
  },
  {
    calls: ['close', 'dup2', 'dup3'],
    text:
      'A connection that one thread closes while another reads from it is closed at once, and the ' +
      'reader wakes. On TCP it sleeps on, until something comes from the client.',
  },
  {
    calls: ['epoll_ctl'],
    text:
      'Closing a descriptor takes it out of every epoll, even if another one for the same connection ' +
      'stays open. What a child puts into an epoll that it shares with its parent is reported to the ' +
      'child only.',
  },
  {
    calls: ['setsockopt'],
    text: '`SO_ZEROCOPY` and `SO_PEEK_OFF` fail with `EOPNOTSUPP`.',
  },
  {
    calls: [],
    text:
      'All of these calls are served when they are made through `syscall()`, too: every scene is ' +
      'played once more that way. `io_uring_setup` fails with `ENOSYS` and `io_submit` for a ' +
      'connection with `EINVAL`, since they would go around the shim.',
  },
  {
    calls: ['write', 'send'],
    text:
      'A signal handler that writes to the very connection in whose call it interrupted its thread ' +
      'may get `EINTR`, and has to try again later.',
  },
  {
    calls: ['sendfile'],
    text: 'A thread that waits in `sendfile` for room can be cancelled.',
  },
];

/** For each call the behaviours that scenes show of it. */
function shownOfCalls(): Map<string, Set<string>> {
  const folder = mkdtempSync(join(tmpdir(), 'wswrap-scenes-'));
  const list = join(folder, 'list');
  const files = readdirSync(scenes).filter((name) => name.endsWith('.test.js'));
  const withScenes = files
    .map((name) => join(scenes, name))
    .filter((path) => readFileSync(path, 'utf8').includes('/scene.js'));
  try {
    // Defines all tests and runs none.
    const imports = withScenes.map((path) => `import ${JSON.stringify(path)};`).join('\n');
    const pattern = '--test-name-pattern=^no test has this name$';
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
    execFileSync(process.execPath, [pattern, '--input-type=module', '--eval', imports], {
      env: { ...environment, [listVariable]: list },
      stdio: 'ignore',
    });
    const shown = new Map<string, Set<string>>();
    for (const line of readFileSync(list, 'utf8').trim().split('\n')) {
      for (const [behaviour, calls] of Object.entries(JSON.parse(line) as Shown)) {
        for (const call of calls.split(' ')) {
          shown.set(call, (shown.get(call) ?? new Set()).add(behaviour));
        }
      }
    }
    return shown;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Bytes first, then what is usual, then flags and errors. */
function ordered(behaviours: Iterable<string>): string[] {
  const isPlain = (text: string) => /^[a-z]/.test(text);
  return [...behaviours].sort(
    (a, b) =>
      Number(b === 'bytes') - Number(a === 'bytes') ||
      Number(isPlain(b)) - Number(isPlain(a)) ||
      (a < b ? -1 : 1),
  );
}

function notesOf(call: string): string {
  const numbers = differences.flatMap(({ calls }, i) => (calls.includes(call) ? [i + 1] : []));
  return numbers.length === 0 ? '' : ` [${numbers.join(', ')}]`;
}

/** The table in Markdown, with its notes. */
export function callsTable(): string {
  const shown = shownOfCalls();
  const rows: string[] = [];
  for (const { name, calls } of families()) {
    let family = name;
    for (const call of calls) {
      const behaviours = ordered(shown.get(call) ?? []);
      if (behaviours.length === 0) continue;
      rows.push(`| ${family} | \`${call}\`${notesOf(call)} | ${behaviours.join(' · ')} |`);
      family = '';
    }
  }
  return [
    '| | call | equal |',
    '|---|---|---|',
    ...rows,
    '',
    'Processes, streams and descriptors that travel are shown by programs that use them.',
    '',
    'What differs:',
    '',
    ...differences.map(({ text }, i) => `${i + 1}. ${text}`),
  ].join('\n');
}

const begin = '<!-- calls: written by npm run docs -->';
const end = '<!-- end of calls -->';

/** The README with the table in its place. */
export function withTable(readme: string, table: string): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error('the README has no place for the table of calls');
  return `${readme.slice(0, from + begin.length)}\n${table}\n${readme.slice(to)}`;
}
