// The files of TLS, read at the start: what is wrong with one of them is said with its name and that
// of its option.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { errnoOf, LaunchError } from '../errors.js';

/** The text of a file that `option` names. Throws a LaunchError if it cannot be read. */
export function readText(
  file: string,
  option: string,
  hint = `give ${option} a file that can be read`,
): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new LaunchError(
      'TLS_FILE',
      `${file}: cannot be read (${errnoOf(error) ?? String(error)})`,
      hint,
      undefined,
      { cause: error },
    );
  }
}

/**
 * Certificates to trust, in PEM. Throws a LaunchError if there are none: TLS would take that for
 * nobody to trust, and fail with every peer.
 */
export function readAuthorities(file: string, option: string): string {
  const hint = `give ${option} a file in PEM format, with the certificates to trust`;
  const pem = readText(file, option, hint);
  try {
    new X509Certificate(pem);
    return pem;
  } catch (error) {
    throw new LaunchError('TLS_FILE', `${file}: there is no certificate in it`, hint, undefined, {
      cause: error,
    });
  }
}
