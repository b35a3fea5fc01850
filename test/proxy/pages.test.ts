// What is said about a file and how much of it is sent; what is said when there is none; what is
// left behind.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { LaunchError } from '../../src/errors.js';
import { createPages } from '../../src/proxy/pages.js';
import { isRoot, scratch } from '../launcher/run.js';
import { eventually, within } from '../support/deadline.js';
import { openIn } from '../support/kernel.js';
import { get, requestText, serve } from './raw-http.js';

const text = 'abcdefghijklmnopqrstuvwxyz';

interface Site {
  port: number;
  folder: string;
}

async function site(t: TestContext, listing = false): Promise<Site> {
  const folder = scratch(t);
  mkdirSync(join(folder, 'sub'));
  writeFileSync(join(folder, 'index.html'), 'the index');
  writeFileSync(join(folder, 'a.txt'), text);
  return { port: await serve(t, createPages({ folder, listing })), folder };
}

describe('a file', () => {
  test('has the type that its name tells, and no other', async (t) => {
    const { port, folder } = await site(t);
    const types: Record<string, RegExp> = {
      'page.html': /^text\/html; charset=utf-8$/,
      'style.css': /^text\/css; charset=utf-8$/,
      'code.js': /^(text|application)\/javascript/,
      'module.mjs': /^(text|application)\/javascript/,
      'data.json': /^application\/json/,
      'picture.svg': /^image\/svg\+xml/,
      'picture.png': /^image\/png$/,
      'code.wasm': /^application\/wasm$/,
      'self.pem': /^application\//,
      'no-suffix': /^application\/octet-stream$/,
      'odd.unknown-suffix': /^application\/octet-stream$/,
    };
    for (const [name, type] of Object.entries(types)) {
      writeFileSync(join(folder, name), name);
      const { status, headers, body } = await get(port, `/${name}`);
      assert.equal(status, 200);
      assert.match(headers['content-type'] ?? '', type, name);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(body.toString(), name);
    }
  });

  test('is found by any name that a file can have', async (t) => {
    const { port, folder } = await site(t);
    const names: Record<string, Buffer> = {
      '/a%20b.txt': Buffer.from('a b.txt'),
      '/a+b.txt': Buffer.from('a+b.txt'),
      '/p%C3%A6re.txt': Buffer.from('pære.txt'),
      '/%ff%fe.txt': Buffer.from('\xff\xfe.txt', 'latin1'),
      '/%25.txt': Buffer.from('%.txt'),
      '/%252e.txt': Buffer.from('%2e.txt'),
      '/back%5cslash.txt': Buffer.from('back\\slash.txt'),
      '/query%3f%23.txt': Buffer.from('query?#.txt'),
      '/line%0abreak.txt': Buffer.from('line\nbreak.txt'),
      '/sub/x.txt': Buffer.from('sub/x.txt'),
    };
    for (const [target, name] of Object.entries(names)) {
      writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), target);
      assert.equal((await get(port, target)).body.toString(), target);
    }
  });

  test('is found whatever form the target has, and whatever query', async (t) => {
    const { port } = await site(t);
    const targets = ['/a.txt', '/a.txt?', '/a.txt?x=/../y#z', '//a.txt', 'http://localhost/a.txt'];
    targets.push('HTTPS://user@[::1]:8443/a.txt?x', '/%61.txt');
    for (const target of targets) {
      assert.equal((await get(port, target)).body.toString(), text, target);
    }
    for (const target of ['/', '/?x', 'http://localhost', 'http://localhost?x', '/index.html']) {
      assert.equal((await get(port, target)).body.toString(), 'the index', target);
    }
  });

  test('may be kept, but is asked for each time: 304 until it changes', async (t) => {
    const { port, folder } = await site(t);
    const { headers } = await get(port, '/a.txt');
    assert.equal(headers['cache-control'], 'no-cache');
    const { etag = '', 'last-modified': modified = '' } = headers;
    const conditions = [{ 'If-None-Match': etag }, { 'If-Modified-Since': modified }];
    for (const condition of conditions) {
      const { status, headers, body } = await get(port, '/a.txt', { headers: condition });
      assert.equal(status, 304);
      assert.equal(body.length, 0);
      assert.equal(headers['etag'], etag);
    }
    writeFileSync(join(folder, 'a.txt'), 'changed');
    utimesSync(join(folder, 'a.txt'), new Date(), new Date(Date.now() + 5000));
    for (const condition of conditions) {
      const { status, body } = await get(port, '/a.txt', { headers: condition });
      assert.equal(status, 200);
      assert.equal(body.toString(), 'changed');
    }
    const { status } = await get(port, '/a.txt', { headers: { 'If-Match': '"another"' } });
    assert.equal(status, 412);
  });

  test('is sent in part where a range is asked for', async (t) => {
    const { port } = await site(t);
    const parts: Record<string, [range: string, body: string]> = {
      'bytes=0-0': ['bytes 0-0/26', 'a'],
      'bytes=2-4': ['bytes 2-4/26', 'cde'],
      'bytes=23-': ['bytes 23-25/26', 'xyz'],
      'bytes=-3': ['bytes 23-25/26', 'xyz'],
      'bytes=20-99': ['bytes 20-25/26', 'uvwxyz'],
      'bytes=0-3,2-5': ['bytes 0-5/26', 'abcdef'],
    };
    for (const [Range, [range, expected]] of Object.entries(parts)) {
      const { status, headers, body } = await get(port, '/a.txt', { headers: { Range } });
      assert.equal(status, 206, Range);
      assert.equal(headers['content-range'], range);
      assert.equal(body.toString(), expected);
    }
    // Parts that do not touch, and what is no range of bytes: all of it.
    for (const Range of ['bytes=0-1,5-6', 'lines=1-2', 'bytes=x']) {
      const { status, body } = await get(port, '/a.txt', { headers: { Range } });
      assert.equal(status, 200, Range);
      assert.equal(body.toString(), text);
    }
    const beyond = await get(port, '/a.txt', { headers: { Range: 'bytes=26-' } });
    assert.equal(beyond.status, 416);
    assert.equal(beyond.headers['content-range'], 'bytes */26');
    assert.equal(beyond.body.toString(), 'Range Not Satisfiable\n');
    const other = { Range: 'bytes=0-1', 'If-Range': '"another"' };
    assert.equal((await get(port, '/a.txt', { headers: other })).status, 200);
  });

  test('is described to HEAD as to GET', async (t) => {
    const { port } = await site(t, true);
    for (const target of ['/a.txt', '/', '/sub/', '/sub', '/missing']) {
      const { Date: _, date, ...whole } = (await get(port, target)).headers;
      const head = await get(port, target, { method: 'HEAD' });
      assert.equal(head.body.length, 0);
      const { Date: __, date: ___, ...described } = head.headers;
      assert.deepEqual(described, whole, target);
    }
  });

  test('that is empty is sent as such', async (t) => {
    const { port, folder } = await site(t);
    writeFileSync(join(folder, 'empty'), '');
    const { status, headers, body } = await get(port, '/empty');
    assert.deepEqual([status, headers['content-length'], body.length], [200, '0', 0]);
  });
});

describe('refusals', () => {
  test('are short texts that tell no path', async (t) => {
    const { port, folder } = await site(t);
    const refusals: [target: string, status: number, text: string][] = [
      ['/missing', 404, 'Not Found'],
      ['/a.txt/', 404, 'Not Found'],
      ['/a.txt/x', 404, 'Not Found'],
      [`/${'x'.repeat(300)}`, 404, 'Not Found'],
      [`/${'x/'.repeat(4000)}`, 404, 'Not Found'],
      ['/.hidden', 404, 'Not Found'],
      ['/sub/', 403, 'Forbidden'],
      ['/%zz', 400, 'Bad Request'],
    ];
    for (const [target, status, text] of refusals) {
      const answer = await get(port, target);
      assert.equal(answer.status, status, target);
      assert.equal(answer.headers['content-type'], 'text/plain; charset=utf-8');
      assert.equal(answer.headers['x-content-type-options'], 'nosniff');
      assert.equal(answer.headers['etag'], undefined);
      assert.equal(answer.body.toString(), `${text}\n`);
      assert.ok(!answer.body.toString().includes(folder));
    }
  });

  test('are for all methods but GET and HEAD', async (t) => {
    const { port } = await site(t);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND']) {
      const { status, headers } = await get(port, '/a.txt', { method });
      assert.equal(status, 405, method);
      assert.equal(headers['allow'], 'GET, HEAD');
    }
    assert.equal((await get(port, '*', { method: 'OPTIONS' })).status, 405);
  });

  test('are for what this user may not read: 403', async (t) => {
    const { port, folder } = await site(t, true);
    mkdirSync(join(folder, 'locked'));
    writeFileSync(join(folder, 'locked/index.html'), 'x');
    mkdirSync(join(folder, 'unlisted'));
    mkdirSync(join(folder, 'half'));
    writeFileSync(join(folder, 'half/index.html'), 'x');
    for (const name of ['a.txt', 'locked', 'half/index.html']) chmodSync(join(folder, name), 0);
    chmodSync(join(folder, 'unlisted'), 0o311);
    // Root may read everything.
    if (isRoot) process.seteuid?.(65534);
    try {
      const targets = ['/a.txt', '/locked/', '/locked/index.html', '/unlisted/', '/half/'];
      for (const target of targets) {
        for (const method of ['GET', 'HEAD']) {
          assert.equal((await get(port, target, { method })).status, 403, target);
        }
      }
      assert.equal((await get(port, '/')).body.toString(), 'the index');
      assert.throws(() => createPages({ folder: join(folder, 'locked'), listing: false }), {
        code: 'NO_FOLDER',
        message: /EACCES/,
      });
    } finally {
      if (isRoot) process.seteuid?.(0);
      chmodSync(join(folder, 'locked'), 0o755);
    }
  });

  test('are for a folder that is none, before anything is served', (t) => {
    const folder = scratch(t);
    writeFileSync(join(folder, 'file'), '');
    for (const path of [join(folder, 'missing'), join(folder, 'file')]) {
      assert.throws(
        () => createPages({ folder: path, listing: false }),
        (error) => error instanceof LaunchError && error.message.startsWith(`${path}: no folder`),
      );
    }
  });
});

describe('a listing', () => {
  test('shows folders first, sizes, and nothing that would not be served', async (t) => {
    const { port, folder } = await site(t, true);
    const at = (name: string) => join(folder, 'sub', name);
    mkdirSync(at('z-folder'));
    mkdirSync(at('.git'));
    writeFileSync(at('b.txt'), text);
    writeFileSync(at('a.txt'), '');
    writeFileSync(at('.hidden'), '');
    symlinkSync('b.txt', at('link.txt'));
    symlinkSync('/etc/passwd', at('outside.txt'));
    symlinkSync('/etc', at('outside'));
    symlinkSync('nowhere', at('dangling'));
    const { status, headers, body } = await get(port, '/sub/');
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(headers['content-security-policy'], "default-src 'none'");
    const rows = [...body.toString().matchAll(/<a href="(.*?)">(.*?)<\/a><\/td><td[^>]*>(\d*)</g)];
    assert.deepEqual(
      rows.map(([, href, name, size]) => [href, name, size]),
      [
        ['../', '../', ''],
        ['./z-folder/', 'z-folder/', ''],
        ['./a.txt', 'a.txt', '0'],
        ['./b.txt', 'b.txt', '26'],
        ['./link.txt', 'link.txt', '26'],
      ],
    );
  });

  test('is no way to bring in HTML, and each of its links leads to its file', async (t) => {
    const { port, folder } = await site(t, true);
    const hostile = `<img src=x onerror=alert(1)>"'&amp;`;
    const names = [
      '<script>alert(1)<%2fscript>.txt',
      hostile,
      'javascript:alert(1)',
      '"><b>',
      '&lt;',
      'a?b#c%20d',
      'back\\slash',
      'pære \u{1f350}',
      '\xff\xfe',
    ];
    const inner = join(folder, hostile);
    mkdirSync(inner);
    for (const name of names) {
      const bytes = name === '\xff\xfe' ? Buffer.from(name, 'latin1') : Buffer.from(name);
      writeFileSync(Buffer.concat([Buffer.from(`${inner}/`), bytes]), name);
    }
    const path = `/${encodeURIComponent(hostile)}/`;
    const html = (await get(port, path)).body.toString();
    assert.match(html, /&#60;script&#62;alert\(1\)&#60;%2fscript&#62;\.txt/);
    const tags = html.match(/<\/?[a-z!][^>]*>/g) ?? [];
    const expected = /^<(!doctype html|\/?(html|title|h1|table|tr|td|th|a)|meta)( [^<>]*)?>$/;
    for (const tag of tags) assert.match(tag, expected);
    const links = [...html.matchAll(/href="(\.\/[^"]*)"/g)];
    assert.equal(links.length, names.length);
    const contents = new Set<string>();
    for (const [, href = ''] of links) {
      const url = new URL(href, `http://localhost${path}`);
      assert.equal(url.host, 'localhost');
      contents.add((await get(port, url.pathname)).body.toString());
    }
    assert.deepEqual(contents, new Set(names));
  });

  test('of many files is whole', async (t) => {
    const { port, folder } = await site(t, true);
    for (let i = 0; i < 1000; ++i) writeFileSync(join(folder, 'sub', `file-${i}`), '');
    const { body } = await get(port, '/sub/');
    assert.equal(body.toString().match(/href="\.\/file-\d+"/g)?.length, 1000);
  });
});

describe('a large file', () => {
  const size = 96 * 1024 * 1024;

  test('is read no faster than its client takes it, and arrives whole', async (t) => {
    const { folder } = await site(t);
    const block = randomBytes(1024 * 1024);
    writeFileSync(join(folder, 'large'), Buffer.concat(Array(size / block.length).fill(block)));
    const connections: Socket[] = [];
    const pages = createPages({ folder, listing: false });
    const port = await serve(t, pages, (socket) => connections.push(socket));
    const client = connect(port, '127.0.0.1');
    client.pause();
    client.write(requestText('/large'));
    await eventually('the server waits', () => connections[0]?.writableNeedDrain === true);
    assert.ok((connections[0]?.bytesWritten ?? size) < size / 2);

    const hash = createHash('sha256');
    let head = Buffer.alloc(0);
    let isBody = false;
    client.on('data', (chunk: Buffer) => {
      if (isBody) {
        hash.update(chunk);
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      isBody = true;
      hash.update(head.subarray(end + 4));
    });
    client.resume();
    await within('the end of the file', once(client, 'end'), 60_000);
    const expected = createHash('sha256');
    for (let i = 0; i < size / block.length; ++i) expected.update(block);
    assert.equal(hash.digest('hex'), expected.digest('hex'));
  });

  test('that is cut while it is sent ends the connection', async (t) => {
    const { folder } = await site(t);
    const path = join(folder, 'large');
    writeFileSync(path, '');
    truncateSync(path, size);
    const connections: Socket[] = [];
    const pages = createPages({ folder, listing: false });
    const port = await serve(t, pages, (socket) => connections.push(socket));
    const client = connect(port, '127.0.0.1');
    client.pause();
    client.write('GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await eventually('the server waits', () => connections[0]?.writableNeedDrain === true);
    truncateSync(path, 0);
    client.on('error', () => undefined).resume();
    await within('the end of the connection', once(client, 'close'));
    assert.ok(client.bytesRead < size);
  });

  test('leaves no descriptor open, whenever the client goes', async (t) => {
    const { port, folder } = await site(t);
    writeFileSync(join(folder, 'large'), '');
    truncateSync(join(folder, 'large'), size);
    symlinkSync('/etc/passwd', join(folder, 'outside'));
    // Node closes what nobody refers to any more, but complains.
    const complaints: Error[] = [];
    const complain = (warning: Error) => complaints.push(warning);
    process.on('warning', complain);
    t.after(() => process.off('warning', complain));
    const clients: Socket[] = [];
    for (let i = 0; i < 60; ++i) {
      const client = connect(port, '127.0.0.1').on('error', () => undefined);
      clients.push(client);
      await once(client, 'connect');
      client.write(requestText('/large'));
      // At once, once the first bytes are there, and in between.
      if (i % 3 === 0) client.destroy();
      else if (i % 3 === 1) client.once('data', () => client.resetAndDestroy());
      else setImmediate(() => client.destroy());
    }
    await Promise.all(clients.map((client) => client.closed || once(client, 'close')));
    for (const target of ['/a.txt', '/missing', '/sub', '/sub/', '/', '/.x', '/outside']) {
      await get(port, target);
      await get(port, target, { method: 'HEAD' });
    }
    const conditions = [{ 'If-Match': '"x"' }, { 'If-None-Match': '*' }, { Range: 'bytes=99-' }];
    for (const headers of conditions) await get(port, '/a.txt', { headers });
    const open = () => [...openIn(process.pid, folder), ...openIn(process.pid, '/etc')];
    await eventually('all descriptors are closed', () => open().length === 0);
    assert.deepEqual(complaints, []);
  });
});
