// Super-servers: programs that know nothing of sockets serve clients by standard input and output,
// and services are handed the listener itself. Each is played over TCP and wrapped.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { compile } from '../support/compile.js';
import { type Program, requires } from '../support/programs.js';
import { tcp, websocket } from '../support/transport.js';
import { Command, root } from './command.js';

const python = '/usr/bin/python3';
const inetd = '/usr/sbin/inetd';
const activate = 'systemd-socket-activate';
const waiting = `${root}test/programs/servers/wait.py`;

type Words = (port: number) => string[];

/** What clients hear, one after the other, who say `input` and then nothing more. */
async function hear(
  t: TestContext,
  words: Words,
  wrapped: boolean,
  input: string,
  clients: number,
): Promise<string[]> {
  // What the log says must not reach a client whose connection is standard error, too.
  const options = ['--log-level', 'trace'];
  const server = await Command.start(t, words, { wrapped, options, terminal: true });
  const transport = wrapped ? websocket() : tcp;
  const heard: string[] = [];
  for (let i = 0; i < clients; i += 1) {
    const client = await transport.connect(server);
    t.after(() => client.wire.destroy());
    await client.send(Buffer.from(input));
    await client.finish();
    heard.push((await client.rest()).toString());
  }
  return heard;
}

/** Plays it both ways; every client hears the same, `expected` among it. */
async function play(
  t: TestContext,
  words: Words,
  input: string,
  expected: string,
  clients = 2,
): Promise<void> {
  const native = await hear(t, words, false, input, clients);
  for (const heard of native) assert.ok(heard.includes(expected), heard);
  assert.deepEqual(await hear(t, words, true, input, clients), native);
}

/** The configuration of inetd with one service. */
function service(t: TestContext, how: 'wait' | 'nowait', ...program: string[]): Words {
  const folder = mkdtempSync(join(tmpdir(), 'wswrap-inetd-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return (port) => {
    const { username } = userInfo();
    const fields = [`127.0.0.1:${port}`, 'stream', 'tcp', how, username, ...program];
    const file = join(folder, `${port}.conf`);
    writeFileSync(file, `${fields.join(' ')}\n`);
    return [inetd, '-i', file];
  };
}

const tcpserver =
  (...program: string[]): Words =>
  (port) => ['tcpserver', '-HRl0', '127.0.0.1', String(port), ...program];

function chatProgram(): string {
  return compile({
    name: 'chat-stdio',
    sources: ['test/servers/chat-stdio.c'],
    flags: ['-O2', '-D_GNU_SOURCE', '-pthread'],
  });
}

const chatInput = 'Ada\na line\nquit\n';

const heardOfChat = 'hello Ada\n7 a line\n<goodbye>\nsaid at exit\n';

interface Service {
  name: string;
  needs: readonly Program[];
  words(): string[];
  input: string;
  expected: string;
}

const script = 'import sys\nfor line in sys.stdin: print(len(line), end=" ")';

const services: readonly Service[] = [
  { name: 'cat', needs: [], words: () => ['cat'], input: 'as it is', expected: 'as it is' },
  {
    name: 'bc',
    needs: ['bc'],
    words: () => ['bc', '-q'],
    input: '2^70\n',
    expected: `${2n ** 70n}\n`,
  },
  {
    name: 'sh',
    needs: [],
    words: () => ['sh'],
    input: 'echo one; /bin/echo two; echo three | sed s/e/E/g\n',
    expected: 'one\ntwo\nthrEE\n',
  },
  {
    name: 'sed',
    needs: [],
    words: () => ['sed', 's/a/b/'],
    input: 'banana\n',
    expected: 'bbnana\n',
  },
  {
    name: 'perl',
    needs: ['perl'],
    words: () => ['perl', '-ne', 'print uc'],
    input: 'shout\n',
    expected: 'SHOUT\n',
  },
  {
    name: 'Python',
    needs: [python],
    words: () => [python, '-c', script],
    input: 'one\nthree\n',
    expected: '4 6 ',
  },
  {
    name: 'a C program',
    needs: [],
    words: () => [chatProgram(), 'chat'],
    input: chatInput,
    expected: heardOfChat,
  },
];

for (const { name, needs, words, input, expected } of services) {
  const skip = requires('tcpserver', ...needs);
  test(`${name} under tcpserver`, { skip }, (t) => play(t, tcpserver(...words()), input, expected));
}

test('inetd, nowait', { skip: requires(inetd) }, (t) =>
  play(t, service(t, 'nowait', chatProgram(), 'chat', 'chat'), chatInput, heardOfChat),
);

test('inetd, wait', { skip: requires(inetd, python) }, (t) =>
  play(t, service(t, 'wait', python, python, waiting, '0'), 'first\n', 'served first\n'),
);

test('systemd-socket-activate, a process for each client', { skip: requires(activate) }, (t) => {
  const words: Words = (port) => [
    activate,
    '-l',
    `127.0.0.1:${port}`,
    '--inetd',
    '-a',
    chatProgram(),
    'chat',
  ];
  return play(t, words, chatInput, heardOfChat);
});

test('systemd-socket-activate, the listener', { skip: requires(activate, python) }, (t) => {
  const words: Words = (port) => [activate, '-l', `127.0.0.1:${port}`, python, waiting, '3'];
  return play(t, words, 'first\n', 'served first\n', 1);
});
