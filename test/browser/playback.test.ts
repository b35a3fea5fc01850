// A session of noVNC with a VNC server is recorded. Then the server is gone, and noVNC shows the
// same from the recording: by itself, as on its playback page, and as a client of a replay.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';

import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { replayTo } from '../../src/proxy/playback.js';
import { Recorder } from '../../src/proxy/recorder.js';
import { openRecording, type RecordedFrame } from '../../src/proxy/recording.js';
import { scratch } from '../launcher/run.js';
import { within } from '../support/deadline.js';
import { logged } from '../support/log.js';
import { requires } from '../support/programs.js';
import { colourAt, withPage } from './chromium.js';
import { showsDesktop, startDesktop } from './desktop.js';
import { servePages } from './page-server.js';

const skip = requires('Xtigervnc', 'chromium');
const white = 0xffffff;
const clicked = { x: 100, y: 50 };

test('noVNC plays what was recorded of a session of its own', { skip }, async (t) => {
  const folder = scratch(t);
  await t.test('a session is recorded', (t) => recordSession(t, folder));

  for (const name of ['binary.1', 'base64.1']) {
    await t.test(`the page plays ${name}`, async (t) => {
      const pages = await servePages(t, folder);
      await withPage(t, `${pages}/playback.html?data=${name}`, async (page) => {
        await showsDesktop(page);
        await page.waitForFunction(`${colourAt(clicked.x, clicked.y)} === ${white}`);
        await page.waitForFunction("document.title === 'played'");
      });
    });

    await t.test(`a client is shown ${name}`, async (t) => {
      const { encoding, frames } = await openRecording(join(folder, name));
      // noVNC wipes the screen when the replay ends.
      let end = () => {};
      const seen = new Promise<void>((resolve) => {
        end = resolve;
      });
      const port = await serve(t, async (websocket) => {
        const recording = { encoding, frames: lasting(frames, seen) };
        await replayTo(createWebSocketStream(websocket), recording);
      });
      const pages = await servePages(t);
      await withPage(t, `${pages}/viewer.html?url=ws://127.0.0.1:${port}`, async (page) => {
        await showsDesktop(page);
        await page.waitForFunction(`${colourAt(clicked.x, clicked.y)} === ${white}`);
        end();
        await page.waitForFunction("document.title === 'disconnected'");
      });
    });
  }
});

/** Has a user click into the desktop and something appear there; records that in both encodings. */
async function recordSession(t: TestContext, folder: string): Promise<void> {
  const { log, lines } = logged();
  const desktop = await startDesktop(t, { wrapped: false });
  const recorders = (['binary', 'base64'] as const).map((encoding) =>
    Recorder.open(join(folder, encoding), 1, encoding, log),
  );
  const port = await serve(t, (websocket) => {
    const server = connect({ port: desktop.port, host: '127.0.0.1' });
    server.on('data', (payload: Buffer) => {
      for (const recorder of recorders) recorder.toClient(payload);
      websocket.send(payload);
    });
    websocket.on('message', (payload: Buffer) => {
      for (const recorder of recorders) recorder.fromClient(payload);
      server.write(payload);
    });
    server.on('close', () => websocket.close());
    websocket.on('close', () => server.destroy());
  });

  const pages = await servePages(t);
  await withPage(t, `${pages}/viewer.html?url=ws://127.0.0.1:${port}`, async (page) => {
    await showsDesktop(page);
    await page.locator('canvas').click({ position: clicked });
    assert.equal((await desktop.display.press()).kind, 'button');
    await desktop.display.fill(white, { x: 90, y: 40, width: 20, height: 20 });
    await page.waitForFunction(`${colourAt(clicked.x, clicked.y)} === ${white}`);
  });
  for (const recorder of recorders) recorder.close();
  await within('the recordings', Promise.all(recorders.map(({ closed }) => closed)));
  assert.deepEqual(lines, []);
}

/** Frames that are over when something else is. */
async function* lasting(
  frames: AsyncIterable<RecordedFrame>,
  end: Promise<void>,
): AsyncGenerator<RecordedFrame> {
  yield* frames;
  await end;
}

/** A WebSocket server for the time of a test; its port. */
async function serve(t: TestContext, greet: (websocket: WebSocket) => unknown): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' }).on('connection', greet);
  t.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' ? (address?.port ?? 0) : 0;
}
