// TLS on the same port: the certificate, and the handshake of a connection whose first byte asked for
// it. Node's tls.Server does the handshake, because only it checks the certificates of clients.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { createSecureContext, createServer, type TLSSocket } from 'node:tls';

import { errnoOf, LaunchError } from '../errors.js';
import type { TlsOptions } from './options.js';

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
      : read(passwordFile, '--key-password-file').replace(/\r?\n$/, '');
  const material: TlsMaterial = {
    cert: read(options.cert, '--cert'),
    key: read(options.key ?? options.cert, options.key === undefined ? '--cert' : '--key'),
    minVersion,
    requestCert: options.verifyClient,
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(cafile === undefined ? {} : { ca: read(cafile, '--cafile') }),
    ...(ciphers === undefined ? {} : { ciphers }),
  };
  check(material, options);
  return material;
}

/** Reads the certificates that a target's is checked against. Throws a LaunchError. */
export function readTargetCa(file: string): string {
  const option = '--target-cafile';
  const text = read(file, option);
  try {
    new X509Certificate(text);
    return text;
  } catch (cause) {
    const hint = `give ${option} a file in PEM format`;
    throw new LaunchError('TLS_FILE', `${file}: no certificate`, hint, undefined, { cause });
  }
}

/** When the certificate ends, for a word at the start. */
export function expiryOf({ cert }: TlsMaterial): Date {
  return new Date(new X509Certificate(cert).validTo);
}

function read(file: string, option: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new LaunchError(
      'TLS_FILE',
      `${file}: cannot be read (${errnoOf(error) ?? String(error)})`,
      `give ${option} a file in PEM format; 'wsproxy cert' makes one for a first try`,
      undefined,
      { cause: error },
    );
  }
}

function check(material: TlsMaterial, options: TlsOptions): void {
  try {
    createSecureContext(contextOf(material));
  } catch (error) {
    const { cert, key = cert } = options;
    const reason = error instanceof Error ? error.message.replace(/^error:\w+:/, '') : '';
    const locked = /ENCRYPTED/.test(material.key) && material.passphrase === undefined;
    throw new LaunchError(
      'TLS_UNUSABLE',
      `${cert === key ? cert : `${cert} and ${key}`}: no usable certificate with its key (${reason})`,
      locked
        ? 'the key has a passphrase: give --key-password-file, or set WSPROXY_KEY_PASSWORD'
        : 'both must be in PEM format and belong together; one file may hold both',
      undefined,
      { cause: error },
    );
  }
}

function contextOf({ requestCert: _, ...context }: TlsMaterial) {
  return context;
}

/** The TLS side of the port. */
export class TlsPort {
  readonly #server;
  // tls.Server tells of its own sockets only, not of those that it was given.
  readonly #waiting = new Map<string, ((result: TLSSocket | Error) => void)[]>();

  constructor(material: TlsMaterial) {
    const { requestCert } = material;
    this.#server = createServer({
      ...contextOf(material),
      requestCert,
      rejectUnauthorized: requestCert,
      ALPNProtocols: ['http/1.1'],
      // Whoever calls secure() has a deadline of their own.
      handshakeTimeout: 2 ** 31 - 1,
    });
    this.#server.on('secureConnection', (socket) => this.#settle(socket, socket));
    this.#server.on('tlsClientError', (error, socket) => this.#settle(socket, error));
  }

  /** From now on handshakes use other material; connections that are open go on. */
  reload(material: TlsMaterial): void {
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
        const left = (this.#waiting.get(key) ?? []).filter((other) => other !== settle);
        if (left.length > 0) this.#waiting.set(key, left);
        else this.#waiting.delete(key);
        resolve(result);
      };
      this.#waiting.set(key, [...(this.#waiting.get(key) ?? []), settle]);
      socket.once('close', () => settle(new Error('the client left during the TLS handshake')));
      this.#server.emit('connection', socket);
    });
  }

  // Clients of a Unix socket cannot be told apart; then it is as good to take the first.
  #settle(socket: TLSSocket, result: TLSSocket | Error): void {
    this.#waiting.get(keyOf(socket))?.[0]?.(result);
  }
}

function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}
