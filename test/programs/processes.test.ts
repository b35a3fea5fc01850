// Connections and the processes that a server starts: a helper that has no part in them, and a
// program whose standard input and output they are.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WebSocketClient } from '../support/client.js';
import { requires } from '../support/programs.js';
import { Command, root } from './command.js';

const python = '/usr/bin/python3';

test('a helper that was started meanwhile does not keep a connection from being closed', {
  skip: requires(python),
}, async (t) => {
  const script = `${root}test/programs/servers/helper.py`;
  const server = await Command.start(t, (port) => [python, script, String(port)], {
    wrapped: true,
  });
  const client = await WebSocketClient.connect(server);
  t.after(() => client.wire.destroy());
  assert.equal((await client.rest()).toString(), 'goodbye');
  assert.equal(client.reader.closeCode, 1000);
});

test('ncat hands a connection to a shell, and the shell to what it starts', {
  skip: requires('ncat'),
}, async (t) => {
  const words = (port: number) => ['ncat', '-l', '127.0.0.1', String(port), '-k', '-e', '/bin/sh'];
  const server = await Command.start(t, words, { wrapped: true });
  const client = await WebSocketClient.connect(server);
  t.after(() => client.wire.destroy());
  await client.send('echo from the shell; head -c 5; echo; cat\n');
  assert.equal((await client.receive(15)).toString(), 'from the shell\n');
  // What head does not read is there for cat, even if it came in the same frame.
  await client.send('five bytes for head, these for cat');
  assert.equal((await client.receive(35)).toString(), 'five \nbytes for head, these for cat');
  await client.close(1000);
  await client.ended();
});

test('a shell ends the connection, however many programs it has given it to', {
  skip: requires('ncat'),
}, async (t) => {
  const words = (port: number) => ['ncat', '-l', '127.0.0.1', String(port), '-k', '-e', '/bin/sh'];
  const server = await Command.start(t, words, { wrapped: true });
  for (const [job, end] of [
    ["sh -c 'sleep 0.3; :' &", 'wait'],
    ['sleep 60 & pids="$pids $!";', 'kill -9 $pids; wait'],
  ]) {
    const client = await WebSocketClient.connect(server);
    t.after(() => client.wire.destroy());
    await client.send(`${`${job} `.repeat(20)} ${end}; echo over\n exit\n`);
    assert.equal((await client.rest()).toString(), 'over\n');
    assert.equal(client.reader.closeCode, 1000);
    await client.wire.end();
  }
});

test('socat gives a connection to a program', { skip: requires('socat') }, async (t) => {
  const words = (port: number) => [
    'socat',
    `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`,
    'SYSTEM:echo hello; sed s/a/b/',
  ];
  const server = await Command.start(t, words, { wrapped: true });
  const client = await WebSocketClient.connect(server);
  t.after(() => client.wire.destroy());
  await client.send('banana\n');
  assert.equal((await client.receive(6)).toString(), 'hello\n');
  await client.close(1000);
  assert.equal((await client.rest()).toString(), 'bbnana\n');
});
