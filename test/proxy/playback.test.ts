// Recordings played to clients: the bytes, the times, and the clients' own ways.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { replayTo } from '../../src/proxy/playback.js';
import { openRecording, type Recording } from '../../src/proxy/recording.js';
import { scratch } from '../launcher/run.js';
import { elapse, eventually, within } from '../support/deadline.js';
import { openFiles } from '../support/kernel.js';

const hour = 3_600_000;

interface Frame {
  time: number;
  payload: string;
  fromClient?: true;
}

/** Writes a recording; where there is no payload, a line that is of no recording. */
async function recordingOf(
  t: TestContext,
  frames: Iterable<Frame | undefined>,
): Promise<Recording & { file: string }> {
  const file = join(scratch(t), 'session.1');
  const lines = Array.from(frames, (frame) => {
    if (frame === undefined) return 'damage';
    const brace = frame.fromClient ? '}' : '{';
    return `'${brace}${frame.time}${brace}${frame.payload}',`;
  });
  writeFileSync(file, ['var VNC_frame_data = [', ...lines, "'EOF'];", ''].join('\n'));
  return { ...(await openRecording(file)), file };
}

/** Both ends of a TCP connection. */
async function connection(t: TestContext): Promise<{ stream: Socket; client: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  client.on('error', () => undefined);
  const [stream] = (await once(server, 'connection')) as [Socket];
  t.after(() => {
    client.destroy();
    stream.destroy();
  });
  return { stream, client };
}

async function received(client: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of client) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

describe('a replay', () => {
  test('sends what the server sent, whatever the client says, and ends', async (t) => {
    const recording = await recordingOf(t, [
      { time: 0, payload: 'one ' },
      { time: 1, payload: 'not this', fromClient: true },
      { time: 2, payload: '\\x00\\xff two' },
    ]);
    const { stream, client } = await connection(t);
    // More than the kernel would keep for somebody who does not read.
    const chatter = Buffer.alloc(16 * 1024 * 1024);
    const heard = new Promise<void>((resolve) => client.write(chatter, () => resolve()));
    const playing = replayTo(stream, recording);
    const text = await within('all of the recording', received(client));
    assert.equal(text, 'one \0\xff two');
    assert.equal(await playing, 'played');
    await within('the client to be heard', heard);
  });

  test('keeps the times of the recording, from its start', async (t) => {
    const times = [0, 100, 250, 250];
    const recording = await recordingOf(
      t,
      times.map((time, i) => ({ time, payload: String(i) })),
    );
    const { stream, client } = await connection(t);
    const arrivals: number[] = [];
    const start = performance.now();
    client.on('data', (chunk: Buffer) => {
      for (const _ of chunk) arrivals.push(performance.now() - start);
    });
    const ended = once(client, 'end');
    assert.equal(await replayTo(stream, recording), 'played');
    await within('the end', ended);
    assert.equal(arrivals.length, times.length);
    for (const [i, time] of times.entries()) {
      assert.ok((arrivals[i] ?? 0) >= time, `frame ${i} after ${arrivals[i]} ms, not ${time}`);
    }
  });

  test('lasts as long as the client stayed', async (t) => {
    const recording = await recordingOf(t, [
      { time: 0, payload: 'a' },
      { time: 150, payload: 'last words', fromClient: true },
    ]);
    const { stream, client } = await connection(t);
    const start = performance.now();
    const playing = replayTo(stream, recording);
    assert.equal(await within('all of the recording', received(client)), 'a');
    assert.ok(performance.now() - start >= 150);
    assert.equal(await playing, 'played');
  });

  test('can be faster than life', async (t) => {
    const frames = [
      { time: 0, payload: 'a' },
      { time: hour, payload: 'b' },
    ];
    for (const speed of [hour / 20, Number.POSITIVE_INFINITY]) {
      const { stream, client } = await connection(t);
      const playing = replayTo(stream, await recordingOf(t, frames), { speed });
      assert.equal(await within('all of the recording', received(client)), 'ab');
      assert.equal(await playing, 'played');
    }
  });

  test('catches up with a client that was slow, whom it does not drown', async (t) => {
    const payload = 'x'.repeat(64 * 1024);
    const frames = Array.from({ length: 300 }, (_, i) => ({ time: (i / 100) | 0, payload }));
    const recording = await recordingOf(t, frames);
    const { stream, client } = await connection(t);
    const playing = replayTo(stream, recording);
    await eventually('the kernel has enough', () => stream.writableNeedDrain);
    await elapse(100);
    const most = stream.writableHighWaterMark + payload.length;
    assert.ok(stream.writableLength <= most, `${stream.writableLength} bytes wait`);
    const { length } = await within('all of the recording', received(client));
    assert.equal(length, 300 * payload.length);
    assert.equal(await playing, 'played');
  });

  test('begins at the start for each client', async (t) => {
    const recording = await recordingOf(t, [
      { time: 0, payload: 'first ' },
      { time: 50, payload: 'last' },
    ]);
    const play = async () => {
      const { stream, client } = await connection(t);
      const text = received(client);
      assert.equal(await replayTo(stream, recording), 'played');
      return text;
    };
    const early = play();
    await elapse(25);
    assert.deepEqual(await Promise.all([early, play()]), ['first last', 'first last']);
  });

  const departures: [how: string, leave: (client: Socket) => unknown][] = [
    ['ends its side', (client) => client.end()],
    ['closes', (client) => client.destroy()],
    ['resets the connection', (client) => client.resetAndDestroy()],
  ];
  for (const [how, leave] of departures) {
    test(`is over when the client ${how}`, async (t) => {
      const recording = await recordingOf(t, [
        { time: 0, payload: 'a' },
        { time: hour, payload: 'b' },
      ]);
      const { stream, client } = await connection(t);
      const playing = replayTo(stream, recording);
      await within('the first frame', once(client, 'data'));
      leave(client);
      assert.equal(await within('the end of the replay', playing), 'left');
      await eventually('the recording is closed', () => openFiles(recording.file).length === 0);
      if (!client.destroyed) await within('the end of the stream', once(client, 'end'));
    });
  }

  test('is over when a client that does not read any more closes', async (t) => {
    const payload = 'x'.repeat(64 * 1024);
    const frames = Array.from({ length: 300 }, () => ({ time: 0, payload }));
    const { stream, client } = await connection(t);
    const playing = replayTo(stream, await recordingOf(t, frames));
    await eventually('the kernel has enough', () => stream.writableNeedDrain);
    client.resetAndDestroy();
    assert.equal(await within('the end of the replay', playing), 'left');
  });

  test('does not begin for a client that has left already', async (t) => {
    const recording = await recordingOf(t, [{ time: 0, payload: 'a' }]);
    const { stream } = await connection(t);
    stream.destroy();
    assert.equal(await within('the end of the replay', replayTo(stream, recording)), 'left');
  });

  test('breaks off where the recording is damaged', async (t) => {
    const recording = await recordingOf(t, [
      { time: 0, payload: 'a' },
      undefined,
      { time: 1, payload: 'b' },
    ]);
    const { stream, client } = await connection(t);
    const text = received(client);
    await assert.rejects(replayTo(stream, recording), {
      code: 'NOT_A_RECORDING',
      message: `${recording.file}: line 3 is of no recording`,
    });
    assert.ok(stream.destroyed);
    assert.doesNotMatch(await within('the end of the stream', text), /b/);
  });
});
