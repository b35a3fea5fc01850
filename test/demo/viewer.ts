// An RFB client that keeps the picture it is shown (RFC 6143), over TCP or WebSocket.
import type { Client } from '../support/transport.js';

export class Viewer {
  bytesPerPixel = 4;
  /** Rows of pixels as the server sent them. */
  readonly pixels: Buffer;

  private constructor(
    private readonly stream: Client,
    readonly width: number,
    readonly height: number,
    readonly name: string,
  ) {
    this.pixels = Buffer.alloc(width * height * 4);
  }

  /** Shakes hands, without authentication. */
  static async open(stream: Client): Promise<Viewer> {
    const version = await stream.receive(12);
    if (version.toString() !== 'RFB 003.008\n') throw new Error(`not RFB 3.8: ${version}`);
    await stream.send(version);
    const types = await stream.receive((await stream.receive(1)).readUInt8(0));
    if (!types.includes(1)) throw new Error(`authentication is wanted: ${types}`);
    await stream.send(Buffer.of(1));
    const result = (await stream.receive(4)).readUInt32BE(0);
    if (result !== 0) throw new Error(`refused with ${result}`);
    await stream.send(Buffer.of(1));
    const init = await stream.receive(24);
    const name = await stream.receive(init.readUInt32BE(20));
    return new Viewer(stream, init.readUInt16BE(0), init.readUInt16BE(2), name.toString());
  }

  /** Asks for other pixels: SetPixelFormat. */
  async setFormat(bits: 8 | 16 | 32, bigEndian: boolean, max: number[], shift: number[]) {
    const message = Buffer.alloc(20);
    message.writeUInt8(bits, 4);
    message.writeUInt8(bits, 5);
    message.writeUInt8(bigEndian ? 1 : 0, 6);
    message.writeUInt8(1, 7);
    for (const [i, value] of max.entries()) message.writeUInt16BE(value, 8 + 2 * i);
    for (const [i, value] of shift.entries()) message.writeUInt8(value, 14 + i);
    this.bytesPerPixel = bits / 8;
    await this.stream.send(message);
  }

  /** Asks for an update and takes it in. Returns how many rectangles it had. */
  async update(incremental: boolean): Promise<number> {
    const request = Buffer.alloc(10);
    request.writeUInt8(3, 0);
    request.writeUInt8(incremental ? 1 : 0, 1);
    request.writeUInt16BE(this.width, 6);
    request.writeUInt16BE(this.height, 8);
    await this.stream.send(request);
    const header = await this.stream.receive(4);
    if (header[0] !== 0) throw new Error(`message ${header[0]} is not an update`);
    const count = header.readUInt16BE(2);
    for (let i = 0; i < count; ++i) await this.rectangle();
    return count;
  }

  private async rectangle(): Promise<void> {
    const header = await this.stream.receive(12);
    const [x = 0, y = 0, width = 0, height = 0] = [0, 2, 4, 6].map((at) => header.readUInt16BE(at));
    if (header.readInt32BE(8) !== 0) throw new Error('not raw');
    const size = width * this.bytesPerPixel;
    const data = await this.stream.receive(size * height);
    for (let row = 0; row < height; ++row) {
      const to = ((y + row) * this.width + x) * this.bytesPerPixel;
      data.copy(this.pixels, to, row * size, (row + 1) * size);
    }
  }

  /** A pixel's bytes, in hexadecimal. */
  pixel(x: number, y: number): string {
    const at = (y * this.width + x) * this.bytesPerPixel;
    return this.pixels.toString('hex', at, at + this.bytesPerPixel);
  }

  /** The bytes of a part of the picture. */
  part(left: number, top: number, right: number, bottom: number): string {
    const rows = [];
    for (let y = top; y < bottom; ++y) {
      const at = (y * this.width + left) * this.bytesPerPixel;
      rows.push(this.pixels.toString('hex', at, at + (right - left) * this.bytesPerPixel));
    }
    return rows.join('\n');
  }

  async point(buttons: number, x: number, y: number): Promise<void> {
    const message = Buffer.alloc(6);
    message.writeUInt8(5, 0);
    message.writeUInt8(buttons, 1);
    message.writeUInt16BE(x, 2);
    message.writeUInt16BE(y, 4);
    await this.stream.send(message);
  }

  async press(keysym: number): Promise<void> {
    for (const down of [1, 0]) {
      const message = Buffer.alloc(8);
      message.writeUInt8(4, 0);
      message.writeUInt8(down, 1);
      message.writeUInt32BE(keysym, 4);
      await this.stream.send(message);
    }
  }
}
