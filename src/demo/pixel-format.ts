// The pixel formats that an RFB client may ask for (RFC 6143 section 7.4).
import type { Area, Picture } from './picture.js';

export interface PixelFormat {
  bitsPerPixel: 8 | 16 | 32;
  bigEndian: boolean;
  /** For red, green and blue: the largest value, and how far it is shifted to the left. */
  max: readonly [number, number, number];
  shift: readonly [number, number, number];
}

/** What the picture holds: 0x00rrggbb. */
export const nativeFormat: PixelFormat = {
  bitsPerPixel: 32,
  bigEndian: false,
  max: [255, 255, 255],
  shift: [16, 8, 0],
};

/** The 16 bytes of a PIXEL_FORMAT. */
export function writePixelFormat(format: PixelFormat): Buffer {
  const out = Buffer.alloc(16);
  out[0] = format.bitsPerPixel;
  out[1] = 24;
  out[2] = format.bigEndian ? 1 : 0;
  out[3] = 1;
  format.max.forEach((max, i) => {
    out.writeUInt16BE(max, 4 + 2 * i);
  });
  format.shift.forEach((shift, i) => {
    out[10 + i] = shift;
  });
  return out;
}

/** Reads a PIXEL_FORMAT; undefined for color maps and impossible values. */
export function readPixelFormat(bytes: Buffer): PixelFormat | undefined {
  const [bitsPerPixel = 0, , bigEndian, trueColor] = bytes;
  if (bitsPerPixel !== 8 && bitsPerPixel !== 16 && bitsPerPixel !== 32) return undefined;
  if (trueColor === 0) return undefined;
  const max = [4, 6, 8].map((at) => bytes.readUInt16BE(at));
  const shift = [10, 11, 12].map((at) => bytes.readUInt8(at));
  if (shift.some((by, i) => by > 31 || (max[i] ?? 0) * 2 ** by >= 2 ** bitsPerPixel)) {
    return undefined;
  }
  const [red = 0, green = 0, blue = 0] = max;
  const [redBy = 0, greenBy = 0, blueBy = 0] = shift;
  return {
    bitsPerPixel,
    bigEndian: bigEndian !== 0,
    max: [red, green, blue],
    shift: [redBy, greenBy, blueBy],
  };
}

/** Turns areas of a picture into a client's pixels. */
export class Encoder {
  private readonly tables: readonly Uint32Array[];
  private readonly bytesPerPixel: number;

  constructor(private readonly format: PixelFormat) {
    this.bytesPerPixel = format.bitsPerPixel / 8;
    // By the value of a color's component: its bits in the client's pixel.
    this.tables = format.max.map((max, i) =>
      Uint32Array.from(
        { length: 256 },
        (_, v) => Math.round((v * max) / 255) << (format.shift[i] ?? 0),
      ),
    );
  }

  size(area: Area): number {
    return (area.right - area.left) * (area.bottom - area.top) * this.bytesPerPixel;
  }

  /** Writes an area at `at`, row by row. */
  write(picture: Picture, area: Area, out: Buffer, at: number): void {
    const [red, green, blue] = this.tables;
    const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
    const littleEndian = !this.format.bigEndian;
    let to = at;
    for (let y = area.top; y < area.bottom; ++y) {
      for (let x = area.left; x < area.right; ++x, to += this.bytesPerPixel) {
        const color = picture.pixels[y * picture.width + x] ?? 0;
        const pixel =
          (red?.[color >>> 16] ?? 0) |
          (green?.[(color >>> 8) & 255] ?? 0) |
          (blue?.[color & 255] ?? 0);
        if (this.bytesPerPixel === 4) view.setUint32(to, pixel, littleEndian);
        else if (this.bytesPerPixel === 2) view.setUint16(to, pixel, littleEndian);
        else view.setUint8(to, pixel);
      }
    }
  }
}
