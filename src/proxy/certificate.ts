// `wsproxy cert`: a self-signed certificate, for those who have none from an authority.
//
// It names every way to call this machine that is known here, because browsers look at nothing else;
// and it may sign nothing, so that whoever trusts it trusts this one server only.
import { X509Certificate } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { domainToASCII } from 'node:url';
import { generate } from 'selfsigned';

import { errnoOf, LaunchError } from '../errors.js';

/** Browsers refuse certificates that are valid for longer than 398 days. */
export const defaultDays = 397;

export interface CertificateOptions {
  /** Where to write the certificate and its key, in PEM. */
  file: string;
  /** Host names and addresses that clients will use, besides those of this machine itself. */
  names: readonly string[];
  /** How long it is valid from now on. */
  days: number;
  /** Whether an existing file is replaced. */
  force?: boolean;
}

export interface Certificate {
  file: string;
  /** What it is valid for. */
  names: readonly string[];
  /** SHA-256, as browsers show it: `AB:CD:…`. */
  fingerprint: string;
  validUntil: Date;
}

/**
 * Makes a certificate with a new key and writes both to one file that only its owner may read.
 * Rejects with LaunchError if a name is none, if the file exists, or if it cannot be written.
 */
export async function makeCertificate(options: CertificateOptions): Promise<Certificate> {
  const { file, days, force = false } = options;
  const names = [...new Set([...ownNames(), ...options.names.map(validName)])];
  const now = Date.now();
  const validUntil = new Date(now + days * 86_400_000);
  const made = await generate([{ name: 'commonName', value: 'wsproxy' }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    // A client's clock may be slow.
    notBeforeDate: new Date(now - 3_600_000),
    notAfterDate: validUntil,
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: names.map(altName) },
    ],
  });
  write(file, `${made.cert.trim()}\n${made.private.trim()}\n`, force);
  const { fingerprint256: fingerprint } = new X509Certificate(made.cert);
  return { file, names, fingerprint, validUntil };
}

/** What to tell the user of a new certificate: lines of text. */
export function describeCertificate(certificate: Certificate): string {
  const { file, names, fingerprint, validUntil } = certificate;
  return `${file}: a certificate and its key, until ${validUntil.toISOString().slice(0, 10)}
  for      ${names.join(', ')}
  SHA-256  ${fingerprint}

Start the proxy with it:
  wsproxy --cert ${file} --ssl-only 6080 localhost:5900
Browsers warn of it, as nobody has signed it. Open https://HOST:6080/ once, compare the
fingerprint, and accept it; a page cannot ask for that when it connects with wss:// elsewhere.
`;
}

function ownNames(): string[] {
  const own = hostname();
  return ['localhost', '127.0.0.1', '::1', ...(isHostName(own) ? [own.toLowerCase()] : [])];
}

function validName(name: string): string {
  if (isIP(name) !== 0 && !name.includes('%')) return name.toLowerCase();
  const [, wildcard = '', rest = ''] = /^(\*\.)?(.*)$/s.exec(name) ?? [];
  // domainToASCII() would take a path for the end of the name, and a number for an address.
  const ascii = /^[a-z0-9._\u{80}-\u{10ffff}-]+$/iu.test(rest) ? domainToASCII(rest) : '';
  if (isHostName(ascii) && isIP(ascii) === 0) return wildcard + ascii;
  throw new LaunchError(
    'BAD_NAME',
    `'${name}' is no host name or address`,
    'without scheme, port and path: example.org, *.example.org, 192.0.2.1, 2001:db8::1',
  );
}

function isHostName(name: string): boolean {
  const label = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?';
  return name.length <= 253 && new RegExp(`^${label}(?:\\.${label})*$`, 'i').test(name);
}

function altName(name: string) {
  return isIP(name) === 0 ? ({ type: 2, value: name } as const) : ({ type: 7, ip: name } as const);
}

// A new file, even where one is replaced: that one may be readable for others, or a link.
function write(file: string, pem: string, force: boolean): void {
  try {
    if (force) rmSync(file, { force: true });
    writeFileSync(file, pem, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    const exists = errnoOf(error) === 'EEXIST';
    throw new LaunchError(
      exists ? 'FILE_EXISTS' : 'CANNOT_WRITE',
      exists ? `${file} exists` : `${file}: cannot be written (${errnoOf(error) ?? String(error)})`,
      exists ? 'choose another file with --out, or replace it with --force' : undefined,
      undefined,
      { cause: error },
    );
  }
}
