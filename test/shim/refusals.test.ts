// Who is not let in, and what they are told: an HTTP answer that arrives whole, then the end. The
// server never hears of them.
import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import {
  type Request,
  type Response,
  readResponse,
  requestText,
  WebSocketClient,
} from '../support/client.js';
import { poll, words } from '../support/loops.js';
import { generate } from '../support/payload.js';
import { Server, serve } from '../support/server.js';
import { type Endpoint, Wire } from '../support/wire.js';

/** Sends bytes and returns the answer; demands that it is whole and the last thing said. */
async function refusal(endpoint: Endpoint, bytes: string | Uint8Array): Promise<Response> {
  const wire = await Wire.connect(endpoint);
  await wire.write(bytes);
  const response = await readResponse(wire);
  const body = Buffer.concat([response.body, await wire.rest()]);
  assert.equal(Number(response.headers.get('content-length')), body.length, 'the whole body');
  assert.equal(response.headers.get('connection'), 'close');
  wire.destroy();
  return { ...response, body };
}

async function accepted(endpoint: Endpoint, request: Request): Promise<void> {
  const client = await WebSocketClient.connect(endpoint, request);
  await client.send('hello');
  assert.equal((await client.receive(5)).toString(), 'hello');
  client.wire.destroy();
}

type Headers = Record<string, string | undefined>;

const lines = (count: number): Headers =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`X-${i}`, 'x']));

/** Requests and the status of their answer. */
const refused: Record<string, [number, Request]> = {
  'a request without Upgrade': [426, { headers: { Upgrade: undefined, Connection: undefined } }],
  'an Upgrade to something else': [426, { headers: { Upgrade: 'h2c' } }],
  'another method': [405, { method: 'POST' }],
  'HTTP/1.0': [400, { version: 'HTTP/1.0' }],
  'HTTP/2.0': [400, { version: 'HTTP/2.0' }],
  'a Connection that does not list Upgrade': [400, { headers: { Connection: 'keep-alive' } }],
  'no key': [400, { headers: { 'Sec-WebSocket-Key': undefined } }],
  'a short key': [400, { headers: { 'Sec-WebSocket-Key': 'c2hvcnQ=' } }],
  'two keys': [400, { headers: { 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' } }],
  'version 12': [426, { headers: { 'Sec-WebSocket-Version': '12' } }],
  'version 14': [426, { headers: { 'Sec-WebSocket-Version': '14' } }],
  'a key without a version': [426, { headers: { 'Sec-WebSocket-Version': undefined } }],
  'a body': [400, { headers: { 'Content-Length': '5' } }],
  'a chunked body': [400, { headers: { 'Transfer-Encoding': 'chunked' } }],
  'no Host': [400, { headers: { Host: undefined } }],
  'the Host of a rebound name': [403, { headers: { Host: 'evil.example' } }],
  'a foreign Origin': [403, { headers: { Origin: 'https://evil.example' } }],
  'an opaque Origin': [403, { headers: { Origin: 'null' } }],
  'a folded line': [400, { headers: { 'X-Folded': 'a\r\n b' } }],
  'a NUL': [400, { headers: { 'X-Nul': 'a\0b' } }],
  'a bare LF': [400, { headers: { 'X-Bare': 'a\nX: b' } }],
  'a header without a colon': [400, { headers: { 'X-Odd': 'a\r\nodd' } }],
  'more than 8 KiB': [431, { headers: { 'X-Long': 'x'.repeat(8192) } }],
  'more than 100 lines': [431, { headers: lines(100) }],
};

const welcome: Record<string, Request> = {
  'a plain request': {},
  'version 8': { headers: { 'Sec-WebSocket-Version': '8' } },
  'version 7': { headers: { 'Sec-WebSocket-Version': '7' } },
  'a Connection that lists Upgrade': { headers: { Connection: 'keep-alive, Upgrade' } },
  'names and tokens in any case': {
    headers: { upgrade: 'WebSocket', Upgrade: undefined, Connection: 'uPGRADE' },
  },
  'the Origin of the same host': { headers: { Origin: 'http://127.0.0.1:8080' } },
  'a path with a query': { path: '/any/path?with=a&query' },
  'a Host that is localhost': { headers: { Host: 'localhost:1' } },
  'almost 8 KiB': { headers: { 'X-Long': 'x'.repeat(7000) } },
  'a Content-Length of 0': { headers: { 'Content-Length': '0' } },
};

describe('a wrapped server', () => {
  let server: Server;
  let clients = 0;
  const welcomes = async (request: Request) => {
    await accepted(server, request);
    clients += 1;
    await server.counted('open', clients);
  };
  before(async () => {
    server = await Server.start(poll.program(), words({ mode: 'echo' }), { wrapped: true });
  });
  after(() => server.stop());

  for (const [name, [status, request]] of Object.entries(refused)) {
    test(`refuses ${name} with ${status}`, async () => {
      const response = await refusal(server, requestText(server, request));
      assert.equal(response.status, status);
      assert.match(response.body.toString(), /\w+ \w+/, 'it says why');
      if (status === 426) {
        assert.equal(response.headers.get('sec-websocket-version'), '13');
        assert.equal(response.headers.get('upgrade'), 'websocket');
      }
      if (status === 405) assert.equal(response.headers.get('allow'), 'GET');
      await welcomes({}); // and is the first that the server hears of
    });
  }

  for (const [name, request] of Object.entries(welcome)) {
    test(`accepts ${name}`, () => welcomes(request));
  }

  test('answers whole although the client has sent more than was read', async () => {
    const head = requestText(server, { method: 'POST', headers: { 'Content-Length': '40000' } });
    const response = await refusal(server, Buffer.concat([Buffer.from(head), generate(40_000)]));
    assert.equal(response.status, 405);
  });

  test('answers what is no HTTP at all', async () => {
    const response = await refusal(server, 'SSH-2.0-OpenSSH_9.2\r\n');
    assert.equal(response.status, 400);
    assert.equal((await refusal(server, generate(3000))).status, 400);
  });

  for (const end of ['', '\0']) {
    test(`answers a Flash policy request${end === '' ? '' : ' that ends with NUL'}`, async () => {
      const wire = await Wire.connect(server);
      await wire.write('<policy-file');
      await wire.write(`-request/>${end}`);
      assert.equal(
        (await wire.rest()).toString(),
        '<cross-domain-policy><allow-access-from domain="*" to-ports="*" /></cross-domain-policy>\n',
      );
    });
  }
});

async function start(t: TestContext, env: Record<string, string>, talks = false): Promise<Server> {
  return serve(t, poll.program(), words({ mode: 'echo' }), { wrapped: true, env, talks });
}

test('origins that are named are let in, no others', async (t) => {
  const server = await start(t, {
    WSWRAP_ORIGIN: 'https://app.example,*.example.org',
  });
  const status = async (origin: string) => {
    const request = { headers: { Origin: origin } };
    const wire = await Wire.connect(server);
    await wire.write(requestText(server, request));
    const response = await readResponse(wire);
    wire.destroy();
    return response.status;
  };
  assert.equal(await status('https://app.example'), 101);
  assert.equal(await status('https://www.example.org'), 101);
  assert.equal(await status('http://a.b.example.org:8080'), 101);
  assert.equal(await status('http://app.example'), 403);
  assert.equal(await status('https://app.example.evil'), 403);
  assert.equal(await status('https://notexample.org'), 403);
  assert.equal(await status('https://example.org.evil'), 403);
});

test('every origin is let in when all are', async (t) => {
  const server = await start(t, { WSWRAP_ORIGIN: '*' });
  await accepted(server, { headers: { Origin: 'https://anywhere.example' } });
  await accepted(server, { headers: { Origin: 'null' } });
});

test('names that are added may be the Host', async (t) => {
  const server = await start(t, { WSWRAP_HOST: 'desk.example' });
  await accepted(server, { headers: { Host: 'desk.example' } });
  await accepted(server, { headers: { Host: 'DESK.example:8443' } });
  const other = requestText(server, { headers: { Host: 'other.example' } });
  assert.equal((await refusal(server, other)).status, 403);
});

test('only the path that was asked for is served', async (t) => {
  const server = await start(t, { WSWRAP_PATH: '/ws' });
  await accepted(server, { path: '/ws' });
  await accepted(server, { path: '/ws?token=secret' });
  for (const path of ['/', '/ws/', '/wsx', '/other?/ws']) {
    assert.equal((await refusal(server, requestText(server, { path }))).status, 404);
  }
});

for (const [name, hello] of Object.entries({
  TLS: Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), generate(506)]),
  'an SSLv2 style hello': Buffer.concat([Buffer.from('802e0103010015', 'hex'), generate(41)]),
})) {
  test(`${name} is refused, and the log says what to do`, async (t) => {
    const server = await start(t, { WSWRAP_LOG_LEVEL: 'info' }, true);
    const wire = await Wire.connect(server);
    await wire.write(hello);
    await wire.rest().catch((error: NodeJS.ErrnoException) => {
      assert.equal(error.code, 'ECONNRESET');
    });
    assert.match(await server.error(/^.*TLS.*$/m), /ws:\/\//);
    await accepted(server, {});
    await server.counted('open', 1);
  });
}

test('raw clients are let through untouched when they are allowed', async (t) => {
  const server = await start(t, { WSWRAP_ALLOW_RAW: '10000' });
  const payload = Buffer.concat([Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), generate(100_000)]);
  const wire = await Wire.connect(server);
  const [echo] = await Promise.all([
    (async () => {
      const chunks: Buffer[] = [];
      for (let have = 0; have < payload.length; have += chunks.at(-1)?.length ?? 0) {
        chunks.push((await wire.chunk()) ?? assert.fail('the end'));
      }
      return Buffer.concat(chunks);
    })(),
    wire.write(payload),
  ]);
  assert.deepEqual(echo, payload);
  await accepted(server, {});
  wire.end();
  assert.equal((await wire.rest()).length, 0);
  assert.match(await server.line(/^end \d{6}/), new RegExp(`^end ${payload.length} `));
  // HTTP that is no WebSocket stays refused.
  assert.equal((await refusal(server, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')).status, 426);
});

test('a client that waits for the server to speak first is raw after a while', async (t) => {
  const bytes = 5000;
  const server = await serve(t, poll.program(), words({ mode: 'source', bytes }), {
    wrapped: true,
    env: { WSWRAP_ALLOW_RAW: '200' },
  });
  const wire = await Wire.connect(server);
  const start = performance.now();
  assert.deepEqual(await wire.rest(), generate(bytes));
  assert.ok(performance.now() - start >= 190);
  wire.end();
  await server.line(/^end 0/);
});
