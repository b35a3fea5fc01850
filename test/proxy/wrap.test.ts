// A command that the proxy starts: its server is found at a private address, whatever way it takes
// to get there, and its end means what the mode says.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';

import type { Address } from '../../src/proxy/address.js';
import { type WrapOptions, WrappedCommand } from '../../src/proxy/wrap.js';
import { run, scratch, script, unprivileged } from '../launcher/run.js';
import { isListening, root } from '../programs/command.js';
import { compile } from '../support/compile.js';
import { eventually, within } from '../support/deadline.js';
import { epoll, fork, prefork, threads, words } from '../support/loops.js';
import { requires } from '../support/programs.js';
import { freePorts } from '../support/server.js';
import { freeDisplay, needsVncserver, vncHome } from '../support/vncserver.js';
import { memoryLog } from './log.js';

type Options = Pick<WrapOptions, 'command'> & Partial<WrapOptions>;

/** A command that is started, and stopped with the test. */
async function start(t: TestContext, options: Options) {
  const log = memoryLog();
  const wrapped = await WrappedCommand.prepare({ mode: 'exit', log: log.log, ...options });
  t.after(() => wrapped.stop());
  const exited = once(wrapped, 'exit') as Promise<[status: number]>;
  wrapped.start();
  const status = async () => (await within('the end of the command', exited))[0];
  return { wrapped, log, status };
}

/** Waits until the server has told of so many addresses. */
async function addressesOf(wrapped: WrappedCommand, count = 1): Promise<readonly Address[]> {
  await eventually(`there are ${count} addresses`, () => wrapped.addresses.length >= count);
  return wrapped.addresses;
}

/** Connects to an address, and leaves. */
async function visit(address: Address | undefined): Promise<void> {
  await talk(address, async () => undefined);
}

/** Sends bytes to an address. Returns the first that come back. */
async function converse(address: Address | undefined, request: string): Promise<string> {
  return talk(address, async (socket) => {
    if (request !== '') socket.write(request);
    const [reply] = await within('the reply', once(socket, 'data'));
    return String(reply);
  });
}

async function talk<T>(
  address: Address | undefined,
  how: (socket: Socket) => Promise<T>,
): Promise<T> {
  assert.ok(address !== undefined && 'port' in address);
  const socket = connect(address.port, address.host ?? '');
  try {
    await within('the connection', once(socket, 'connect'));
    return await how(socket);
  } finally {
    socket.destroy();
  }
}

const python = '/usr/bin/python3';

/** A command of the shell; the rest are its `$1`, `$2` … */
function shell(text: string, ...args: string[]): string[] {
  return ['/bin/sh', '-c', text, 'sh', ...args];
}

describe('the server is found at a private address', () => {
  const quiet = (...command: string[]) => shell('exec "$@" >/dev/null 2>&1', ...command);
  const echo = (loop: typeof fork, address: string) => (port: number) =>
    quiet(loop.program(), ...words({ mode: 'echo', address })(port));

  const servers: {
    name: string;
    command(port: number): string[];
    request?: string;
    reply?: RegExp;
    skip?: string | false;
  }[] = [
    {
      name: "Python's http.server",
      command: (port) => quiet(python, '-m', 'http.server', String(port)),
      request: 'GET / HTTP/1.0\r\n\r\n',
      reply: /^HTTP\/1\.0 200 OK/,
      skip: requires(python),
    },
    {
      name: 'netcat',
      command: (port) => quiet('nc.openbsd', '-dlk', '127.0.0.1', String(port)),
      skip: requires('nc.openbsd'),
    },
    {
      name: 'redis-server',
      command: (port) => quiet('redis-server', '--port', String(port), '--save', ''),
      request: 'PING\r\n',
      reply: /^\+PONG/,
      skip: requires('redis-server'),
    },
    {
      name: 'node',
      command: (port) => [
        process.execPath,
        '-e',
        `require('net').createServer((s) => s.pipe(s)).listen(${port})`,
      ],
    },
    { name: 'a fork for each client', command: echo(fork, '0.0.0.0') },
    { name: 'workers', command: echo(prefork, '127.0.0.1') },
    { name: 'threads', command: echo(threads, '::') },
    { name: 'epoll', command: echo(epoll, '::ffff:127.0.0.1') },
  ];

  for (const { name, command, request = 'hello', reply = /^hello$/, skip = false } of servers) {
    test(name, { skip }, async (t) => {
      const [port = 0] = await freePorts(1);
      const { wrapped } = await start(t, { command: command(port), port });
      const [address] = await addressesOf(wrapped);
      if (name === 'netcat') await visit(address);
      else assert.match(await converse(address, request), reply);
      assert.ok(!isListening(port));
    });
  }

  test('one that listens at IPv4 and at IPv6', { skip: requires(python) }, async (t) => {
    const [port = 0] = await freePorts(1);
    const text = `
import select, socket
servers = [socket.socket(family) for family in (socket.AF_INET, socket.AF_INET6)]
servers[1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
for server in servers:
    server.bind(('', ${port}))
    server.listen()
while True:
    for server in select.select(servers, [], [])[0]:
        client = server.accept()[0]
        client.send(client.recv(100))
`;
    const { wrapped } = await start(t, { command: [python, '-c', text], port });
    const addresses = await addressesOf(wrapped, 2);
    const hosts = addresses.map((address) => 'host' in address && address.host);
    assert.deepEqual(hosts, ['::1', '127.0.0.1']);
    for (const address of addresses) assert.equal(await converse(address, 'hello'), 'hello');
    assert.ok(!isListening(port));
  });

  // What vncserver does: a script that looks for a free port, starts the server, and leaves.
  test('one that a script starts in the background', { skip: requires('perl') }, async (t) => {
    const [port = 0] = await freePorts(1);
    const server = compile({
      name: 'background',
      sources: ['test/servers/background.c'],
      flags: ['-O2', '-D_GNU_SOURCE'],
    });
    const text = `
use Socket;
socket(my $trial, PF_INET, SOCK_STREAM, 0) or die $!;
bind($trial, sockaddr_in(${port}, INADDR_ANY)) or die $!;
close($trial);
exec('${server}', 'port=${port}', 'daemon', 'before-listen');
`;
    const command = shell('exec perl -e "$1" >/dev/null', text);
    const { wrapped, log } = await start(t, { command, port, mode: 'ignore' });
    await log.until(/^the command ended with status 0; its server may be in the background$/);
    const addresses = await addressesOf(wrapped);
    assert.equal(addresses.length, 1);
    await wrapped.stop();
    assert.equal(await converse(addresses[0], 'hello'), 'hello');
  });

  test('vncserver, while the proxy has its port', { skip: needsVncserver() }, async (t) => {
    const display = freeDisplay(t);
    const port = 5900 + display;
    const proxy = createServer().listen(port);
    await once(proxy, 'listening');
    const folder = scratch(t);
    vncHome(folder);
    const vncserver = (what: string) =>
      shell('HOME="$1" exec vncserver $2 >/dev/null 2>&1', folder, `${what} :${display}`);
    t.after(async () => {
      const [program = '', ...args] = vncserver('-kill');
      await run(program, args);
      await once(proxy.close(), 'close');
    });
    const { wrapped } = await start(t, { command: vncserver(''), port, mode: 'ignore' });
    for (const address of await addressesOf(wrapped, 2)) {
      assert.match(await converse(address, ''), /^RFB 003\./);
    }
  });

  test('not one that listens on another port', { skip: requires(python) }, async (t) => {
    const [port = 0, other = 0] = await freePorts(2);
    const text = 'import socket, sys; s = socket.create_server(("127.0.0.1", int(sys.argv[1])));';
    const command = [python, '-c', `${text} s.accept()`, String(other)];
    const { wrapped, status } = await start(t, { command, port });
    await eventually('it listens', () => isListening(other));
    assert.deepEqual(wrapped.addresses, []);
    await visit({ host: '127.0.0.1', port: other });
    assert.equal(await status(), 0);
  });
});

describe('a command that cannot be started', () => {
  const log = memoryLog().log;
  const staticProgram = () =>
    compile({ name: 'hello-static', sources: ['test/launcher/hello.c'], flags: ['-static'] });
  const prepare = (command: string[]) =>
    WrappedCommand.prepare({ command, mode: 'exit', port: 5999, log });

  test('is not found', () =>
    assert.rejects(prepare(['no-such-program']), { name: 'LaunchError', status: 127 }));

  test('cannot carry the shim, and --target is the way', () =>
    assert.rejects(prepare([staticProgram()]), {
      name: 'LaunchError',
      code: 'STATIC_PROGRAM',
      status: 126,
      hint: /give that address with --target HOST:PORT/,
    }));

  test('is a Go program', () => {
    const flags = ['-DGO'];
    const program = compile({ name: 'hello-go', sources: ['test/launcher/hello.c'], flags });
    return assert.rejects(prepare([program]), { code: 'GO_PROGRAM', status: 126 });
  });

  test('is setuid', { skip: unprivileged.obstacle || !existsSync('/usr/bin/passwd') }, async () => {
    const module = join(root, 'dist/src/proxy/wrap.js');
    const text = `
      import { WrappedCommand } from ${JSON.stringify(module)};
      await WrappedCommand.prepare({ command: ['/usr/bin/passwd'], mode: 'exit', port: 5999 })
        .catch(({ code, status, hint }) => console.log(code, status, hint));
    `;
    const args = ['--input-type=module', '--eval', text];
    const { stdout } = await run(process.execPath, args, unprivileged.options);
    assert.match(stdout, /^SETUID_PROGRAM 126 run wsproxy as that user; .*--target HOST:PORT\n$/);
  });

  test('is started all the same when nothing has to be injected', async (t) => {
    const command = shell('exec "$1" >/dev/null', staticProgram());
    assert.equal(await (await start(t, { command })).status(), 0);
  });
});

describe('the command', () => {
  for (const [what, text, status] of [
    ['its status', 'exit 7', 7],
    ['success', 'exit 0', 0],
    ['a signal as a shell tells it', 'kill -KILL $$', 137],
  ] as const) {
    test(`ends with ${what}`, async (t) => {
      assert.equal(await (await start(t, { command: shell(text), port: 5999 })).status(), status);
    });
  }

  test('is not injected when no port is to be moved', async (t) => {
    const text = '[ -z "$LD_PRELOAD" ] && ! env | grep ^WSWRAP_';
    const { wrapped, status } = await start(t, { command: shell(text) });
    assert.equal(await status(), 0);
    assert.deepEqual(wrapped.addresses, []);
  });

  test('may be a script that does not name its interpreter', async (t) => {
    const path = script(scratch(t), 'plain', 'exit 9\n');
    assert.equal(await (await start(t, { command: [path] })).status(), 9);
    assert.equal(await (await start(t, { command: [path], port: 5999 })).status(), 9);
  });

  test('has the limit on open files and the ignored signals that the proxy came with', async (t) => {
    const notes = { WSWRAP_OPEN_FILES: '123', WSWRAP_IGNORED_SIGNALS: '0000000000000001' };
    t.after(() => {
      for (const name of Object.keys(notes)) delete process.env[name];
    });
    Object.assign(process.env, notes);
    const file = join(scratch(t), 'found');
    const text = '(ulimit -n; grep SigIgn: /proc/$$/status) >"$1"';
    const { status } = await start(t, { command: shell(text, file) });
    assert.equal(await status(), 0);
    assert.match(readFileSync(file, 'utf8'), /^123\nSigIgn:\s+0000000000000001\n/);
  });
});

describe('respawn', () => {
  test('gives up after three starts', async (t) => {
    const file = join(scratch(t), 'starts');
    const command = shell('echo start >>"$1"; exit 3', file);
    const { log, status } = await start(t, { command, mode: 'respawn', port: 5999 });
    assert.equal(await status(), 3);
    assert.equal(readFileSync(file, 'utf8'), 'start\n'.repeat(3));
    assert.match(log.messages.at(-1) ?? '', /started 3 times in 10 s: giving up/);
  });

  test('brings the server back, at an address of its own', {
    skip: requires(python),
  }, async (t) => {
    const [port = 0] = await freePorts(1);
    // It ends with its first client.
    const text = `
import socket
client = socket.create_server(('', ${port})).accept()[0]
client.send(client.recv(100))
`;
    const command = [python, '-c', text];
    const { wrapped, log } = await start(t, { command, mode: 'respawn', port });
    for (const turn of [1, 2]) {
      const [address] = await addressesOf(wrapped);
      assert.equal(await converse(address, `hello ${turn}`), `hello ${turn}`);
      await log.until(/^the command ended with status 0, and is started again$/);
      await eventually('the address is forgotten', () => wrapped.addresses[0] !== address);
    }
    await addressesOf(wrapped);
  });
});

describe('stop', () => {
  /** A command that waits for ever, once it has written its number and that of its child. */
  const family = (before = '') =>
    shell(`${before}; sleep 1000 & echo "$$ $!" >"$1.new"; mv "$1.new" "$1"; wait; wait`);

  async function members(file: string): Promise<number[]> {
    await eventually('the command is there', () => existsSync(file));
    return readFileSync(file, 'utf8').split(' ').map(Number);
  }

  const isThere = (pid: number) => {
    try {
      return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    } catch {
      return false;
    }
  };

  for (const [what, before] of [
    ['ends the command and its children', ':'],
    ['ends those, too, that do not care for SIGTERM', 'trap "" TERM'],
  ] as const) {
    test(what, async (t) => {
      const file = join(scratch(t), 'family');
      const command = [...family(before), file];
      const { wrapped } = await start(t, { command, mode: 'respawn', port: 5999 });
      wrapped.on('exit', () => assert.fail('the end is told of'));
      const pids = await members(file);
      assert.ok(pids.every(isThere));
      await wrapped.stop();
      assert.ok(!pids.some(isThere));
    });
  }

  test('may come at once, and again', async (t) => {
    const { wrapped } = await start(t, { command: shell('sleep 1000'), port: 5999 });
    await Promise.all([wrapped.stop(), wrapped.stop()]);
    await wrapped.stop();
  });

  test('may come before the start', async () => {
    const log = memoryLog().log;
    const wrapped = await WrappedCommand.prepare({
      command: ['true'],
      mode: 'exit',
      port: 5999,
      log,
    });
    await wrapped.stop();
  });
});
