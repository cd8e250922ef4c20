import { execFile } from 'node:child_process';
import { access, chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CommandError, UsageError } from './errors.ts';

const run = promisify(execFile);

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** Paths of what was made. */
export interface PemFiles {
  readonly certificate: string;
  readonly key: string;
}

/** The authority of one cluster and the certificates of its members, in one directory of mode 0700; made by openssl(1). */
export class ClusterPki {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * Makes the authority. Its key signs members: keep it off the firewalls.
   * @param days How long it is valid.
   * @throws {CommandError} If there is one already, or openssl fails.
   */
  async create(cluster: string, days: number): Promise<PemFiles> {
    checkName(cluster);
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const files = await this.#newFiles('ca');
    await this.#openssl(
      ...['req', '-x509', ...NEW_KEY, '-keyout', files.key, '-out', files.certificate],
      ...['-subj', `/CN=raftwall cluster ${cluster}`, '-days', String(days)],
      ...['-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
    );
    await chmod(files.key, 0o600);
    return files;
  }

  /**
   * Makes key and certificate of a member; its id is the name that the other members demand.
   * @param days How long it is valid.
   * @throws {CommandError} If the member has one already, there is no authority, or openssl fails.
   */
  async issue(id: string, days: number): Promise<PemFiles> {
    checkName(id);
    if (id === 'ca') throw new UsageError('ca is the name of the authority');
    const files = await this.#newFiles(id);
    const request = this.#file(`${id}.csr`);
    const extensions = this.#file(`${id}.ext`);
    try {
      await writeFile(
        extensions,
        `subjectAltName=DNS:${id}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n`,
      );
      await this.#openssl(
        ...['req', ...NEW_KEY, '-keyout', files.key, '-out', request, '-subj', `/CN=${id}`],
      );
      await chmod(files.key, 0o600);
      await this.#openssl(
        ...[
          'x509',
          '-req',
          '-in',
          request,
          '-CA',
          this.#file('ca.pem'),
          '-CAkey',
          this.#file('ca.key'),
        ],
        ...[
          '-CAcreateserial',
          '-days',
          String(days),
          '-extfile',
          extensions,
          '-out',
          files.certificate,
        ],
      );
    } catch (error) {
      // Half a pair would keep the next attempt from being made.
      for (const file of Object.values(files)) await rm(file, { force: true });
      throw error;
    } finally {
      await rm(request, { force: true });
      await rm(extensions, { force: true });
    }
    return files;
  }

  /** Nothing is written over: a lost key cannot be had again. */
  async #newFiles(name: string): Promise<PemFiles> {
    const files = { certificate: this.#file(`${name}.pem`), key: this.#file(`${name}.key`) };
    for (const file of Object.values(files)) {
      const exists = await access(file).then(
        () => true,
        () => false,
      );
      if (exists) throw new CommandError(`${file} exists; move it away to make a new one`);
    }
    return files;
  }

  #file(name: string): string {
    return join(this.#directory, name);
  }

  async #openssl(...args: string[]): Promise<void> {
    try {
      await run('openssl', args);
    } catch (error) {
      const { stderr, message } = error as Error & { readonly stderr?: string };
      throw new CommandError(`openssl ${args[0]} failed: ${stderr?.trim() || message}`, {
        cause: error,
      });
    }
  }
}

/** Names stand in file names and in certificates. @throws {UsageError} */
function checkName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9-]{0,62}$/.test(name)) return;
  throw new UsageError(`${name} is no name: letters, digits and - are allowed, at most 63`);
}
