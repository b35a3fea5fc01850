// The command line of wsproxy: what the tools before it took is taken still, and does what it did; what
// is said about the rest; and the help that teaches it.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import { packageRoot } from '../../src/paths.js';
import { type Result, run, scratch, script } from '../launcher/run.js';
import { isListening } from '../programs/command.js';
import { eventually } from '../support/deadline.js';
import { freePorts } from '../support/server.js';
import { cleanEnvironment, type StartOptions, WsProxy, wsproxy } from './proxy.js';
import { get } from './raw-http.js';
import { runScript } from './script.js';
import { echoServer } from './target.js';
import { certificate, leave, visit, visitSecurely } from './visitor.js';

/** What an invocation of an old tool is made of. */
interface Stage {
  /** A port that is free. */
  port: number;
  /** `host:port` of an echo server. */
  target: string;
  /** The working folder; self.pem in it is a certificate with its key. */
  folder: string;
}

async function stage(t: TestContext): Promise<Stage> {
  const [port = 0] = await freePorts(1);
  const target = await echoServer(t);
  return { port, target: `localhost:${target.port}`, folder: scratch(t) };
}

/** An echo server that listens on a port, as a command. */
function server(port: number, how = ''): string[] {
  const text = `require('net').createServer((s) => { s.pipe(s); ${how} }).listen(${port})`;
  return [process.execPath, '-e', text];
}

async function finish(proxy: WsProxy): Promise<void> {
  proxy.kill('SIGTERM');
  assert.equal((await proxy.exit()).code, 0);
}

describe('what the old tools were told', () => {
  const plain: [tool: string, line: (stage: Stage) => (string | number)[]][] = [
    ['wsproxy.py -v SOURCE TARGET', ({ port, target }) => ['-v', port, target]],
    ['wsproxy.py SOURCE_ADDR:PORT TARGET', ({ port, target }) => [`localhost:${port}`, target]],
    ['wsproxy.py -f', ({ port, target }) => ['-f', port, target]],
    ['wsproxy.py --foreground', ({ port, target }) => ['--foreground', port, target]],
    ['wsproxy.py with options behind', ({ port, target }) => [port, target, '-v', '-f']],
    ['wsproxy.py with options between', ({ port, target }) => [port, '--verbose', target]],
    ['wsproxy (C) -v -f', ({ port, target }) => ['-v', '-f', port, target]],
    ['wsproxy.js SRC TGT', ({ port, target }) => [port, target]],
  ];
  for (const [tool, line] of plain) {
    test(tool, async (t) => {
      const given = await stage(t);
      const proxy = await WsProxy.start(t, line(given), { cwd: given.folder });
      assert.equal(proxy.port, given.port);
      await leave(await visit(given.port));
      await finish(proxy);
    });
  }

  const secure: [tool: string, line: (stage: Stage) => (string | number)[]][] = [
    ['wsproxy.py with self.pem in the folder', ({ port, target }) => [port, target]],
    ['wsproxy.py --cert FILE', ({ port, target }) => ['--cert', 'my.pem', port, target]],
    ['wsproxy.py --cert=FILE', ({ port, target }) => ['--cert=my.pem', port, target]],
    [
      'wsproxy.py --cert FILE --key FILE',
      ({ port, target }) => ['--cert', 'cert.pem', '--key', 'key.pem', port, target],
    ],
    [
      'wsproxy (C) -v -f -c FILE -k FILE --ssl-only',
      ({ port, target }) => [
        '-v',
        '-f',
        '-c',
        'cert.pem',
        '-k',
        'key.pem',
        '--ssl-only',
        port,
        target,
      ],
    ],
    ['wsproxy.py --ssl-only', ({ port, target }) => ['--ssl-only', port, target]],
  ];
  for (const [tool, line] of secure) {
    test(tool, async (t) => {
      const given = await stage(t);
      const { folder, port } = given;
      const file = await certificate(t);
      const [cert = '', key = ''] = readFileSync(file, 'utf8').split(/(?=-----BEGIN .*KEY)/);
      for (const name of ['self.pem', 'my.pem']) copyFileSync(file, join(folder, name));
      writeFileSync(join(folder, 'cert.pem'), cert);
      writeFileSync(join(folder, 'key.pem'), key);
      const words = line(given);
      const proxy = await WsProxy.start(t, words, { cwd: folder });
      await leave(await visitSecurely(port, file));
      if (words.includes('--ssl-only')) await assert.rejects(visit(port), /refused with 403/);
      else await leave(await visit(port));
      await finish(proxy);
    });
  }

  test('wsproxy.py --record FILE', async (t) => {
    const { port, target, folder } = await stage(t);
    const proxy = await WsProxy.start(t, ['--record', 'vnc', port, target], { cwd: folder });
    await leave(await visit(port));
    await finish(proxy);
    assert.equal(runScript(join(folder, 'vnc.1')).data.length, 3);
  });

  test('wsproxy.py --web DIR', async (t) => {
    const { port, target, folder } = await stage(t);
    writeFileSync(join(folder, 'vnc.html'), 'the page');
    const proxy = await WsProxy.start(t, ['--web', folder, port, target]);
    assert.equal((await get(port, '/vnc.html')).body.toString(), 'the page');
    await leave(await visit(port));
    await finish(proxy);
  });

  test('wsproxy.py -D', async (t) => {
    const { port, target, folder } = await stage(t);
    const file = join(folder, 'pid');
    const { status, stderr } = await start(['-D', '--pid-file', file, String(port), target]);
    const pid = Number(readFileSync(file, 'utf8'));
    t.after(() => process.kill(pid, 'SIGKILL'));
    assert.equal(status, 0);
    assert.match(stderr, /^ {2}- Backgrounding \(daemon\)$/m);
    await leave(await visit(port));
  });

  test('web.py PORT', async (t) => {
    const { port, folder } = await stage(t);
    writeFileSync(join(folder, 'index.html'), 'hello');
    const proxy = await WsProxy.start(t, ['--web', '.', port], { cwd: folder });
    assert.equal((await get(port, '/')).body.toString(), 'hello');
    await assert.rejects(visit(port), /refused with 404/);
    await finish(proxy);
  });

  test('launch.sh --listen PORT --vnc HOST:PORT --cert FILE', async (t) => {
    const { port, target } = await stage(t);
    const file = await certificate(t);
    const args = ['launch', '--listen', port, '--vnc', target, '--cert', file];
    const proxy = await WsProxy.start(t, args);
    await leave(await visitSecurely(port, file));
    await finish(proxy);
  });

  describe('wsproxy.py SOURCE -- COMMAND', () => {
    test('with no --wrap-mode ends with the command, and its status', async (t) => {
      const { port } = await stage(t);
      // It ends with its first client.
      const line = [port, '--', ...server(port, 's.on("close", () => process.exit(7))')];
      const proxy = await WsProxy.start(t, line);
      await leave(await visit(port));
      assert.deepEqual(await proxy.exit(), { code: 7, signal: null });
      assert.match(proxy.stderr, new RegExp(`proxying from :${port} to '.*node -e `));
    });

    test('with --wrap-mode ignore outlives it', async (t) => {
      const { port, folder } = await stage(t);
      const file = script(folder, 'starter', '#!/bin/sh\n"$@" >/dev/null 2>&1 &\n');
      const line = ['--wrap-mode', 'ignore', port, '--', file, ...server(port)];
      const proxy = await WsProxy.start(t, line);
      await proxy.logged(/the command ended with status 0/);
      await leave(await visit(port));
      await finish(proxy);
    });

    test('with --wrap-mode=respawn starts it again', async (t) => {
      const { port } = await stage(t);
      const line = server(port, 's.on("close", () => process.exit(1))');
      const proxy = await WsProxy.start(t, ['--wrap-mode=respawn', port, '--', ...line]);
      await leave(await visit(port));
      await proxy.logged(/the command ended with status 1, and is started again/);
      await eventually('it is back', () => proxy.stderr.match(/server listens on/g)?.length === 2);
      await leave(await visit(port));
      await finish(proxy);
    });

    test('gives the command its words as they are, another -- included', async (t) => {
      const { port, folder } = await stage(t);
      const file = join(folder, 'words');
      const text = 'printf "%s\\n" "$@" >"$0"; exit 3';
      const { status } = await start([
        ...[String(port), '--', '/bin/sh', '-c', text, file],
        ...['--', '-v', '--help', 'a b'],
      ]);
      assert.equal(status, 3);
      assert.equal(readFileSync(file, 'utf8'), '--\n-v\n--help\na b\n');
    });
  });

  test('an address may be IPv6 and a target a Unix socket', async (t) => {
    const { port, folder } = await stage(t);
    const inner = await WsProxy.start(t, ['--web', folder, 'unix:s'], { cwd: folder });
    const outer = await WsProxy.start(t, [`[::1]:${port}`, 'unix:s'], { cwd: folder });
    assert.match(outer.stderr, new RegExp(`Listen on \\[::1\\]:${port}\n`));
    assert.match(outer.stderr, /to unix:\/.*\/s\n/);
    assert.match(inner.stderr, /Listen on unix:\/.*\/s\n/);
  });
});

/** Runs wsproxy to its end. */
function start(args: readonly string[], options: StartOptions = {}): Promise<Result> {
  return run(wsproxy, args, { ...options, env: cleanEnvironment(options.env) });
}

describe('a wrong command line ends with status 125 and says what was expected', () => {
  const nothing = 'there is nothing to connect clients to';
  const hint = "'wsproxy --help' shows how it is used";
  const operands = ['0', 'localhost:1'];
  const table: [line: string[], message: string | RegExp, hint?: string | RegExp][] = [
    [[], "missing required argument 'source'"],
    [
      ['6080'],
      nothing,
      'give target_addr:target_port, or -- COMMAND, or --web DIR for files alone',
    ],
    [['http', 'localhost:1'], /'http' is no address: \[HOST:\]PORT or unix:PATH is/],
    [['65536', 'localhost:1'], /'65536' is no address/],
    [['0', 'localhost'], /'localhost' is no address/],
    [['0', 'localhost:1', 'more'], 'too many arguments. Expected 2 arguments but got 3.'],
    [['0', '--'], 'no COMMAND after --', 'name the server to start'],
    [['0', '--', 'true'], /can only be moved away from a port that is known/, /--target ADDRESS/],
    [['unix:s', '--', 'true'], /can only be moved away from a port that is known/, /--target/],
    [['--target', 'a:1', ...operands], 'the target is named twice', /drop --target/],
    [['--no-such-option', ...operands], "unknown option '--no-such-option'"],
    [['--recrod', 'x', ...operands], /unknown option '--recrod'/, /\(Did you mean --record\?\)/],
    [['--record'], "option '--record <FILE>' argument missing"],
    [['--ssl-only', ...operands], '--ssl-only needs a certificate', /give --cert FILE/],
    [['--verify-client', ...operands], '--verify-client needs a certificate', /wsproxy cert/],
    [['-k', 'key.pem', ...operands], '--key needs a certificate', /give --cert FILE/],
    [['--group', 'daemon', ...operands], 'a group without a user changes little', /--user/],
    [['--target-insecure', ...operands], 'the target is not spoken to by TLS', 'add --ssl-target'],
    [['--target-cafile', 'x', ...operands], 'the target is not spoken to by TLS', /--ssl-target/],
    [['--ssl-version', 'tlsv1', ...operands], /tlsv1' is invalid\. default, tlsv1_2 or tlsv1_3/],
    [['--proxy-protocol', '3', ...operands], /1 or 2 is expected/],
    [['--wrap-mode', 'restart', '0', '--', 'x'], /Allowed choices are exit, ignore, respawn/],
    [['--workers', '0', ...operands], /A number from 1 to 1024 is expected/],
    [['--workers', 'many', ...operands], /A number from 1 to 1024 is expected/],
    [['--unix-listen-mode', '888', ...operands], /Three octal digits are expected/],
    [['--timeout', '0', ...operands], /Seconds from 0.001 to 86400 are expected/],
    [['--idle-timeout', '-1', ...operands], /Seconds from 0.001 to 86400 are expected/],
    [['--heartbeat', 'often', ...operands], /Seconds from 0.001 to 86400 are expected/],
    [['--handshake-timeout', '1e3', ...operands], /Seconds from/],
    [['--max-pending', '0', ...operands], /A number from 1 to 100000 is expected/],
    [['--max-connections', '-1', ...operands], /A number from 1 to 1000000 is expected/],
    [['--origin', 'a b', ...operands], /'a b': expected an origin/],
    [['--host', 'example.org:80', ...operands], /a host name or address without a port/],
    [['--path', 'vnc', ...operands], /begins with '\/'/],
    [['--subprotocol', 'a, b', ...operands], /One name is expected/],
    [['--metrics', 'here', ...operands], /'here' is no address/],
    [['--log-level', 'loud', ...operands], /Allowed choices are quiet, info, debug, trace/],
    [['--log-format', 'xml', ...operands], /Allowed choices are text, json/],
    [['--log-file', '/no/such/folder/log', ...operands], /log file cannot be opened: ENOENT/, ''],
    [['--syslog=a b', ...operands], /'a b' is no server: HOST or HOST:PORT is/],
    [['--cert', '/nowhere.pem', ...operands], '/nowhere.pem: cannot be read (ENOENT)', /PEM/],
    [
      ['--web', '/nowhere', '0'],
      /^\/nowhere: no folder that pages can be served from/,
      /that this user can read/,
    ],
    [
      ['--record', '/nowhere/x', ...operands],
      /^\/nowhere: recordings cannot be written/,
      /create the folder/,
    ],
    [
      ['--ssl-target', '--target-cafile', '/nowhere', ...operands],
      '/nowhere: cannot be read (ENOENT)',
      /give --target-cafile a file in PEM format/,
    ],
    [
      ['--ssl-target', '--target-cafile', '/etc/passwd', ...operands],
      '/etc/passwd: there is no certificate in it',
      /give --target-cafile a file in PEM format/,
    ],
    [['--user', 'no-such-user', ...operands], /no user no-such-user|only root/, ''],
    [['launch', '--vnc', 'x', '--listen', '0'], /'x' is no address/],
    [['launch', '6080'], /too many arguments/],
    [['replay'], "missing required argument 'FILE'"],
    [['replay', 'x'], "missing required argument 'PORT'"],
    [['replay', '--speed', '0', 'x', '0'], /A factor from 0.01 to 1000 is expected/],
    [['cert', '--days', '0'], /A number from 1 to 3650 is expected/],
  ];
  for (const [line, message, remedy = hint] of table) {
    test(`wsproxy ${line.join(' ').slice(0, 60)}`, async (t) => {
      const { status, stdout, stderr } = await start(line, { cwd: scratch(t) });
      assert.deepEqual([status, stdout], [125, '']);
      const [first = '', ...others] = stderr.split('\n');
      assert.ok(first.startsWith('wsproxy: '), stderr);
      expect(first.slice('wsproxy: '.length), message);
      if (!stderr.includes(hint) || remedy !== hint) expect(others.join('\n').trim(), remedy);
      assert.doesNotMatch(stderr, /\n {4}at /);
    });
  }

  function expect(text: string, pattern: string | RegExp): void {
    if (typeof pattern === 'string') assert.ok(text.includes(pattern), text);
    else assert.match(text, pattern);
  }
});

describe('a passphrase', () => {
  for (const option of ['--key-password', '--ssl-password', '--password', '--passphrase']) {
    test(`is not taken from the command line, where everybody sees it: ${option}`, async () => {
      const { status, stderr } = await start([option, 'secret', '0', 'localhost:1']);
      assert.equal(status, 125);
      assert.match(stderr, new RegExp(`unknown option '${option}'`));
    });
  }
});

describe('--syslog', () => {
  test('takes only a value that is attached', async () => {
    // There are two operands in all.
    const bare = await start(['--syslog', '0', 'localhost:1', 'more']);
    assert.match(bare.stderr, /Expected 2 arguments but got 3/);
    const attached = await start(['--syslog=127.0.0.1', 'localhost:1', '0', 'more']);
    assert.match(attached.stderr, /Expected 2 arguments but got 3/);
    const behind = await start(['0', 'localhost:1', '--syslog', 'more']);
    assert.match(behind.stderr, /Expected 2 arguments but got 3/);
  });
});

describe('the exit status is', () => {
  const table: [what: string, line: string[], status: number][] = [
    ['that of the command', ['7', '--', '/bin/sh', '-c', 'exit 42'], 42],
    ['that of its signal', ['7', '--', '/bin/sh', '-c', 'kill -TERM $$'], 143],
    ['127 if it is not found', ['7', '--', 'no-such-command'], 127],
    ['126 if it cannot be executed', ['7', '--', '/etc'], 126],
    ['125 if wsproxy fails', ['--web', '/nowhere', '7'], 125],
    ['0 after --idle-timeout', ['--idle-timeout', '0.1', '7', 'localhost:1'], 0],
    ['0 after --timeout', ['--timeout', '0.1', '7', 'localhost:1'], 0],
  ];
  for (const [what, line, status] of table) {
    test(what, async () => {
      const [port = 0] = await freePorts(1);
      const result = await start(line.map((word) => (word === '7' ? String(port) : word)));
      assert.equal(result.status, status, result.stderr);
    });
  }
});

describe('--help', () => {
  test('names every option in its group, and has examples', async () => {
    const { status, stdout, stderr } = await start(['--help']);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^Usage: wsproxy \[options\] \[source_addr:\]source_port target_addr/);
    const groups: Record<string, string> = {
      'Who may connect': 'origin host path handshake-timeout max-pending max-connections',
      'What is spoken': 'subprotocol text heartbeat',
      'The target':
        'target connect-timeout proxy-protocol ssl-target target-cafile target-insecure',
      TLS: 'cert key key-password-file ssl-only ssl-version ssl-ciphers verify-client cafile',
      Pages: 'web directory-listing',
      Sessions: 'record',
      Processes:
        'wrap-mode workers daemon pid-file user group unix-listen-mode run-once timeout idle-timeout metrics',
      'What is told': 'verbose log-level log-format log-file syslog',
      Options: 'version help',
    };
    const sections = stdout.split(/^(?=[A-Z][^\n]*:\n)/m);
    for (const [group, names] of Object.entries(groups)) {
      const section = sections.find((text) => text.startsWith(group)) ?? '';
      const options = [...section.matchAll(/^ {2}(?:-\w, )?--([a-z-]+)/gm)].map(([, name]) => name);
      assert.deepEqual(options, names.split(' '), group);
    }
    for (const command of ['launch', 'replay', 'cert']) {
      assert.match(stdout, new RegExp(`^ {2}${command} `, 'm'));
    }
    assert.match(stdout, /^ {2}wsproxy 6080 localhost:5900/m);
    assert.match(stdout, /--syslog\[=SERVER\]/);
    assert.ok(stdout.split('\n').every((line) => line.length <= 110));
  });

  const options: Record<string, string[]> = {
    launch: ['listen', 'vnc', 'cert'],
    replay: ['speed'],
    cert: ['out', 'name', 'days', 'force'],
  };
  for (const [command, names] of Object.entries(options)) {
    test(`of ${command} names its options`, async () => {
      const { status, stdout, stderr } = await start([command, '--help']);
      assert.deepEqual([status, stderr], [0, '']);
      assert.match(stdout, new RegExp(`^Usage: wsproxy ${command} `));
      for (const name of names) assert.match(stdout, new RegExp(`^ {2}--${name}\\b`, 'm'));
      assert.match(stdout, /^Examples:$/m);
    });
  }

  test('may be asked for among other words', async () => {
    const { status, stdout } = await start(['-v', '6080', '-h']);
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: wsproxy/);
  });
});

test('--version tells the version of the package', async () => {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'));
  const { status, stdout } = await start(['--version']);
  assert.deepEqual([status, stdout], [0, `${version}\n`]);
});

describe('the banner', () => {
  const legend = [
    'Traffic legend:',
    '  } from the client, }. only part of a frame or a control frame',
    '  { from the target',
    '  > to the target, >. the target is slow',
    '  < to the client, <. the client is slow',
  ];
  const settings = 'WebSocket server settings:';
  const flash = '  - Flash security policy server';
  const plain = '  - No SSL/TLS support (no cert file)';
  const table: [what: string, line: string[], banner: string[]][] = [
    [
      'of a proxy',
      ['PORT', 'localhost:5900'],
      [settings, '  - Listen on :PORT', flash, plain, '  - proxying from :PORT to localhost:5900'],
    ],
    [
      'with all of it',
      [
        ...['-v', '--cert', 'CERT', '--ssl-only', '--web', 'FOLDER', '--record', 'FOLDER/s'],
        ...['--workers', 'auto', '--ssl-target', '127.0.0.1:PORT', '[::1]:5900'],
      ],
      [
        settings,
        '  - Listen on 127.0.0.1:PORT',
        flash,
        '  - Web server (no directory listings). Web root: FOLDER',
        '  - SSL/TLS support',
        '  - Deny non-SSL/TLS connections',
        `  - ${availableParallelism()} worker processes`,
        "  - Recording to 'FOLDER/s.*'",
        '  - proxying from 127.0.0.1:PORT to [::1]:5900 (using SSL)',
        ...legend,
      ],
    ],
    [
      'of a page server',
      ['--web', 'FOLDER', '--directory-listing', 'PORT'],
      [settings, '  - Listen on :PORT', flash, '  - Web server. Web root: FOLDER', plain],
    ],
    [
      'of a command',
      ['PORT', '--', 'sleep', '1000'],
      [settings, '  - Listen on :PORT', flash, plain, "  - proxying from :PORT to 'sleep 1000'"],
    ],
    ['at --log-level quiet', ['--log-level', 'quiet', 'PORT', 'localhost:1'], []],
  ];
  for (const [what, line, banner] of table) {
    test(what, async (t) => {
      const [port = 0] = await freePorts(1);
      const folder = scratch(t);
      const file = await certificate(t);
      const filled = (text: string) =>
        text
          .replace(/PORT/g, String(port))
          .replace(/FOLDER/g, folder)
          .replace(/CERT/g, file);
      const args = ['--timeout', '0.2', ...line.map(filled)];
      const { status, stdout, stderr } = await start(args, { cwd: folder });
      assert.deepEqual([status, stdout], [0, '']);
      const lines = stderr.split('\n').filter((text) => !/^\d\d:\d\d:\d\d\.\d{3} /.test(text));
      assert.deepEqual(lines, [...banner.map(filled), '']);
    });
  }

  test('names the port that was free', async (t) => {
    const proxy = await WsProxy.start(t, ['0', 'localhost:1']);
    assert.ok(isListening(proxy.port));
  });
});
