// Certificates of a test, signed by an authority of its own: whoever trusts it trusts these.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];

export interface Issued {
  /** Paths of files in PEM format. */
  cert: string;
  key: string;
}

export class Authority implements Issued {
  private constructor(
    private readonly folder: string,
    readonly cert: string,
    readonly key: string,
  ) {}

  /** A new one, whose files begin with its name. */
  static make(folder: string, name: string): Authority {
    const { cert, key } = request(folder, name, []);
    return new Authority(folder, cert, key);
  }

  /** A certificate for a server or a client, valid for `names` (`DNS:example.org`). */
  issue(name: string, names = 'DNS:localhost,IP:127.0.0.1,IP:::1'): Issued {
    return request(this.folder, name, [
      ...['-CA', this.cert, '-CAkey', this.key],
      ...['-addext', `subjectAltName=${names}`, '-addext', 'basicConstraints=CA:FALSE'],
    ]);
  }
}

function request(folder: string, name: string, words: readonly string[]): Issued {
  const [cert, key] = [join(folder, `${name}.pem`), join(folder, `${name}.key`)];
  const files = ['-subj', `/CN=${name}`, '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', ...curve, ...files, ...words], { stdio: 'pipe' });
  return { cert, key };
}
