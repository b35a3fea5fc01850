// The demo's RFB server, as it is over TCP, and the same program wrapped.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Command } from '../programs/command.js';
import { eventually } from '../support/deadline.js';
import { type Client, tcp, websocket } from '../support/transport.js';
import { Viewer } from './viewer.js';

const rfbServer = fileURLToPath(new URL('../../src/demo/rfb-server.js', import.meta.url));
const leftButton = 1;
const rightButton = 4;
const XK_BackSpace = 0xff08;

const start = (t: TestContext, wrapped = false) =>
  Command.start(t, (port) => [process.execPath, rfbServer, String(port)], { wrapped });

// Below the lights that move: only paint and text are seen here.
const strip = [200, 380, 400, 400] as const;
const textLine = [0, 368, 640, 384] as const;

// Takes updates until the picture is as wanted.
async function until(viewer: Viewer, what: string, holds: () => boolean): Promise<void> {
  for (let updates = 0; !holds(); ++updates) {
    assert.ok(updates < 200, `in vain until ${what}`);
    await viewer.update(true);
  }
}

for (const transport of [tcp, websocket()]) {
  describe(`the demo's desktop over ${transport.name}`, () => {
    async function open(t: TestContext): Promise<Viewer> {
      const client = await transport.connect(await start(t, transport.wrapped));
      t.after(() => client.wire.destroy());
      const viewer = await Viewer.open(client);
      await viewer.update(false);
      return viewer;
    }

    test('has a size and a name, and shows something', async (t) => {
      const viewer = await open(t);
      assert.deepEqual([viewer.width, viewer.height, viewer.name], [640, 400, 'wswrap demo']);
      assert.ok(new Set(viewer.part(0, 0, 640, 40).match(/.{8}/g)).size > 3);
    });

    test('moves, and sends only what moved', async (t) => {
      const viewer = await open(t);
      const before = Buffer.from(viewer.pixels);
      const tiles = await viewer.update(true);
      assert.ok(tiles > 0 && tiles < 100);
      assert.notDeepEqual(viewer.pixels, before);
    });

    test('is painted with the pointer, and wiped', async (t) => {
      const viewer = await open(t);
      const before = viewer.part(...strip);
      const at = (x: number) => viewer.pixel(x, 390);
      const unpainted = at(300);
      await viewer.point(0, 220, 390);
      await viewer.point(leftButton, 220, 390);
      await viewer.point(leftButton, 380, 390);
      await viewer.point(0, 10, 100);
      await until(viewer, 'there is paint', () => at(300) !== unpainted);
      assert.deepEqual([at(240), at(360)], [at(300), at(300)]);
      await viewer.point(rightButton, 10, 100);
      await until(viewer, 'it is wiped', () => viewer.part(...strip) === before);
    });

    test('shows what is typed', async (t) => {
      const viewer = await open(t);
      const before = viewer.part(...textLine);
      await viewer.press('W'.charCodeAt(0));
      await until(viewer, 'a letter is there', () => viewer.part(...textLine) !== before);
      await viewer.press(XK_BackSpace);
      await until(viewer, 'it is erased', () => viewer.part(...textLine) === before);
    });
  });
}

describe('pixel formats', () => {
  // A part that never changes, as 0xrrggbb, from the native format.
  const still = [0, 0, 640, 16] as const;
  const formats: [
    name: string,
    bits: 8 | 16 | 32,
    bigEndian: boolean,
    max: number[],
    shift: number[],
  ][] = [
    ['8 bits, BGR233', 8, false, [7, 7, 3], [0, 3, 6]],
    ['16 bits, RGB565', 16, false, [31, 63, 31], [11, 5, 0]],
    ['16 bits, RGB565, big endian', 16, true, [31, 63, 31], [11, 5, 0]],
    ['32 bits, BGR, big endian', 32, true, [255, 255, 255], [0, 8, 16]],
    ['32 bits in the upper bytes', 32, false, [255, 255, 255], [24, 16, 8]],
  ];
  for (const [name, bits, bigEndian, max, shift] of formats) {
    test(name, async (t) => {
      const viewer = await Viewer.open(await tcp.connect(await start(t)));
      await viewer.update(false);
      const reference =
        viewer
          .part(...still)
          .replaceAll('\n', '')
          .match(/.{8}/g) ?? [];
      const expected = reference.map((pixel) => {
        const bgr = [4, 2, 0].map((at) => Number.parseInt(pixel.slice(at, at + 2), 16));
        const value = bgr.reduce(
          (sum, component, i) =>
            sum + Math.round((component * (max[i] ?? 0)) / 255) * 2 ** (shift[i] ?? 0),
          0,
        );
        const bytes = Buffer.alloc(4);
        if (bigEndian) bytes.writeUIntBE(value, 0, bits / 8);
        else bytes.writeUIntLE(value, 0, bits / 8);
        return bytes.toString('hex', 0, bits / 8);
      });
      await viewer.setFormat(bits, bigEndian, max, shift);
      await viewer.update(false);
      const size = viewer.bytesPerPixel * 2;
      const seen = viewer
        .part(...still)
        .replaceAll('\n', '')
        .match(new RegExp(`.{${size}}`, 'g'));
      assert.deepEqual(seen, expected);
    });
  }
});

describe('a viewer', () => {
  test('that asks and never reads costs no more memory than one that reads', async (t) => {
    const server = await start(t);
    const deaf = await tcp.connect(server);
    t.after(() => deaf.wire.destroy());
    await Viewer.open(deaf);
    const residentMegabytes = () => {
      const status = readFileSync(`/proc/${server.child.pid}/status`, 'latin1');
      return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) / 1024;
    };
    const before = residentMegabytes();
    // Full updates: a megabyte each.
    const request = Buffer.from('03000000000002800190', 'hex');
    for (let i = 0; i < 400; ++i) await deaf.send(request);

    // Another one is served meanwhile.
    const viewer = await Viewer.open(await tcp.connect(server));
    for (let i = 0; i < 10; ++i) await viewer.update(i > 0);
    assert.ok(residentMegabytes() - before < 100, `${residentMegabytes()} MB after ${before}`);
  });

  test('may send its bytes one by one', async (t) => {
    const client = await tcp.connect(await start(t));
    const send = client.send.bind(client);
    client.send = async (bytes) => {
      for (const byte of bytes) await send(Buffer.of(byte));
    };
    const viewer = await Viewer.open(client);
    await viewer.update(false);
    assert.equal(viewer.name, 'wswrap demo');
  });

  test('may send lists and texts that the server has no use for', async (t) => {
    const client = await tcp.connect(await start(t));
    const viewer = await Viewer.open(client);
    const encodings = Buffer.alloc(4 + 4 * 1000);
    encodings.writeUInt8(2, 0);
    encodings.writeUInt16BE(1000, 2);
    const text = Buffer.alloc(8 + 1_000_000, 'x');
    text.writeUInt32BE(0x06000000, 0);
    text.writeUInt32BE(1_000_000, 4);
    await client.send(encodings);
    await client.send(text);
    assert.ok((await viewer.update(false)) > 0);
  });

  const nonsense: [what: string, bytes: Buffer][] = [
    ['an unknown message', Buffer.of(99)],
    ['a text of 4 GB', Buffer.from('06000000ffffffff', 'hex')],
    ['a color map', Buffer.from('00000000080800000000000000000000000000', 'hex')],
    ['17 bits for a pixel', Buffer.from('0000000011180001001f003f001f0b0500000000', 'hex')],
  ];
  for (const [what, bytes] of nonsense) {
    test(`that sends ${what} is disconnected; others stay`, async (t) => {
      const server = await start(t);
      const viewer = await Viewer.open(await tcp.connect(server));
      const client = await tcp.connect(server);
      await Viewer.open(client);
      await client.send(bytes);
      if (what === 'a color map') await client.send(Buffer.alloc(1));
      await client.ended().catch((error: unknown) => assertReset(error));
      assert.ok((await viewer.update(false)) > 0);
    });
  }

  test('that speaks another version is disconnected', async (t) => {
    const client = await tcp.connect(await start(t));
    await client.receive(12);
    await client.send(Buffer.from('RFB 003.003\n'));
    await client.ended().catch((error: unknown) => assertReset(error));
  });
});

test('nothing is drawn while nobody looks', async (t) => {
  const server = await start(t);
  const client: Client = await tcp.connect(server);
  await Viewer.open(client);
  client.wire.destroy();
  const { pid = 0 } = server.child;
  const switches = () => {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1]);
  };
  // A timer of 25 Hz would wake it up.
  let last = switches();
  let quiet = 0;
  await eventually('the server sleeps', () => {
    const now = switches();
    quiet = now === last ? quiet + 1 : 0;
    last = now;
    return quiet > 60;
  });
});

function assertReset(error: unknown): void {
  assert.ok(
    error instanceof Error && 'code' in error && error.code === 'ECONNRESET',
    String(error),
  );
}
