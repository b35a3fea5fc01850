// A TCP port behind which there is a WebSocket client, so that programs that only speak TCP
// (redis-cli, netcat) can talk to a wrapped server.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { readResponse, requestText } from './client.js';
import { closeFrame } from './frame.js';
import { FrameReader } from './frame-reader.js';
import type { Framing } from './framings.js';
import { Random, seedOfThisRun } from './random.js';
import { type Endpoint, Wire } from './wire.js';

/**
 * Listens on loopback until the test ends and returns the port. What a TCP client sends goes to
 * `endpoint` in frames of that framing; a FIN becomes a Close frame and the reverse.
 */
export async function bridge(
  t: TestContext,
  endpoint: Endpoint,
  framing: Framing,
  seed = seedOfThisRun(),
): Promise<number> {
  const random = new Random(seed);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    relay(socket, endpoint, framing, random).catch((error: Error) => socket.destroy(error));
    socket.on('error', (error) => t.diagnostic(`bridge: ${error.message}`));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function relay(socket: Socket, endpoint: Endpoint, framing: Framing, random: Random) {
  const wire = await Wire.connect(endpoint);
  socket.on('close', () => wire.destroy());
  await wire.write(requestText(endpoint));
  const { status, body } = await readResponse(wire);
  if (status !== 101) throw new Error(`refused with ${status}: ${body}`);

  const upstream = async () => {
    // A loop over the socket itself would destroy both its directions at the end of one.
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      await wire.writeAll(framing.segments(chunk, random));
    }
    await wire.write(closeFrame(1000));
  };
  const downstream = async () => {
    const reader = new FrameReader();
    for (let bytes: Buffer | null = body; bytes !== null; bytes = await wire.chunk()) {
      for (const payload of reader.push(bytes)) {
        if (!socket.write(payload)) await once(socket, 'drain');
      }
      if (reader.closeCode !== undefined) break;
    }
    socket.end();
  };
  await Promise.all([upstream(), downstream()]);
}
