// A timeout is counted from the call's start, whatever a client sends that is not payload; and
// waiting costs no CPU.
import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { requestText, WebSocketClient } from '../support/client.js';
import { elapse } from '../support/deadline.js';
import { frame, Opcode, ping } from '../support/frame.js';
import { listener, Puppet, type Reply } from '../support/puppet.js';
import { Wire } from '../support/wire.js';

const timeout = 1000;

interface Wait {
  name: string;
  /** Makes the call and waits with it for `fd`. */
  call(puppet: Puppet, fd: number): Promise<Reply>;
  /** What a timeout looks like. */
  result: number;
  error: string;
}

function nothing(name: string, call: Wait['call']): Wait {
  return { name, call, result: 0, error: 'ok' };
}

function again(name: string, ...args: (string | number)[]): Wait {
  return {
    name: `${name} with SO_RCVTIMEO`,
    async call(puppet, fd) {
      await puppet.must('option', fd, 'rcvtimeo', timeout);
      return puppet.call(name, fd, ...args);
    },
    result: -1,
    error: 'EAGAIN',
  };
}

function epoll(name: string, events: string): Wait {
  return nothing(`${name} for ${events}`, async (puppet, fd) => {
    const epfd = await puppet.must('epoll_create');
    await puppet.must('epoll_ctl', epfd, 'add', fd, events, 1);
    return puppet.call(name, epfd, 8, timeout);
  });
}

const waits: readonly Wait[] = [
  nothing('select', (puppet, fd) => puppet.call('select', timeout, `r:${fd}`)),
  nothing('pselect', (puppet, fd) => puppet.call('pselect', timeout, `r:${fd}`)),
  nothing('poll', (puppet, fd) => puppet.call('poll', timeout, `${fd}:in`)),
  nothing('ppoll', (puppet, fd) => puppet.call('ppoll', timeout, `${fd}:in`)),
  epoll('epoll_wait', 'in'),
  epoll('epoll_wait', 'in+rdhup+et'),
  epoll('epoll_wait', 'in+once'),
  epoll('epoll_pwait', 'in'),
  epoll('epoll_pwait2', 'in'),
];

const reads: readonly Wait[] = [
  again('read', 100),
  again('recv', 100, 0),
  again('readv', 50, 50),
  again('recvmsg', 0, 100),
];

interface Junk {
  name: string;
  subprotocol?: string;
  /** One segment of it after the other, for ever. */
  segments(): Generator<Buffer, void>;
}

function* forever(segment: Buffer): Generator<Buffer, void> {
  for (;;) yield segment;
}

const text = (characters: string, fin = true) =>
  frame({ opcode: Opcode.text, fin, payload: Buffer.from(characters) });
const more = (characters: string) =>
  frame({ opcode: Opcode.continuation, fin: false, payload: Buffer.from(characters) });

const junks: readonly Junk[] = [
  { name: 'pings', segments: () => forever(ping('are you there')) },
  { name: 'empty frames', segments: () => forever(frame()) },
  {
    name: 'parts of headers',
    *segments() {
      for (;;) for (const byte of frame()) yield Buffer.of(byte);
    },
  },
  {
    name: 'blanks inside a base64 quad',
    subprotocol: 'base64',
    *segments() {
      yield text('');
      yield text('Q', false);
      yield ping();
      for (;;) yield more('\n');
    },
  },
];

// Writes junk every 20 ms until it is told to stop.
function feed(wire: Wire, segments: Generator<Buffer, void>): () => Promise<void> {
  let stopped = false;
  const feeding = (async () => {
    for (const segment of segments) {
      if (stopped) return;
      await wire.write(segment);
      await elapse(20);
    }
  })();
  return () => {
    stopped = true;
    return feeding;
  };
}

function assertTimedOut(wait: Wait, reply: Reply): void {
  assert.equal(reply.result, wait.result);
  assert.equal(reply.error, wait.error);
  assert.ok(reply.elapsed >= 0.95 * timeout, `returned after ${reply.elapsed} ms`);
  assert.ok(reply.elapsed <= 2.5 * timeout, `returned after ${reply.elapsed} ms`);
  assert.ok(reply.cpu < 300, `used ${reply.cpu} ms of CPU`);
  if (wait.name === 'select') assert.equal(Number(reply.extra), 0, 'nothing is left of the time');
  assert.doesNotMatch(reply.detail, /timeout-changed/);
}

async function connect(t: TestContext, puppet: Puppet, subprotocol?: string) {
  const headers = { 'Sec-WebSocket-Protocol': subprotocol };
  const connecting = WebSocketClient.connect({ port: puppet.server.port }, { headers });
  const fd = await puppet.must('accept', listener);
  const client = await connecting;
  t.after(() => client.wire.destroy());
  return { client, fd };
}

describe('a wait of one second', { concurrency: 12 }, () => {
  for (const wait of [...waits, ...reads]) {
    for (const junk of junks) {
      test(`${wait.name} ends in time in spite of ${junk.name}`, async (t) => {
        const puppet = await Puppet.start(t, { wrapped: true });
        const { client, fd } = await connect(t, puppet, junk.subprotocol);
        const stop = feed(client.wire, junk.segments());
        assertTimedOut(wait, await wait.call(puppet, fd));
        await stop();
      });
    }
  }

  for (const wait of [...waits, again('accept')]) {
    test(`${wait.name} on a listener ends in time in spite of slow heads`, async (t) => {
      const puppet = await Puppet.start(t, { wrapped: true });
      const wire = await Wire.connect(puppet.server);
      t.after(() => wire.destroy());
      const head = requestText(puppet.server).slice(0, -1);
      const stop = feed(
        wire,
        (function* () {
          for (const byte of Buffer.from(head)) yield Buffer.of(byte);
        })(),
      );
      assertTimedOut(wait, await wait.call(puppet, listener));
      await stop();
    });
  }
});

test('select tells the time that is left when payload comes', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const { client, fd } = await connect(t, puppet);
  const selecting = puppet.call('select', 10_000, `r:${fd}`);
  const stop = feed(client.wire, forever(ping()));
  await elapse(500);
  await stop();
  await client.send('x');
  const { result, extra, elapsed } = await selecting;
  assert.equal(result, 1);
  assert.ok(elapsed >= 450 && elapsed < 5000, `returned after ${elapsed} ms`);
  assert.ok(Math.abs(10_000 - elapsed - Number(extra)) < 100, `${extra} ms left`);
});

test('a reader that waits for the rest of a frame costs no CPU', async (t) => {
  const puppet = await Puppet.start(t, { wrapped: true });
  const { client, fd } = await connect(t, puppet);
  const bytes = frame({ payload: Buffer.from('abc') });
  await client.wire.write(bytes.subarray(0, 3));
  const reply = await puppet.call('poll', timeout, `${fd}:in`);
  assert.equal(reply.result, 0);
  assert.ok(reply.cpu < 300, `used ${reply.cpu} ms of CPU`);
  await client.wire.write(bytes.subarray(3));
  assert.equal((await puppet.call('read', fd, 100)).detail, 'text:abc');
});
