// The documents tell the truth: options, metrics, examples and links are those that there are.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { packageRoot } from '../../src/paths.js';
import { run, scratch } from '../launcher/run.js';
import { Command } from '../programs/command.js';
import { WebSocketClient } from '../support/client.js';
import { eventually, within } from '../support/deadline.js';
import {
  anchorOf,
  blocksOf,
  headingsOf,
  linksOf,
  optionsIn,
  readDocument,
  rowsOf,
  sectionOf,
} from '../support/markdown.js';
import { freePorts } from '../support/server.js';
import { WsProxy, wsproxy } from './proxy.js';

const documents = ['README.md', 'docs/wsproxy.md', 'docs/library.md', 'docs/from-websockify.md'];
const reference = readDocument('docs/wsproxy.md');
// Other chapters have the titles of some groups.
const tables = reference.slice(reference.indexOf('\n## Options\n'));

async function help(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(wsproxy, [...words, '--help']);
  assert.deepEqual([status, stderr], [0, '']);
  return stdout;
}

/** The options that a help, or a part of it, describes. */
function describedIn(text: string): string[] {
  return [...new Set(text.match(/(?<=^ *(?:-\w, )?)--[a-z-]+/gm))].sort();
}

/** The options in the first column of a section's tables. */
function optionsOf(section: string): string[] {
  return optionsIn(
    rowsOf(section)
      .map(([first = '']) => first)
      .join(' '),
  );
}

describe('the reference of wsproxy and its help', () => {
  test('have the same options, in the same groups', async () => {
    const text = await help();
    const groups = [...text.matchAll(/^(\S[^\n]*?)(?: \([^\n]*\))?:\n((?: [^\n]*\n)+)/gm)]
      .map(([, title = '', body = '']) => ({ title, options: describedIn(body) }))
      .filter(({ title, options }) => options.length > 0 && title !== 'Examples');
    const [own, others] = [groups.slice(0, -1), groups.at(-1)];
    assert.ok(own.length >= 8, 'the help has groups');
    for (const { title, options } of own) {
      assert.deepEqual(optionsOf(sectionOf(tables, title)), options, title);
    }
    for (const option of others?.options ?? []) assert.ok(reference.includes(`\`${option}\``));
  });

  test('name the same commands, with the same options', async () => {
    const synopsis = blocksOf(sectionOf(reference, 'Synopsis')).join('');
    const commands = synopsis.match(/(?<=^wsproxy )[a-z]+\b/gm) ?? [];
    const inHelp = [...(await help()).matchAll(/^ {2}([a-z]+) \[options\]/gm)].map(([, it]) => it);
    assert.deepEqual([...commands].sort(), inHelp.sort());
    for (const command of commands) {
      const options = describedIn(await help(command)).filter((option) => option !== '--help');
      const line = synopsis.split('\n').find((each) => each.startsWith(`wsproxy ${command} `));
      assert.deepEqual(optionsIn(line ?? ''), options, command);
      const told = optionsOf(reference);
      for (const option of options) assert.ok(told.includes(option), option);
    }
  });

  test('mean the same defaults', async () => {
    const text = (await help()).replace(/\s+/g, ' ');
    // Permissions are octal in the one and decimal in the other.
    const defaults = [...text.matchAll(/(--[a-z-]+) <[A-Z]+> (?:(?! --).)*?\(default: (\d+)\)/g)]
      .map(([, option = '', value = '']) => ({ option, value }))
      .filter(({ option }) => option !== '--unix-listen-mode');
    assert.ok(defaults.length >= 4, 'the help has defaults');
    for (const { option, value } of defaults) {
      const row = rowsOf(reference).find(([first = '']) => first.includes(option)) ?? [];
      assert.match(row[1] ?? '', new RegExp(`Default: ${value}\\.`), option);
    }
  });
});

test('the reference names the metrics that there are', async (t) => {
  const [port = 0] = await freePorts(1);
  await WsProxy.start(t, ['--metrics', port, 0, 'localhost:1']);
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const served = [...text.matchAll(/^# TYPE (wsproxy_\w+)/gm)].map(([, name]) => name);
  const told = sectionOf(reference, 'Metrics and health').match(/\bwsproxy_\w+/g) ?? [];
  assert.deepEqual([...new Set(told)].sort(), served.sort());
});

// Those of websockify 0.10 to 0.13.
const websockify = `--verbose --traffic --record --daemon --run-once --timeout --idle-timeout --cert
  --key --key-password --ssl-only --ssl-target --verify-client --cafile --ssl-version --ssl-ciphers
  --unix-listen --unix-listen-mode --unix-target --inetd --web --web-auth --wrap-mode --prefer-ipv6
  --libserver --target-config --token-plugin --token-source --host-token --auth-plugin --auth-source
  --heartbeat --log-file --syslog --legacy-syslog --file-only --help`.split(/\s+/);

describe('whoever comes from websockify', () => {
  const rows = rowsOf(sectionOf(readDocument('docs/from-websockify.md'), 'Options'));

  test('finds each of its options', () => {
    assert.deepEqual(
      optionsIn(rows.map(([theirs = '']) => theirs).join(' ')),
      [...websockify].sort(),
    );
  });

  test('is told of options that there are', async () => {
    const ours = new Set([...describedIn(await help()), '--file-only']);
    for (const [theirs = '', here = '', remark = ''] of rows.slice(1)) {
      const same = /^(the same|accepted)/.test(here) ? optionsIn(theirs) : [];
      // What a remark names may be an option of theirs.
      const named = optionsIn(remark).filter((option) => !websockify.includes(option));
      for (const option of [...same, ...optionsIn(here), ...named]) {
        assert.ok(ours.has(option), option);
      }
    }
  });
});

/** Runs an example as a user's program, which has the package installed, on a free port. */
function start(t: TestContext, example: string): Promise<Command> {
  const folder = scratch(t);
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(packageRoot, join(folder, 'node_modules/wswrap'));
  const words = (port: number) => {
    const file = join(folder, `${port}.mjs`);
    writeFileSync(file, example.replaceAll('8080', String(port)));
    return [process.execPath, file];
  };
  return Command.start(t, words, { wrapped: false });
}

describe('the examples of the library run:', () => {
  const [shout = '', beside = '', codec = ''] = blocksOf(readDocument('docs/library.md'), 'js');

  test('a server, which says goodbye', async (t) => {
    const server = await start(t, shout);
    const client = await WebSocketClient.connect(server, { path: '/shout' });
    await client.send('what?');
    assert.equal(String(await client.receive(5)), 'WHAT?');
    server.child.kill('SIGTERM');
    assert.equal(await within('a Close frame', client.closed()), 1001);
    client.wire.destroy();
    assert.deepEqual(await server.exit(), { code: 0, signal: null });
    assert.equal(server.output, `listening on port ${server.port}\n`);
  });

  test('beside an HTTP server', async (t) => {
    const server = await start(t, beside);
    const client = await WebSocketClient.connect(server, { path: '/echo' });
    await client.send('what?');
    assert.equal(String(await client.receive(5)), 'what?');
    const page = await fetch(`http://127.0.0.1:${server.port}/`);
    assert.equal(await page.text(), 'a page\n');
  });

  test('the codec, with the output in its comments', async (t) => {
    const file = join(scratch(t), 'codec.mjs');
    writeFileSync(
      file,
      codec.replace("'wswrap'", JSON.stringify(join(packageRoot, 'dist/src/index.js'))),
    );
    const { stdout, stderr } = await run(process.execPath, [file]);
    const told = [...codec.matchAll(/^console\.log.* \/\/ (.*)$/gm)].map(([, text = '']) => text);
    assert.equal(stderr, '');
    assert.deepEqual(
      stdout.trimEnd().split('\n'),
      told.map((text) => text.replace(/;.*/, '')),
    );
  });

  test('the one in the README', async (t) => {
    const [example = ''] = blocksOf(readDocument('README.md'), 'js');
    const server = await start(t, example);
    const client = await WebSocketClient.connect(server);
    await client.send('what?');
    await eventually('it is shown', () => server.output === 'what?');
  });
});

test('links lead somewhere', () => {
  for (const document of documents) {
    for (const link of linksOf(readDocument(document))) {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? document : join(dirname(document), path);
      assert.ok(existsSync(join(packageRoot, target)), `${document}: ${link}`);
      if (anchor === undefined) continue;
      const anchors = headingsOf(readDocument(target)).map(anchorOf);
      assert.ok(anchors.includes(anchor), `${document}: ${link}`);
    }
  }
});
