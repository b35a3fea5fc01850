// What the demo's desktop shows: lights that drift through the night, paint from the pointer, and
// the text that is typed. A few small areas change from frame to frame, so that it stays cheap.
import { dot, glyphHeight, glyphWidth } from './font.js';
import { type Area, type Color, Picture } from './picture.js';

const width = 640;
const height = 400;
const lights = 7;
const lightRadius = 26;
const brushRadius = 7;
const pointerRadius = 6;
const maxText = 50;
const title = 'This desktop speaks RFB; wswrap makes it WebSocket.';
const help = 'Drag: paint   Type: write   Right button: wipe';

export interface Pointer {
  x: number;
  y: number;
}

export class Scene {
  /** What viewers see. */
  readonly picture = new Picture(width, height);
  // The same without what moves.
  private readonly backdrop = new Picture(width, height);
  private readonly pointers = new Map<object, Pointer>();
  private moving: Area[] = [];
  private text = '';

  constructor() {
    this.wipe();
  }

  /** Moves everything that moves. `seconds` is the time since any fixed moment. */
  animate(seconds: number): void {
    for (const area of this.moving) this.restore(area);
    this.moving = [];
    for (let i = 0; i < lights; ++i) this.drawLight(i, seconds);
    for (const pointer of this.pointers.values()) this.drawPointer(pointer);
  }

  /** A viewer's pointer is now here; with a button pressed it leaves paint behind. */
  point(viewer: object, to: Pointer, pressed: boolean, seconds: number): void {
    const from = this.pointers.get(viewer) ?? to;
    this.pointers.set(viewer, to);
    if (!pressed) return;
    const steps = 1 + Math.floor(Math.hypot(to.x - from.x, to.y - from.y) / 4);
    const paint = hue(seconds / 6);
    for (let i = 1; i <= steps; ++i) {
      const x = from.x + ((to.x - from.x) * i) / steps;
      const y = from.y + ((to.y - from.y) * i) / steps;
      this.paint(around(x, y, brushRadius), (px, py, before) =>
        Math.hypot(px - x, py - y) <= brushRadius ? paint : before,
      );
    }
  }

  /** A viewer has gone, and its pointer with it. */
  leave(viewer: object): void {
    this.pointers.delete(viewer);
  }

  type(character: string): void {
    this.text = (this.text + character).slice(-maxText);
    this.writeText();
  }

  erase(): void {
    this.text = this.text.slice(0, -1);
    this.writeText();
  }

  clearLine(): void {
    this.text = '';
    this.writeText();
  }

  /** Removes all paint. */
  wipe(): void {
    this.paint({ left: 0, top: 0, right: width, bottom: height }, night);
    this.write(title, 16, 16, 0xe8ecff);
    this.write(help, 16, 40, 0x8f9bd0);
    this.writeText();
  }

  private writeText(): void {
    const top = height - 32;
    this.paint({ left: 0, top: top - 8, right: width, bottom: height }, (x, y) =>
      shade(night(x, y), 0.5),
    );
    this.write(`> ${this.text}_`, 16, top, 0x9df5b0);
  }

  private write(text: string, left: number, top: number, color: Color): void {
    const scale = 2;
    [...text].forEach((character, i) => {
      const x0 = left + i * (glyphWidth + 1) * scale;
      const area = {
        left: x0,
        top,
        right: x0 + glyphWidth * scale,
        bottom: top + glyphHeight * scale,
      };
      this.paint(area, (x, y, before) =>
        dot(character, Math.floor((x - x0) / scale), Math.floor((y - top) / scale))
          ? color
          : before,
      );
    });
  }

  // Draws something that stays.
  private paint(area: Area, color: (x: number, y: number, before: Color) => Color): void {
    this.backdrop.draw(area, color);
    this.restore(area);
  }

  private restore(area: Area): void {
    const { pixels } = this.backdrop;
    this.picture.draw(area, (x, y) => pixels[y * width + x] ?? 0);
  }

  private drawLight(index: number, seconds: number): void {
    const phase = index * 2.1;
    const x = width / 2 + Math.sin(seconds * 0.31 + phase) * Math.cos(seconds * 0.11 + index) * 290;
    const y = height / 2 + Math.cos(seconds * 0.43 + phase * 1.3) * 130;
    const color = hue(index / lights + seconds / 40);
    const area = around(x, y, lightRadius);
    this.moving.push(area);
    this.picture.draw(area, (px, py, before) => {
      const distance = Math.hypot(px - x, py - y) / lightRadius;
      return distance >= 1 ? before : add(before, shade(color, (1 - distance) ** 2));
    });
  }

  private drawPointer({ x, y }: Pointer): void {
    const area = around(x, y, pointerRadius);
    this.moving.push(area);
    this.picture.draw(area, (px, py, before) => {
      const distance = Math.hypot(px - x, py - y);
      return distance <= 1.5 || Math.abs(distance - pointerRadius + 1) < 1 ? 0xffffff : before;
    });
  }
}

function around(x: number, y: number, radius: number): Area {
  return { left: x - radius, top: y - radius, right: x + radius + 1, bottom: y + radius + 1 };
}

// A dark sky, lighter towards the horizon, with stars at arbitrary but fixed places.
function night(x: number, y: number): Color {
  const depth = y / height;
  const star = (Math.imul(x * 7919 + y * 104729, 2654435761) >>> 8) % 1499 === 0;
  if (star) return 0x9aa6d8;
  return rgb(10 + 22 * depth, 12 + 16 * depth, 34 + 52 * depth);
}

function rgb(red: number, green: number, blue: number): Color {
  return (Math.round(red) << 16) | (Math.round(green) << 8) | Math.round(blue);
}

function shade(color: Color, factor: number): Color {
  return rgb((color >> 16) * factor, ((color >> 8) & 255) * factor, (color & 255) * factor);
}

function add(a: Color, b: Color): Color {
  return rgb(
    Math.min(255, (a >> 16) + (b >> 16)),
    Math.min(255, ((a >> 8) & 255) + ((b >> 8) & 255)),
    Math.min(255, (a & 255) + (b & 255)),
  );
}

// A bright color; `turn` goes around the color wheel once from 0 to 1.
function hue(turn: number): Color {
  const component = (offset: number) => 140 + 115 * Math.cos(2 * Math.PI * (turn + offset));
  return rgb(component(0), component(2 / 3), component(1 / 3));
}
