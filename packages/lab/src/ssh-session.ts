import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { plan } from './address-plan.ts';
import { LabError } from './errors.ts';
import type { Namespace } from './namespace.ts';
import { NumberedStream, type StreamReport } from './traffic/numbered-stream.ts';
import { waitFor } from './wait.ts';

const SEND_INTERVAL_MS = 100;
const LOGIN_TIMEOUT_MS = 15_000;

/** Where an SSH session begins and ends. */
export interface SshOptions {
  /** Keys, configuration and logs are made there. */
  readonly directory: string;
  readonly client: Namespace;
  readonly server: Namespace;
  /** Address that the client is told. Default: host B. */
  readonly host?: string;
}

/** A real `ssh` to a real `sshd`, with a remote loop that gives numbered lines back. */
export class SshSession {
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;
  readonly #stream: NumberedStream;
  readonly #timer: NodeJS.Timeout;

  private constructor(server: ChildProcess, client: ChildProcess) {
    this.#server = server;
    this.#client = client;
    this.#stream = new NumberedStream();
    client.stdout!.setEncoding('latin1').on('data', (text: string) => this.#stream.take(text));
    client.stdin!.on('error', (error) => this.#stream.fail(error.message));
    client.once('exit', (code) => this.#stream.fail(`ssh ended with ${code ?? 'a signal'}`));
    this.#timer = setInterval(() => {
      if (this.#stream.fault === null) client.stdin!.write(this.#stream.next());
    }, SEND_INTERVAL_MS);
  }

  /** Logs in; the first line has come back when it returns. @throws {LabError} If the login fails. */
  static async open(options: SshOptions): Promise<SshSession> {
    const server = await startSshd(options);
    const session = new SshSession(server, startSsh(options));
    try {
      await waitFor(
        'the ssh session answers',
        () => {
          if (session.#stream.fault !== null) {
            throw new LabError('LAB_PROCESS_ENDED', session.#stream.fault);
          }
          return session.#stream.echoed > 0 ? true : null;
        },
        { timeoutMs: LOGIN_TIMEOUT_MS },
      );
      return session;
    } catch (error) {
      session.close();
      const log = readFileSync(join(options.directory, 'sshd.log'), 'utf8');
      throw new LabError('LAB_COMMAND_FAILED', `ssh failed; sshd says:\n${log}`, error);
    }
  }

  /** From here on survival and gaps count: call it when the fault has just happened. */
  mark(): void {
    this.#stream.mark();
  }

  /** Waits until the session has survived or failed, at most `timeoutMs`. */
  async settle(timeoutMs = 10_000): Promise<StreamReport> {
    const settled = (): true | null =>
      this.#stream.survived || this.#stream.fault !== null ? true : null;
    await waitFor('the ssh session settles', settled, { timeoutMs }).catch(() => undefined);
    return this.#stream.report();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#client.kill('SIGKILL');
    this.#server.kill('SIGKILL');
  }
}

async function startSshd(options: SshOptions): Promise<ChildProcess> {
  const { directory, server } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  // sshd insists on this directory wherever the rest is.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  for (const name of ['host_key', 'user_key']) makeKey(join(directory, name));
  const config = join(directory, 'sshd_config');
  const log = join(directory, 'sshd.log');
  writeFileSync(config, sshdConfig(directory));
  writeFileSync(log, '');
  const child = server.spawn('/usr/sbin/sshd', ['-D', '-E', log, '-f', config], {
    stdio: 'ignore',
  });
  const listening = (): true | null =>
    readFileSync(log, 'utf8').includes('Server listening') ? true : null;
  await waitFor('sshd listens', listening, { timeoutMs: LOGIN_TIMEOUT_MS, intervalMs: 20 });
  return child;
}

function startSsh(options: SshOptions): ChildProcess {
  const settings = {
    IdentityFile: join(options.directory, 'user_key'),
    UserKnownHostsFile: join(options.directory, 'known_hosts'),
    StrictHostKeyChecking: 'accept-new',
    BatchMode: 'yes',
    ConnectTimeout: '10',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const loop = 'while read -r line; do echo "$line"; done';
  return options.client.spawn(
    'ssh',
    ['-F', 'none', '-T', ...args, `root@${options.host ?? plan.hostB}`, loop],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
}

function makeKey(path: string): void {
  if (existsSync(path)) return;
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path]);
}

function sshdConfig(directory: string): string {
  return `Port 22
HostKey ${join(directory, 'host_key')}
AuthorizedKeysFile ${join(directory, 'user_key.pub')}
PidFile ${join(directory, 'sshd.pid')}
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
`;
}
