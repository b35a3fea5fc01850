// Programs that a wrapped server starts: what they get of its connections and listeners, and
// whether the shim comes along.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { compile } from '../support/compile.js';
import { atRandom } from '../support/framings.js';
import { type Server, type ServerOptions, serve, shim } from '../support/server.js';
import { type Transport, tcp, websocket } from '../support/transport.js';

const launcher = compile({
  name: 'launch',
  sources: ['test/servers/launch.c'],
  flags: ['-O1', '-D_GNU_SOURCE'],
});
const messenger = compile({
  name: 'messenger',
  sources: ['test/servers/messenger.c'],
  flags: ['-O1', '-D_GNU_SOURCE'],
});
const staticMessenger = compile({
  name: 'messenger-static',
  sources: ['test/servers/messenger.c'],
  flags: ['-O1', '-D_GNU_SOURCE', '-static'],
});

const turner = compile({
  name: 'turn',
  sources: ['test/servers/turn.c'],
  flags: ['-O1', '-D_GNU_SOURCE', '-pthread'],
});

const execs = ['execve', 'execv', 'execvp', 'execvpe', 'execl', 'execlp', 'execle', 'fexecve'];
const spawns = ['posix_spawn', 'posix_spawnp'];
const shells = ['system', 'popen'];
const everyCall = [...execs, 'execveat', 'syscall', ...spawns, ...shells];

function childrenFor(call: string): readonly ('fork' | 'vfork' | 'self')[] {
  if (spawns.includes(call)) return ['fork'];
  return shells.includes(call) ? ['fork', 'self'] : ['fork', 'vfork', 'self'];
}

const transports = [tcp, websocket(atRandom)];
const ours = shim.split(':').at(-1) ?? shim;

const nobody = 65534;
const needsRoot = process.getuid?.() !== 0 && 'needs root';

interface Launch {
  call?: string;
  child?: 'fork' | 'vfork' | 'nobody' | 'jail' | 'self';
  place?: 'streams' | 'stray' | 'private' | 'listener' | 'before';
  environment?: 'empty' | 'own' | 'other' | 'unset' | 'changed';
  program?: string;
}

function launch(t: TestContext, what: Launch, options: Partial<ServerOptions> = {}) {
  const { call = 'execve', child = 'fork', place = 'streams' } = what;
  const { environment = 'own', program = messenger } = what;
  const words = [`call=${call}`, `child=${child}`, `place=${place}`];
  const args = (port: number) => [
    `port=${port}`,
    ...words,
    `environment=${environment}`,
    `program=${program}`,
  ];
  return serve(t, launcher, args, { wrapped: true, talks: true, ...options });
}

/** Copies a file to a folder of its own that every user can read. */
function copyToPublicPlace(t: TestContext, file: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'wswrap-exec-'));
  t.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  const copy = join(folder, basename(file));
  copyFileSync(file, copy);
  chmodSync(copy, 0o755);
  return copy;
}

/** What the started program said that it found. */
async function found(server: Server): Promise<{ fd: string; preload: string; port: string }> {
  const line = await server.error(/messenger .*\n/);
  const [, fd = '', preload = '', port = ''] =
    /fd=(\S*) preload=(\S*) port=(\S*)/.exec(line) ?? assert.fail(line);
  return { fd, preload, port };
}

async function talk(server: Server, transport: Transport): Promise<string> {
  const client = await transport.connect(server);
  await client.send(Buffer.from('hello\n'));
  const answer = await client.rest();
  client.wire.destroy();
  return answer.toString();
}

describe('a program that is started with a connection, in an empty environment', () => {
  for (const call of everyCall) {
    for (const child of childrenFor(call)) {
      for (const transport of transports) {
        test(`${call}, ${child}, over ${transport.name}`, async (t) => {
          const what = { call, child, environment: 'empty' as const };
          const server = await launch(t, what, { wrapped: transport.wrapped });
          assert.equal(await talk(server, transport), 'hello\n');
          if (child === 'self') assert.equal((await server.exit()).code, 0);
          else await server.line(/^ended 0$/);
        });
      }
    }
  }

  test('says goodbye once, when it ends', async (t) => {
    const server = await launch(t, { environment: 'empty' });
    const client = await WebSocketClient.connect(server);
    await client.send('hello\n');
    assert.equal((await client.receive(6)).toString(), 'hello\n');
    assert.equal(await client.closed(), 1001);
    await client.close(1001);
    await client.ended();
  });
});

describe('the environment of a program', () => {
  test('before there is a listener: it may be the server, and gets the shim back', async (t) => {
    const server = await launch(t, { place: 'before', environment: 'empty' });
    assert.deepEqual(await found(server), {
      fd: 'closed',
      preload: ours,
      port: String(server.port),
    });
    assert.equal(await talkToServer(server), 'hello\n');
  });

  test('while others may listen on the same port: it may be a server, too', async (t) => {
    const program = `
import socket, subprocess, sys
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
print("listening", flush=True)
subprocess.run([sys.argv[2], "99"], env={})
sys.stdin.read()`;
    const args = (port: number) => ['-c', program, String(port), messenger];
    const server = await serve(t, '/usr/bin/python3', args, { wrapped: true, talks: true });
    assert.equal((await found(server)).preload, ours);
  });

  for (const call of ['execve', 'posix_spawn']) {
    test(`${call} with a listener: it gets the shim back`, async (t) => {
      const server = await launch(t, { call, place: 'listener', environment: 'empty' });
      const client = await WebSocketClient.connect(server);
      t.after(() => client.wire.destroy());
      const { fd, preload } = await found(server);
      assert.deepEqual({ fd, preload }, { fd: 'open', preload: ours });
    });

    test(`${call} with nothing of ours: it is spared the shim`, async (t) => {
      const server = await launch(t, { call, place: 'private' });
      const transport = websocket();
      const client = await transport.connect(server);
      assert.deepEqual(await found(server), { fd: 'closed', preload: '', port: '' });
      await server.line(/^ended 3$/);
      // The server's own connection is as it was.
      await client.send(Buffer.from('still here'));
      assert.equal((await client.receive(10)).toString(), 'still here');
      client.wire.destroy();
    });

    test(`${call} with a preload of its own: ours stands before it`, async (t) => {
      const server = await launch(t, { call, place: 'stray', environment: 'other' });
      const client = await websocket().connect(server);
      await client.send(Buffer.from('hello\n'));
      assert.equal((await client.receive(6)).toString(), 'hello\n');
      const { preload } = await found(server);
      assert.equal(preload, `${ours}:/nonexistent/first.so:/nonexistent/second.so`);
      client.wire.destroy();
    });
  }

  for (const environment of ['unset', 'changed'] as const) {
    test(`with a port that is ${environment}, and no shim: it gets both back`, async (t) => {
      const server = await launch(t, { environment });
      assert.equal(await talk(server, websocket()), 'hello\n');
      const { preload, port } = await found(server);
      assert.deepEqual({ preload, port }, { preload: ours, port: String(server.port) });
    });
  }

  test('other preloaded libraries stay when ours goes', async (t) => {
    const what: Launch = { place: 'private' };
    const env = { LD_PRELOAD: `/nonexistent/first.so:${shim}:/nonexistent/last.so` };
    const server = await launch(t, what, { env });
    const client = await websocket().connect(server);
    const { preload } = await found(server);
    assert.equal(preload, '/nonexistent/first.so:/nonexistent/last.so');
    client.wire.destroy();
  });
});

describe('a program that cannot carry the shim', () => {
  for (const call of everyCall) {
    for (const child of childrenFor(call)) {
      test(`${call}, ${child}: its connection is closed with 1011, and not one byte is raw`, async (t) => {
        const what = { call, child, program: staticMessenger };
        const env = { WSWRAP_LOG_LEVEL: 'info' };
        const server = await launch(t, what, { env });
        const client = await WebSocketClient.connect(server);
        assert.equal(await client.closed(), 1011);
        await client.ended();
        await server.error(/#1 \S+ closed: the program .* cannot be wrapped/);
        // It finds the end of the stream, as if the client had gone.
        if (child === 'self') assert.equal((await server.exit()).code, 4);
        else await server.line(/^ended 4$/);
      });
    }
  }

  test('which is setuid', { skip: needsRoot }, async (t) => {
    const program = copyToPublicPlace(t, messenger);
    chownSync(program, nobody, nobody);
    chmodSync(program, 0o4755);
    const server = await launch(t, { program });
    const client = await WebSocketClient.connect(server);
    assert.equal(await client.closed(), 1011);
    await server.line(/^ended 4$/);
  });

  test('whose file is nowhere to be found', { skip: needsRoot }, async (t) => {
    const server = await launch(t, { call: 'fexecve', child: 'jail', program: staticMessenger });
    const client = await WebSocketClient.connect(server);
    assert.equal(await client.closed(), 1011);
    await server.line(/^ended 4$/);
  });

  test('because its user cannot read the shim', { skip: needsRoot }, async (t) => {
    const program = copyToPublicPlace(t, messenger);
    const hidden = copyToPublicPlace(t, ours);
    chmodSync(dirname(hidden), 0o700);
    const server = await launch(t, { program, child: 'nobody' }, { env: { LD_PRELOAD: hidden } });
    const client = await WebSocketClient.connect(server);
    assert.equal(await client.closed(), 1011);
    await server.line(/^ended 4$/);
  });

  for (const call of ['execve', 'posix_spawn']) {
    for (const place of ['stray', 'listener'] as const) {
      test(`${call}: what it inherits by chance (${place}) is withheld, and goes on`, async (t) => {
        const server = await launch(t, { call, place, program: staticMessenger });
        const transport = websocket();
        const client = await transport.connect(server);
        assert.equal((await found(server)).fd, 'closed');
        await server.line(/^ended 3$/);
        await client.send(Buffer.from('still here'));
        assert.equal((await client.receive(10)).toString(), 'still here');
        client.wire.destroy();
      });
    }
  }

  test('because its user cannot read the shim: it is not even started', {
    skip: needsRoot,
  }, async (t) => {
    const program = copyToPublicPlace(t, messenger);
    const hidden = copyToPublicPlace(t, ours);
    chmodSync(dirname(hidden), 0o700);
    const what: Launch = { program, child: 'nobody', place: 'before' };
    const server = await launch(t, what, { env: { LD_PRELOAD: hidden } });
    await server.error(/is not started: .* cannot be read here. Install wswrap where every user/);
    assert.deepEqual(
      server.lines.filter((line) => line.startsWith('ended')),
      ['ended 13'], // EACCES
    );
  });

  test('is warned of while nobody listens: it might be the server', async (t) => {
    const server = await launch(t, { place: 'before', program: staticMessenger });
    await server.error(/wswrap: \S+ cannot be wrapped: it is statically linked/);
    assert.equal(await talkToServer(server), 'hello\n');
  });
});

describe('a server that turns into another program', () => {
  test('says goodbye on a connection that is close-on-exec', async (t) => {
    const server = await launch(t, { child: 'self', place: 'private' });
    const client = await WebSocketClient.connect(server);
    assert.equal(await client.closed(), 1001);
    await client.ended();
    assert.equal((await server.exit()).code, 3);
  });

  for (const transport of transports) {
    test(`in the middle of what its other thread reads, over ${transport.name}`, async (t) => {
      const { wrapped } = transport;
      const server = await serve(t, turner, (port) => [`port=${port}`], { wrapped, talks: true });
      const client = await transport.connect(server);
      while (server.count('turned') === 0) await client.send(Buffer.alloc(20_000, 'x'));
      await client.finish();
      assert.deepEqual(await server.exit(), { code: 0, signal: null });
      assert.equal(server.stderr, '');
      await client.ended();
    });

    for (const child of ['fork', 'vfork', 'self'] as const) {
      test(`and fails, ${child}, over ${transport.name}: the connection is as it was`, async (t) => {
        const what: Launch = { child, place: 'stray', program: '/nonexistent/program' };
        const server = await launch(t, what, { wrapped: transport.wrapped });
        const client = await transport.connect(server);
        await client.send(Buffer.from('still here'));
        assert.equal((await client.receive(10)).toString(), 'still here');
        await client.finish();
        await client.ended();
      });
    }
  }
});

/** The server itself answers after its program has ended. */
async function talkToServer(server: Server): Promise<string> {
  await server.line(/^listening/);
  const client = await websocket().connect(server);
  await client.send(Buffer.from('hello\n'));
  const answer = await client.receive(6);
  client.wire.destroy();
  return answer.toString();
}
