// TLS on the same port: the certificate, and the handshake of a connection whose first byte asked for
// it. Node's tls.Server does the handshake, because only it checks the certificates of clients.
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type Server, type TLSSocket } from 'node:tls';

import { errnoOf, LaunchError } from '../errors.js';
import type { TlsOptions } from './options.js';
import { readAuthorities, readText } from './pem.js';

/** Everything that was read from files: a process that gave up its privileges is sent it. */
export interface TlsMaterial {
  cert: string;
  key: string;
  passphrase?: string;
  ca?: string;
  minVersion: 'TLSv1.2' | 'TLSv1.3';
  ciphers?: string;
  requestCert: boolean;
}

/** Reads and checks the files. Throws a LaunchError that says which of them is wrong. */
export function readTlsMaterial(options: TlsOptions): TlsMaterial {
  const { minVersion = 'TLSv1.2', ciphers, passwordFile, cafile } = options;
  const passphrase =
    passwordFile === undefined
      ? process.env['WSPROXY_KEY_PASSWORD']
      : readText(passwordFile, '--key-password-file').replace(/\r?\n$/, '');
  const cert = readText(
    options.cert,
    '--cert',
    "give --cert a file in PEM format; 'wsproxy cert' makes one for a first try",
  );
  const material: TlsMaterial = {
    cert,
    key: options.key === undefined ? cert : readText(options.key, '--key'),
    minVersion,
    requestCert: options.verifyClient,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(cafile === undefined ? {} : { ca: readAuthorities(cafile, '--cafile') }),
    ...(ciphers === undefined ? {} : { ciphers }),
  };
  check(material, options);
  return material;
}

/** When the certificate ends, for a word at the start. */
export function expiryOf({ cert }: TlsMaterial): Date {
  return new Date(new X509Certificate(cert).validTo);
}

function check(material: TlsMaterial, options: TlsOptions): void {
  try {
    createSecureContext(contextOf(material));
  } catch (error) {
    const { cert, key = cert } = options;
    const reason = error instanceof Error ? error.message.replace(/^error:\w+:/, '') : '';
    throw new LaunchError(
      'TLS_UNUSABLE',
      `${cert === key ? cert : `${cert} and ${key}`}: no usable certificate with its key (${reason})`,
      hintFor(errnoOf(error), material),
      undefined,
      { cause: error },
    );
  }
}

function hintFor(code: string | undefined, { key, passphrase }: TlsMaterial): string {
  if (code === 'ERR_SSL_NO_CIPHER_MATCH') {
    return "--ssl-ciphers: 'openssl ciphers LIST' shows what a list stands for";
  }
  if (code !== 'ERR_OSSL_X509_KEY_VALUES_MISMATCH' && key.includes('ENCRYPTED')) {
    return passphrase === undefined
      ? 'the key has a passphrase: give --key-password-file, or set WSPROXY_KEY_PASSWORD'
      : 'the passphrase of the key may be a wrong one';
  }
  return 'both must be in PEM format and belong together; one file may hold both';
}

function contextOf({ requestCert: _, ...context }: TlsMaterial) {
  return context;
}

/** The TLS side of the port. */
export class TlsPort {
  readonly #server: Server;
  // tls.Server tells of its own sockets only, not of those that it was given.
  readonly #waiting = new Map<string, (result: TLSSocket | Error) => void>();

  constructor(private material: TlsMaterial) {
    this.#server = handshakeServer(material, (socket, result) => {
      this.#waiting.get(keyOf(socket))?.(result);
    });
  }

  /** From now on handshakes use other material; connections that are open go on. */
  reload(material: TlsMaterial): void {
    this.material = material;
    this.#server.setSecureContext(contextOf(material));
  }

  /**
   * Does the handshake on a socket that still has the client's first bytes. Resolves with the
   * decrypted stream, or with the Error that ended it.
   */
  secure(socket: Socket): Promise<TLSSocket | Error> {
    return new Promise((resolve) => {
      const key = keyOf(socket);
      const settle = (result: TLSSocket | Error) => {
        this.#waiting.delete(key);
        resolve(result);
      };
      socket.once('close', () => settle(new Error('the client left during the TLS handshake')));
      // Clients of a Unix socket have no address to know them by: each has a server of its own.
      if (socket.remoteAddress === undefined) {
        const server = handshakeServer(this.material, (_, result) => settle(result));
        server.emit('connection', socket);
        return;
      }
      this.#waiting.set(key, settle);
      this.#server.emit('connection', socket);
    });
  }
}

// `settle` is told what came of each handshake.
function handshakeServer(
  material: TlsMaterial,
  settle: (socket: TLSSocket, result: TLSSocket | Error) => void,
): Server {
  const { requestCert } = material;
  return createServer({
    ...contextOf(material),
    requestCert,
    rejectUnauthorized: requestCert,
    ALPNProtocols: ['http/1.1'],
    // Whoever calls secure() has a deadline of their own.
    handshakeTimeout: 2 ** 31 - 1,
  })
    .on('secureConnection', (socket) => settle(socket, socket))
    .on('tlsClientError', (error, socket) => settle(socket, error));
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
