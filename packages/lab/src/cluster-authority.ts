import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Paths of one member's PEM files. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** A certificate authority of the lab; its files lie in one directory. */
export class ClusterAuthority {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static create(directory: string): ClusterAuthority {
    mkdirSync(directory, { recursive: true });
    const authority = new ClusterAuthority(directory);
    authority.#openssl(
      'req',
      '-x509',
      ...NEW_KEY,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-subj',
      '/CN=lab',
    );
    return authority;
  }

  /** Makes a certificate for a member, in place of an older one.
   * @param days how long it is valid; 0: it has expired as soon as it is made */
  issue(id: string, days = 30): TlsFiles {
    writeFileSync(join(this.#directory, `${id}.ext`), `subjectAltName=DNS:${id}\n`);
    this.#openssl(
      'req',
      ...NEW_KEY,
      '-keyout',
      `${id}.key`,
      '-out',
      `${id}.csr`,
      '-subj',
      `/CN=${id}`,
    );
    this.#openssl(
      ...[
        'x509',
        '-req',
        '-in',
        `${id}.csr`,
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
      ],
      ...['-days', String(days), '-extfile', `${id}.ext`, '-out', `${id}.pem`],
    );
    const file = (name: string): string => join(this.#directory, name);
    return { ca: file('ca.pem'), cert: file(`${id}.pem`), key: file(`${id}.key`) };
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.#directory, stdio: 'pipe' });
  }
}
