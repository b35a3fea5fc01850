// The log: silent unless asked for, one line per event, and nothing in it that is secret.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Request, readResponse, requestText, WebSocketClient } from '../support/client.js';
import { eventually } from '../support/deadline.js';
import { frame, ping } from '../support/frame.js';
import { fork, poll, words } from '../support/loops.js';
import { puppetProgram } from '../support/puppet.js';
import { Server, serve } from '../support/server.js';
import { Wire } from '../support/wire.js';

// Time, process, connection number (when there is a connection), the client's address, event.
const shape = /^\d\d:\d\d:\d\d\.\d{3} wswrap\[(\d+)\] (?:#(\d+) )?(?:127\.0\.0\.1:(\d+) )?(\S.*)$/;

interface Line {
  pid: number;
  connection: number | undefined;
  peer: number | undefined;
  event: string;
}

function parse(log: string): Line[] {
  const lines = log.split('\n');
  assert.equal(lines.pop(), '', 'lines are whole');
  return lines.map((line) => {
    const [, pid, connection, peer, event = ''] = shape.exec(line) ?? assert.fail(`shape: ${line}`);
    assert.ok(!connection || peer, `a connection has a peer: ${line}`);
    return {
      pid: Number(pid),
      connection: connection ? Number(connection) : undefined,
      peer: peer ? Number(peer) : undefined,
      event,
    };
  });
}

function start(t: TestContext, env: Record<string, string>): Promise<Server> {
  const options = { wrapped: true, env, talks: true };
  return serve(t, poll.program(), words({ mode: 'echo' }), options);
}

// One client that is served, one that is refused, one that breaks the protocol.
async function traffic(server: Server, request: Request = {}): Promise<number[]> {
  const served = await WebSocketClient.connect(server, request);
  await served.send('hello');
  await served.receive(5);
  await served.wire.write(ping('are you there'));
  await served.pong();
  await served.close(1000);
  await served.ended();
  const refused = await Wire.connect(server);
  await refused.write(
    requestText(server, { ...request, headers: { Origin: 'http://evil.example' } }),
  );
  await readResponse(refused);
  await refused.rest();
  const broken = await WebSocketClient.connect(server, request);
  await broken.wire.write(frame({ mask: null }));
  await broken.ended();
  await server.line(/^reset/);
  const ports = [served.wire, refused, broken.wire].map((wire) => wire.socket.localPort ?? 0);
  for (const wire of [served.wire, refused, broken.wire]) wire.destroy();
  return ports;
}

test('nothing is said unless it is asked for', async (t) => {
  const server = await serve(t, poll.program(), words({ mode: 'echo' }), { wrapped: true });
  await traffic(server);
  assert.equal(server.stderr, '');
});

test('a line for each connection that is opened, refused or closed', async (t) => {
  const server = await start(t, { WSWRAP_LOG_LEVEL: 'info' });
  const [served, refused, broken] = await traffic(server);
  await server.error(/code 1002/);
  const lines = parse(server.stderr);
  for (const { pid } of lines) assert.equal(pid, server.pid);
  const about = (pattern: RegExp) => lines.filter(({ event }) => pattern.test(event));
  const [first, second, ...more] = about(/^opened /);
  assert.equal(first?.peer, served);
  assert.equal(second?.peer, broken);
  assert.deepEqual(more, []);
  assert.ok(first?.connection !== undefined && second?.connection !== undefined);
  assert.notEqual(first.connection, second.connection);
  const [refusal, ...others] = about(/^refused: /);
  assert.match(refusal?.event ?? '', /Origin/);
  assert.equal(refusal?.peer, refused);
  assert.deepEqual(others, []);
  assert.ok(about(/^closed/).some(({ connection }) => connection === first.connection));
  const violation = about(/code 1002/);
  assert.equal(violation.length, 1);
  assert.equal(violation[0]?.connection, second.connection);
  assert.match(violation[0]?.event ?? '', /mask/);
  assert.deepEqual(about(/^[<>{}]/), [], 'traffic is for TRACE');
});

test('DEBUG=1 tells of control frames too', async (t) => {
  const server = await start(t, { DEBUG: '1' });
  await traffic(server);
  await server.error(/code 1002/);
  const events = parse(server.stderr).map(({ event }) => event);
  assert.ok(events.some((event) => /pong/i.test(event)));
  assert.ok(events.some((event) => /client closes, code 1000/.test(event)));
  assert.ok(events.some((event) => /Close 1000 sent/.test(event)));
  assert.ok(!events.some((event) => /^[<>{}]/.test(event)));
});

test('TRACE=1 tells of all traffic, with its sizes', async (t) => {
  const server = await start(t, { TRACE: '1' });
  await traffic(server);
  await server.error(/code 1002/);
  const events = parse(server.stderr).map(({ event }) => event);
  assert.ok(
    events.some((event) => /^\} 5 \(11 on the wire\)/.test(event)),
    'from the client',
  );
  assert.ok(
    events.some((event) => /^< 5 \(7 on the wire\)/.test(event)),
    'to the client',
  );
  assert.ok(
    events.some((event) => /^\}\. 0 /.test(event)),
    'what was no payload',
  );
});

test('the log may go to a file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wswrap-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'log');
  for (const round of [1, 2]) {
    const env = { WSWRAP_LOG_LEVEL: 'info', WSWRAP_LOG_FILE: file };
    const server = await Server.start(poll.program(), words({ mode: 'echo' }), {
      wrapped: true,
      env,
    });
    await traffic(server);
    const opened = () =>
      parse(readFileSync(file, 'utf8')).filter((line) => line.event.startsWith('opened'));
    await eventually('the log is written', () => opened().length === 2 * round);
    await server.stop(); // finds that stderr stayed silent
  }
});

test('several processes write whole lines under their own numbers', async (t) => {
  const server = await serve(t, fork.program(), words({ mode: 'echo' }), {
    wrapped: true,
    env: { TRACE: '1' },
    talks: true,
  });
  const clients = await Promise.all([1, 2, 3].map(() => WebSocketClient.connect(server)));
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < 50; i += 1) await client.send('x');
      await client.receive(50);
      await client.close(1000);
      await client.ended();
    }),
  );
  await server.counted('end', 3);
  const writers = new Set(parse(server.stderr).map(({ pid }) => pid));
  assert.equal(writers.size, 4, 'the parent and three children');
});

for (const level of ['DEBUG', 'TRACE']) {
  test(`a secret in a query string is in no log (${level}=1)`, async (t) => {
    const server = await start(t, { [level]: '1' });
    await traffic(server, { path: '/desk?token=hunter2&x=hunter2' });
    await server.error(/code 1002/);
    assert.match(server.stderr, /\/desk/);
    assert.doesNotMatch(server.stderr, /hunter2/);
  });
}

test('a client cannot write lines of its own into the log', async (t) => {
  const server = await start(t, { TRACE: '1' });
  const wire = await Wire.connect(server);
  await wire.write(requestText(server, { path: '/a%0Ab"c\x1b[31m\x7f' }));
  await readResponse(wire);
  wire.destroy();
  const headers = { 'Sec-WebSocket-Protocol': 'x~`!#' };
  const client = await WebSocketClient.connect(server, { path: "/b'%22", headers });
  await client.close();
  await client.ended();
  await server.error(/opened/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not be there
  assert.doesNotMatch(server.stderr, /[\x00-\x09\x0b-\x1f\x7f-\xff]/);
  parse(server.stderr);
});

for (const [name, value] of Object.entries({
  WSWRAP_PORT: '5900;5901',
  WSWRAP_HANDSHAKE_TIMEOUT: 'soon',
  WSWRAP_HEARTBEAT: '-1',
  WSWRAP_MAX_PENDING: '0',
  WSWRAP_MAX_CONNECTIONS: '65537',
  WSWRAP_ALLOW_RAW: 'yes',
  WSWRAP_TEXT: 'perhaps',
  WSWRAP_LOG_LEVEL: 'loud',
})) {
  test(`a program is not started when ${name} is ${value}`, async () => {
    const starting = Server.start(puppetProgram(), (port) => [`port=${port}`], {
      wrapped: true,
      env: { [name]: value },
    });
    await assert.rejects(starting, new RegExp(`did not start .*${name}`));
  });
}
