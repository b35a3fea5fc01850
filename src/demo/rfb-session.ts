// One RFB client: the handshake, what it does to the scene, and what it is shown.
//
// At most one framebuffer update is on its way. Until the kernel has taken all of it, changes are
// only noted as unseen tiles, so a slow client costs no more memory than a fast one.
import type { Socket } from 'node:net';

import { clip } from './picture.js';
import { Encoder, nativeFormat, writePixelFormat } from './pixel-format.js';
import { type Message, RfbError, RfbParser } from './rfb-parser.js';
import type { Scene } from './scene.js';

const version = 'RFB 003.008\n';
const desktopName = 'wswrap demo';
const securityNone = 1;
const leftButton = 1;
const rightButton = 4;

// Keysyms (X11).
const XK_BackSpace = 0xff08;
const XK_Return = 0xff0d;
const XK_KP_Enter = 0xff8d;

export class RfbSession {
  private readonly parser = new RfbParser();
  private readonly unseen;
  private encoder = new Encoder(nativeFormat);
  private updateWanted = false;
  private updateOnItsWay = false;

  constructor(
    private readonly socket: Socket,
    private readonly scene: Scene,
    private readonly seconds: () => number,
  ) {
    this.unseen = scene.picture.addViewer();
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    // What a client does to its connection is no fault of ours; 'close' follows.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      scene.picture.removeViewer(this.unseen);
      scene.leave(this);
    });
    socket.write(version);
  }

  /** Sends what changed, if the client waits for it. */
  update(): void {
    if (!this.updateWanted || this.updateOnItsWay) return;
    const { picture } = this.scene;
    const areas = this.unseen.take().map((area) => clip(area, picture));
    if (areas.length === 0) return;
    const size = areas.reduce((sum, area) => sum + 12 + this.encoder.size(area), 4);
    const out = Buffer.allocUnsafe(size);
    // FramebufferUpdate, padding, number of rectangles.
    out.writeUInt16BE(0, 0);
    out.writeUInt16BE(areas.length, 2);
    let at = 4;
    for (const area of areas) {
      out.writeUInt16BE(area.left, at);
      out.writeUInt16BE(area.top, at + 2);
      out.writeUInt16BE(area.right - area.left, at + 4);
      out.writeUInt16BE(area.bottom - area.top, at + 6);
      // Raw encoding.
      out.writeInt32BE(0, at + 8);
      this.encoder.write(picture, area, out, at + 12);
      at += 12 + this.encoder.size(area);
    }
    this.updateWanted = false;
    this.updateOnItsWay = true;
    this.socket.write(out, () => {
      this.updateOnItsWay = false;
      this.update();
    });
  }

  private receive(chunk: Buffer): void {
    try {
      for (const message of this.parser.parse(chunk)) this.handle(message);
    } catch (error) {
      if (!(error instanceof RfbError)) throw error;
      this.socket.destroy();
    }
  }

  private handle(message: Message): void {
    switch (message.type) {
      case 'version':
        if (message.text !== version) throw new RfbError('only version 3.8 is spoken here');
        this.socket.write(Buffer.from([1, securityNone]));
        break;
      case 'security':
        if (message.choice !== securityNone) throw new RfbError('no such security type');
        this.socket.write(Buffer.alloc(4));
        break;
      case 'init':
        this.socket.write(this.serverInit());
        break;
      case 'pixelFormat':
        this.encoder = new Encoder(message.format);
        break;
      case 'updateRequest':
        if (!message.incremental) {
          this.unseen.mark({
            left: message.x,
            top: message.y,
            right: message.x + message.width,
            bottom: message.y + message.height,
          });
        }
        this.updateWanted = true;
        this.update();
        break;
      case 'key':
        if (message.down) this.press(message.keysym);
        break;
      case 'pointer':
        if ((message.buttons & rightButton) !== 0) this.scene.wipe();
        this.scene.point(this, message, (message.buttons & leftButton) !== 0, this.seconds());
        break;
    }
  }

  private serverInit(): Buffer {
    const { width, height } = this.scene.picture;
    const size = Buffer.alloc(4);
    size.writeUInt16BE(width, 0);
    size.writeUInt16BE(height, 2);
    const nameLength = Buffer.alloc(4);
    nameLength.writeUInt32BE(desktopName.length);
    return Buffer.concat([
      size,
      writePixelFormat(nativeFormat),
      nameLength,
      Buffer.from(desktopName, 'latin1'),
    ]);
  }

  private press(keysym: number): void {
    if (keysym >= 0x20 && keysym <= 0x7e) this.scene.type(String.fromCharCode(keysym));
    else if (keysym === XK_BackSpace) this.scene.erase();
    else if (keysym === XK_Return || keysym === XK_KP_Enter) this.scene.clearLine();
  }
}
