// No request reaches a file outside of the folder: not by its path, not by links, not by being fast.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { createPages } from '../../src/proxy/pages.js';
import { scratch } from '../launcher/run.js';
import { attackPaths } from './attack-paths.js';
import { get, serve } from './raw-http.js';

const secret = 'the secret of the neighbour';

interface Site {
  port: number;
  /** What is served. */
  folder: string;
  /** What surrounds it. */
  outside: string;
}

async function site(t: TestContext, listing = false): Promise<Site> {
  const outside = scratch(t);
  const folder = join(outside, 'pages');
  for (const path of ['pages/sub', 'pages/.git', 'private', 'pages-secret']) {
    mkdirSync(join(outside, path), { recursive: true });
  }
  for (const path of ['', 'private', 'pages-secret', 'pages/.git']) {
    writeFileSync(join(outside, path, 'secret.txt'), secret);
  }
  for (const path of ['.hidden', 'sub/.hidden', '.git/config']) {
    writeFileSync(join(folder, path), secret);
  }
  writeFileSync(join(folder, 'index.html'), 'the index');
  writeFileSync(join(folder, 'sub/page.txt'), 'a page');
  return { port: await serve(t, createPages({ folder, listing })), folder, outside };
}

async function assertKept(port: number, target: string): Promise<void> {
  const { status, headers, body } = await get(port, target);
  assert.match(String(status), /^40[04]$/, target);
  assert.doesNotMatch(body.toString(), /secret|root:|PATH=|\/tmp/, target);
  assert.equal(headers['location'], undefined, target);
}

describe('a path that leads out of the folder', () => {
  test(`is not found, whichever of ${attackPaths.length} ways it is written`, async (t) => {
    assert.ok(new Set(attackPaths).size >= 80);
    const { port } = await site(t);
    for (const target of attackPaths) await assertKept(port, target);
  });

  test('is not found where listings are on', async (t) => {
    const { port } = await site(t, true);
    for (const target of attackPaths) await assertKept(port, target);
  });

  test('is not found below a name', async (t) => {
    const { folder } = await site(t);
    const port = await serve(t, createPages({ folder, listing: true, below: 'docs' }));
    assert.equal((await get(port, '/docs/sub/page.txt')).body.toString(), 'a page');
    assert.equal((await get(port, '/docs')).headers['location'], './docs/');
    for (const target of attackPaths) {
      await assertKept(port, target);
      if (target.startsWith('/')) await assertKept(port, `/docs${target}`);
    }
    await assertKept(port, '/sub/page.txt');
    await assertKept(port, '/docs%2fsub/page.txt');
  });
});

describe('a symbolic link', () => {
  test('that leads out of the folder is not found, nor is anything behind it', async (t) => {
    const { port, folder, outside } = await site(t);
    const links: Record<string, string> = {
      up: '..',
      'up-more': '../..',
      root: '/',
      etc: '/etc',
      relative: '../private',
      absolute: join(outside, 'private'),
      neighbour: '../pages-secret',
      process: '/proc/self',
    };
    for (const [name, target] of Object.entries(links)) symlinkSync(target, join(folder, name));
    symlinkSync('relative', join(folder, 'chain'));
    symlinkSync('../secret.txt', join(folder, 'file.txt'));
    symlinkSync('../../secret.txt', join(folder, 'sub/file.txt'));
    symlinkSync('/etc/passwd', join(folder, 'passwd'));
    symlinkSync('/dev/zero', join(folder, 'zero'));
    symlinkSync('/proc/self/fd/0', join(folder, 'stdin'));
    symlinkSync('loop', join(folder, 'loop'));
    symlinkSync('nowhere', join(folder, 'dangling'));
    const behind = [
      '',
      '/',
      '/secret.txt',
      '/passwd',
      '/etc/passwd',
      '/environ',
      '/root/etc/passwd',
    ];
    for (const name of [...Object.keys(links), 'chain']) {
      for (const rest of behind) await assertKept(port, `/${name}${rest}`);
      for (const target of attackPaths) {
        if (target.startsWith('/')) await assertKept(port, `/${name}${target}`);
      }
    }
    const files = ['file.txt', 'sub/file.txt', 'passwd', 'zero', 'stdin', 'loop', 'dangling'];
    for (const name of files) await assertKept(port, `/${name}`);
  });

  test('that leads out of the folder is no index.html', async (t) => {
    const { port, folder } = await site(t, true);
    symlinkSync('../../secret.txt', join(folder, 'sub/index.html'));
    const { status, body } = await get(port, '/sub/');
    assert.equal(status, 200);
    assert.match(body.toString(), /page\.txt/);
    assert.doesNotMatch(body.toString(), /secret|index/);
  });

  test('that stays inside is followed, even through hidden folders', async (t) => {
    const { port, folder } = await site(t);
    symlinkSync('sub/page.txt', join(folder, 'inside.txt'));
    symlinkSync('../sub', join(folder, 'sub/self'));
    symlinkSync(join(folder, 'sub'), join(folder, 'absolute'));
    // This is how Kubernetes swaps the files of a volume.
    mkdirSync(join(folder, '..2026_01'));
    writeFileSync(join(folder, '..2026_01/mounted.txt'), 'a page');
    symlinkSync('..2026_01', join(folder, '..data'));
    symlinkSync('..data/mounted.txt', join(folder, 'mounted.txt'));
    const targets = ['inside.txt', 'sub/self/self/page.txt', 'absolute/page.txt', 'mounted.txt'];
    for (const target of targets) {
      assert.equal((await get(port, `/${target}`)).body.toString(), 'a page', target);
    }
    await assertKept(port, '/..data/mounted.txt');
  });

  test('that is the folder itself may be switched while it is served', async (t) => {
    const { outside } = await site(t);
    const current = join(outside, 'current');
    symlinkSync('pages', current);
    const port = await serve(t, createPages({ folder: current, listing: false }));
    assert.equal((await get(port, '/')).body.toString(), 'the index');
    const next = join(outside, 'next');
    mkdirSync(next);
    writeFileSync(join(next, 'index.html'), 'the next index');
    symlinkSync('next', `${current}.new`);
    renameSync(`${current}.new`, current);
    assert.equal((await get(port, '/')).body.toString(), 'the next index');
  });

  test('that changes while it is looked at never leads out', async (t) => {
    const { port, folder } = await site(t);
    const door = join(folder, 'door');
    let ended = false;
    const swap = (turn: number) => {
      if (ended) return;
      symlinkSync(turn % 2 === 0 ? 'sub' : '../private', `${door}.new`);
      renameSync(`${door}.new`, door);
      setImmediate(swap, turn + 1);
    };
    writeFileSync(join(folder, 'sub/secret.txt'), 'public');
    swap(0);
    const seen = new Set<string>();
    // Often, and until the door was found both open and shut.
    for (let i = 0; i < 500 || (seen.size < 2 && i < 20_000); ++i) {
      const { status, body } = await get(port, '/door/secret.txt');
      seen.add(status === 200 ? body.toString() : String(status));
    }
    ended = true;
    assert.deepEqual([...seen].sort(), ['404', 'public']);
  });
});

test('special files are not found, and nothing waits for them', async (t) => {
  const { port, folder } = await site(t);
  execFileSync('mkfifo', [join(folder, 'fifo'), join(folder, 'sub/index.html')]);
  const socket = createServer().listen(join(folder, 'socket'));
  t.after(() => socket.close());
  symlinkSync('fifo', join(folder, 'link'));
  for (const name of ['fifo', 'socket', 'link', 'fifo/', 'fifo/x']) {
    await assertKept(port, `/${name}`);
  }
  assert.equal((await get(port, '/sub/')).status, 403);

  const devices = await serve(t, createPages({ folder: '/dev', listing: false }));
  for (const name of ['null', 'zero', 'tty', 'full', 'ptmx', 'stdin', 'fd/0']) {
    await assertKept(devices, `/${name}`);
  }
});

test('a redirect stays on the host', async (t) => {
  const { port, folder } = await site(t);
  const names = ['evil.example', 'http:', '\\evil.example', 'http:evil.example', '@x', 'a b?c#d%'];
  for (const name of names) mkdirSync(join(folder, name));
  mkdirSync(join(folder, 'sub/evil.example'));
  const targets = [
    '/sub',
    '//sub',
    '/sub?next=//evil.example',
    '//evil.example',
    '///evil.example',
    '//evil.example?',
    '/sub//evil.example',
    '/http:',
    '/%5cevil.example',
    '/\\evil.example',
    '/http:evil.example',
    '/@x',
    '/a%20b%3fc%23d%25',
    'http://evil.example/sub',
  ];
  for (const target of targets) {
    const { status, headers } = await get(port, target);
    assert.equal(status, 301, target);
    const location = headers['location'] ?? '';
    assert.match(location, /^\.\/[A-Za-z0-9._~%-]+\/(\?|$)/, target);
    // Where a browser goes that came from there.
    const base = target.startsWith('/')
      ? `http://site.example${target}`
      : 'http://site.example/sub';
    assert.equal(new URL(location, base).host, 'site.example', target);
  }
  for (const target of ['//evil.example/..', '//evil.example/%2e%2e', '//evil.example%2f..']) {
    await assertKept(port, target);
  }
  const { headers } = await get(port, '/a%20b%3fc%23d%25?x=1&y=%20z');
  assert.equal(headers['location'], './a%20b%3Fc%23d%25/?x=1&y=%20z');
});
