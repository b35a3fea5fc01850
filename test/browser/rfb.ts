// The client's half of the RFB handshake (RFC 6143, section 7), as far as the desktop's name.
import { createCipheriv } from 'node:crypto';

/** What the handshake needs of a connection. */
export interface Stream {
  write(bytes: Buffer): Promise<void>;
  /** Exactly that many bytes; rejects when the connection ends before. */
  read(size: number): Promise<Buffer>;
}

export interface Desktop {
  width: number;
  height: number;
  name: string;
}

const vncAuthentication = 2;

/** Authenticates with a password and opens the desktop. Rejects when the server refuses. */
export async function openDesktop(stream: Stream, password: string): Promise<Desktop> {
  const version = await stream.read(12);
  if (version.toString() !== 'RFB 003.008\n') throw new Error(`not RFB 3.8: ${version}`);
  await stream.write(version);

  const types = await stream.read((await stream.read(1)).readUInt8(0));
  if (!types.includes(vncAuthentication)) throw new Error(`no VNC authentication among ${types}`);
  await stream.write(Buffer.of(vncAuthentication));
  await stream.write(respond(await stream.read(16), password));
  const result = (await stream.read(4)).readUInt32BE(0);
  if (result !== 0) throw new Error(`authentication failed with ${result}`);

  const shared = 1;
  await stream.write(Buffer.of(shared));
  const init = await stream.read(24);
  const name = await stream.read(init.readUInt32BE(20));
  return { width: init.readUInt16BE(0), height: init.readUInt16BE(2), name: name.toString() };
}

/**
 * The challenge under DES, whose key is the password with the bits of each byte in reverse.
 * OpenSSL 3 offers plain DES only as triple DES with one key three times.
 */
function respond(challenge: Buffer, password: string): Buffer {
  const key = Buffer.alloc(8);
  key.write(password.slice(0, 8), 'latin1');
  const reversed = key.map(reverse);
  const cipher = createCipheriv(
    'des-ede3-ecb',
    Buffer.concat([reversed, reversed, reversed]),
    null,
  );
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}

function reverse(byte: number): number {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) result |= ((byte >> bit) & 1) << (7 - bit);
  return result;
}
