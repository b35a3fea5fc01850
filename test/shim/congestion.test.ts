// Connections whose way to the client is full: control frames wait, and nothing is lost or doubled.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestText, type WebSocketClient } from '../support/client.js';
import { eventually } from '../support/deadline.js';
import { listener, type Puppet } from '../support/puppet.js';
import { type Connection, stage, wrappedPuppet } from '../support/stage.js';

const frameSize = 60_000;

/** Makes the server write until the kernel takes no more. */
class Filler {
  /** Payload that the kernel took, and what is missing of the last frame. */
  filled = 0;
  missing = 0;

  constructor(
    readonly puppet: Puppet,
    readonly connection: Connection,
  ) {}

  /** Ends with a frame half sent. */
  async fill(): Promise<number> {
    const { client, fd } = this.connection;
    await this.puppet.must('setfl', fd, 'nonblock');
    await this.puppet.must('option', fd, 'sndbuf', 4096);
    for (let before = -1; before !== this.filled; ) {
      before = this.filled;
      while (await this.#write());
      await client.wire.filled();
    }
    return this.filled;
  }

  async #write(): Promise<boolean> {
    const { fd } = this.connection;
    const size = this.missing > 0 ? this.missing : frameSize;
    const { error, result } = await this.puppet.call('write', fd, `make:${size}:1`);
    if (error === 'EAGAIN') return false;
    this.filled += result;
    this.missing = size - result;
    return true;
  }
}

const hex = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('hex');

/** A client inside of the puppet, because its buffers are smaller than Node's may be. */
async function narrow(puppet: Puppet): Promise<{ inside: number; fd: number }> {
  const inside = await puppet.must('connect', puppet.server.port, 2048);
  await puppet.must('write', inside, `hex:${hex(requestText(puppet.server))}`);
  const fd = await puppet.must('accept', listener);
  await puppet.must('option', fd, 'sndbuf', 4096);
  return { inside, fd };
}

/** Reads from a client inside until nothing has come for a while. Returns how many bytes it had. */
async function drain(puppet: Puppet, inside: number): Promise<number> {
  await puppet.must('option', inside, 'rcvtimeo', 1000);
  for (let size = 0; ; ) {
    const { result } = await puppet.aside('recv', inside, 65536, 0);
    if (result <= 0) return size;
    size += result;
  }
}

/** Writes whole frames until the kernel takes no more, even if it has to be asked often. */
async function fillWithWholeFrames(puppet: Puppet, fd: number): Promise<void> {
  await puppet.must('setfl', fd, 'nonblock');
  for (;;) {
    let { result: taken } = await puppet.aside('write', fd, 'make:200:1');
    if (taken < 0) return;
    while (taken < 200) {
      const { result } = await puppet.aside('write', fd, `make:${200 - taken}:1`);
      if (result > 0) taken += result;
    }
  }
}

/** Sends a ping and waits until the server's kernel has it. */
async function arrive(client: WebSocketClient, payload: string): Promise<void> {
  await client.ping(payload);
  await eventually('the ping is there', () => client.wire.unreadByPeer() > 0);
}

/** Of a Close frame with a code and no reason, from a server. */
const closeSize = 4;

test('one Close is sent by shutdown and close together', async (t) => {
  const puppet = await wrappedPuppet(t);
  const { inside, fd } = await narrow(puppet);
  await fillWithWholeFrames(puppet, fd);
  await puppet.must('shutdown', fd, 'wr');
  await drain(puppet, inside);
  await puppet.must('close', fd);
  assert.equal(await drain(puppet, inside), closeSize);
});

test('an edge for writing is not lost to a ping that comes first, nor to one with it', async (t) => {
  const { puppet, client, fd } = await stage(t);
  const epfd = await puppet.must('epoll_create');
  await puppet.must('epoll_ctl', epfd, 'add', fd, 'in+out+et', 1);
  assert.equal((await puppet.call('epoll_wait', epfd, 8, 1000)).detail, '0x1:out');
  const filled = await new Filler(puppet, { client, fd }).fill();
  await arrive(client, 'one');
  assert.equal((await puppet.call('epoll_wait', epfd, 8, 100)).result, 0);
  assert.equal((await client.receive(filled)).length, filled);
  await arrive(client, 'two');
  assert.equal((await puppet.call('epoll_wait', epfd, 8, 5000)).detail, '0x1:out');
});

test('a pong that can never be sent does not hold up the end', async (t) => {
  const { puppet, client, fd } = await stage(t);
  await new Filler(puppet, { client, fd }).fill();
  await arrive(client, 'are you there');
  assert.equal((await puppet.call('recv', fd, 10, 'dontwait')).error, 'EAGAIN');
  await puppet.must('close', fd);
  // Less than the time that a close lingers; afterwards nobody sees to the connection.
  const waiting = puppet.call('poll', 1000, `${listener}:in`);
  while ((await client.wire.chunk()) !== null);
  await waiting;
});
