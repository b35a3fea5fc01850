// As much of an X11 client as it takes to draw on a display and to hear of its pointer and keys.
//
// The desktop tests need known pixels on the screen and proof that input reached the X server.
// These few requests of the X Window System Protocol (version 11) spare them a toolkit.
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';

/** A press of a pointer button or of a key, where the pointer was on the root window. */
export interface Press {
  kind: 'button' | 'key';
  /** The button's number, or the keycode. */
  detail: number;
  x: number;
  y: number;
}

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

const opcode = {
  changeWindowAttributes: 2,
  getInputFocus: 43,
  createGc: 55,
  polyFillRectangle: 70,
};
const keyPress = 2;
const buttonPress = 4;
const keyPressMask = 1 << 0;
const buttonPressMask = 1 << 2;

const cookieName = Buffer.from('MIT-MAGIC-COOKIE-1');

/** A connection to a local display, drawing on its root window. */
export class Display {
  readonly width: number;
  readonly height: number;
  readonly #socket: Socket;
  readonly #root: number;
  #nextId: number;
  #input = Buffer.alloc(0);
  #replies: (() => void)[] = [];
  #presses: Press[] = [];
  #waiting: ((press: Press) => void)[] = [];

  /**
   * Connects to display `:number`, with the cookie that xauth(1) knows if it has access control.
   * Rejects with the socket's error, or the server's reason.
   */
  static async open(number: number, cookie?: Buffer): Promise<Display> {
    const socket = createConnection(`/tmp/.X11-unix/X${number}`);
    await once(socket, 'connect');
    // Little endian, protocol 11.0, then the authorization, each part padded to four bytes.
    const littleEndian = 0x6c;
    const [name, data] = cookie === undefined ? [] : [cookieName, cookie];
    const head = shorts(littleEndian, 11, 0, name?.length ?? 0, data?.length ?? 0, 0);
    socket.write(Buffer.concat([head, padded(name), padded(data)]));
    const answer = await take(socket, 8);
    const setup = await take(socket, answer.readUInt16LE(6) * 4);
    if (answer.readUInt8(0) !== 1) throw new Error(`display :${number}: ${setup}`);
    return new Display(socket, setup);
  }

  private constructor(socket: Socket, setup: Buffer) {
    const vendorSize = Math.ceil(setup.readUInt16LE(16) / 4) * 4;
    const formatsSize = setup.readUInt8(21) * 8;
    const screen = setup.subarray(32 + vendorSize + formatsSize);
    this.#nextId = setup.readUInt32LE(4);
    this.#root = screen.readUInt32LE(0);
    this.width = screen.readUInt16LE(20);
    this.height = screen.readUInt16LE(22);
    this.#socket = socket;
    socket.on('data', (chunk) => this.#receive(chunk));
    this.#listen();
  }

  /** Fills rectangles with a colour, given as 0xrrggbb; resolves once the server has drawn them. */
  fill(colour: number, ...rectangles: Rectangle[]): Promise<void> {
    const context = this.#nextId++;
    const foreground = 1 << 2;
    this.#request(opcode.createGc, words(context, this.#root, foreground, colour));
    const corners = rectangles.map(({ x, y, width, height }) => shorts(x, y, width, height));
    this.#request(
      opcode.polyFillRectangle,
      Buffer.concat([words(this.#root, context), ...corners]),
    );
    return this.#sync();
  }

  /** The next press of a button or key that nobody has taken yet. */
  press(): Promise<Press> {
    const press = this.#presses.shift();
    if (press !== undefined) return Promise.resolve(press);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#socket.destroy();
  }

  #listen(): void {
    const eventMask = 1 << 11;
    const wanted = keyPressMask | buttonPressMask;
    this.#request(opcode.changeWindowAttributes, words(this.#root, eventMask, wanted));
  }

  // Requests are served in order, so the answer to one tells that those before it are done.
  #sync(): Promise<void> {
    this.#request(opcode.getInputFocus, Buffer.alloc(0));
    return new Promise((resolve) => this.#replies.push(resolve));
  }

  #request(code: number, body: Buffer): void {
    this.#socket.write(Buffer.concat([Buffer.from([code, 0]), shorts(1 + body.length / 4), body]));
  }

  // Errors, the one reply that is asked for, and events are 32 bytes each.
  #receive(chunk: Buffer): void {
    this.#input = Buffer.concat([this.#input, chunk]);
    for (; this.#input.length >= 32; this.#input = this.#input.subarray(32)) {
      const message = this.#input.subarray(0, 32);
      const kind = message.readUInt8(0) & 0x7f;
      if (kind === 0) throw new Error(`X11 error ${message.readUInt8(1)}`);
      else if (kind === 1) this.#replies.shift()?.();
      else if (kind === keyPress || kind === buttonPress) this.#deliver(pressFrom(message));
    }
  }

  #deliver(press: Press): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#presses.push(press);
    else waiting(press);
  }
}

function pressFrom(event: Buffer): Press {
  return {
    kind: (event.readUInt8(0) & 0x7f) === keyPress ? 'key' : 'button',
    detail: event.readUInt8(1),
    x: event.readInt16LE(20),
    y: event.readInt16LE(22),
  };
}

async function take(socket: Socket, size: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = socket.read(size);
    if (bytes !== null) return bytes;
    await once(socket, 'readable');
  }
}

function padded(bytes: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);
}

// Both processors that wswrap runs on are little endian, and so is this protocol as opened above.
function words(...values: number[]): Buffer {
  return Buffer.from(Uint32Array.from(values).buffer);
}

function shorts(...values: number[]): Buffer {
  return Buffer.from(Uint16Array.from(values).buffer);
}
