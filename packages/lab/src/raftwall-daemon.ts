import { mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { firewallAddresses, plan, secondPair, virtualAddresses } from './address-plan.ts';
import type { TlsFiles } from './cluster-authority.ts';
import { run } from './command.ts';
import { CommandFailedError, LabError } from './errors.ts';
import { ManagedProcess } from './managed-process.ts';
import type { Namespace } from './namespace.ts';

const RAFTWALLD = fileURLToPath(new URL('../../daemon/bin/raftwalld', import.meta.url));
const RAFTWALL = fileURLToPath(new URL('../../cli/bin/raftwall', import.meta.url));
/** Of util-linux: what runs behind it has no capability, although it is root's. */
const WITHOUT_CAPABILITIES = ['setpriv', '--bounding-set', '-all', '--inh-caps', '-all'];
const READ_TIMEOUT_MS = 2000;
/** Of `raftwall`: not reachable, not ready. */
const RETRY_EXIT_CODES: ReadonlySet<number | null> = new Set([3, 4]);

/** Which of VRRP and Raft decides who carries the traffic. */
export type VrrpMode = 'follow' | 'lead' | 'strict';

/** How one firewall's raftwalld is set up. */
export interface RaftwallOptions {
  readonly index: number;
  /** Number of founding members. */
  readonly members: number;
  /** A member that has no say before the others have added it. */
  readonly join: boolean;
  readonly mode: VrrpMode;
  /** null: the members trust their link. */
  readonly tls: TlsFiles | null;
  /** What its process finds in its environment beside what everybody has. */
  readonly environment: Readonly<Record<string, string>>;
  readonly runDirectory: string;
  readonly dataDirectory: string;
  readonly stateDirectory: string;
  readonly ipv6: boolean;
  /** Two pairs of virtual addresses that move by themselves: traffic groups `blue` and `red`. */
  readonly twoPairs: boolean;
  /** A witness: no VRRP, and the process gets no capability at all. */
  readonly witness: boolean;
  /** Section `capture` of its configuration. */
  readonly capture: object;
  /** Section `kernel` of its configuration. */
  readonly kernel: object;
  /** What its section `node` has beside the id and the directory. */
  readonly node: object;
}

/** What the lab reads of `status --json`; the rest is in the API's own description. */
export interface StatusView {
  readonly node: string;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  readonly leader: string | null;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly kernelIndex: number;
  readonly flows: number;
  readonly active: string | null;
  readonly epoch: number;
  readonly witness: boolean;
  readonly ready: boolean;
  readonly notReadyReason: string | null;
  readonly quorum: boolean;
  readonly vrrp: {
    readonly state: string;
    readonly splitVip: boolean;
    readonly trackFileValue: number;
  } | null;
  readonly groups: readonly {
    readonly name: string;
    readonly active: string | null;
    readonly epoch: number;
    readonly local: { readonly ready: boolean } | null;
  }[];
}

/** What the lab reads of `GET /v1/activations`. */
export interface ActivationView {
  readonly group: string;
  readonly epoch: number;
  readonly node: string;
  readonly accepted: boolean;
}

/** The real raftwalld, in the foreground inside a firewall. */
export class RaftwallDaemon {
  readonly id: string;
  readonly #options: RaftwallOptions;
  #process: ManagedProcess | null = null;

  constructor(options: RaftwallOptions) {
    this.id = `fw${options.index}`;
    this.#options = options;
  }

  get running(): boolean {
    return this.#process?.running ?? false;
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  get #socket(): string {
    return join(this.#options.runDirectory, 'raftwall.sock');
  }

  /** Writes the configuration and starts; ready is another matter, see {@link waitReady}.
   * @param isJoining as a member that the others have added; by default as it is set up */
  start(namespace: Namespace, isJoining = this.#options.join): void {
    const { runDirectory, dataDirectory, stateDirectory, environment } = this.#options;
    for (const directory of [runDirectory, dataDirectory, stateDirectory]) {
      mkdirSync(directory, { recursive: true });
    }
    const configFile = join(runDirectory, 'raftwall.yaml');
    const options = { ...this.#options, join: isJoining };
    writeFileSync(configFile, stringify(raftwallConfig(options, this.#socket)));
    const [file = '', ...args] = [
      ...(this.#options.witness ? WITHOUT_CAPABILITIES : []),
      ...[RAFTWALLD, '--config', configFile],
    ];
    const child = namespace.spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.#process = new ManagedProcess(child, {
      name: `raftwalld of ${this.id}`,
      logFile: join(runDirectory, 'raftwalld.log'),
    });
  }

  /** Waits by `raftwall status --wait-ready`.
   * @throws {ProcessEndedError} If the daemon has ended. @throws {CommandFailedError} If it is not in time. */
  async waitReady(timeoutSeconds: number): Promise<StatusView> {
    const deadline = performance.now() + timeoutSeconds * 1000;
    for (;;) {
      this.#running();
      const left = Math.max(1, Math.ceil((deadline - performance.now()) / 1000));
      try {
        const text = await this.command(['status', '--json', '--wait-ready', String(left)]);
        return JSON.parse(text) as StatusView;
      } catch (error) {
        this.#running();
        const code = error instanceof CommandFailedError ? error.exitCode : null;
        // A daemon that has not opened its socket yet is waited for as well.
        if (!RETRY_EXIT_CODES.has(code) || performance.now() >= deadline) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** Reads the status straight from the socket. @throws {Error} If there is no answer. */
  async status(): Promise<StatusView> {
    return JSON.parse(await readUnixHttp(this.#socket, '/v1/status')) as StatusView;
  }

  /** Reads who became active when, as this node has applied it. */
  async activations(): Promise<ActivationView[]> {
    return JSON.parse(await readUnixHttp(this.#socket, '/v1/activations')) as ActivationView[];
  }

  /** Reads the metrics in Prometheus' text format. */
  metrics(): Promise<string> {
    return readUnixHttp(this.#socket, '/metrics');
  }

  /** Runs `raftwall` on this node. @returns its standard output */
  command(args: readonly string[], timeoutMs = 120_000): Promise<string> {
    return run(RAFTWALL, ['--socket', this.#socket, ...args], { timeoutMs });
  }

  /** SIGTERM. @returns the exit code */
  stop(): Promise<number | null> {
    return this.#running().end('SIGTERM');
  }

  /** Waits for it to end by itself. @returns the exit code, null if a signal ended it */
  ended(): Promise<number | null> {
    return this.#process?.ended ?? Promise.resolve(null);
  }

  /** SIGKILL, as a crash. */
  async kill(): Promise<void> {
    await this.#process?.end('SIGKILL');
  }

  /** A signal that does not end it. @throws {ProcessEndedError} If it has ended. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#running().signal(name);
  }

  /** @throws {ProcessEndedError} If it has ended. */
  assertRunning(): void {
    this.#running();
  }

  #running(): ManagedProcess {
    if (this.#process === null) {
      throw new LabError('LAB_PROCESS_ENDED', `raftwalld of ${this.id} was not started`);
    }
    this.#process.assertRunning();
    return this.#process;
  }
}

/** raftwalld's configuration, as a plain object. */
function raftwallConfig(options: RaftwallOptions, socket: string): object {
  const members = Array.from({ length: options.members }, (_, i) => ({
    id: `fw${i + 1}`,
    address: `${firewallAddresses(i + 1).members}:${plan.peerPort}`,
  }));
  return {
    cluster: { name: 'lab', members, virtualAddresses: allVirtualAddresses(options) },
    node: {
      id: `fw${options.index}`,
      dataDir: options.dataDirectory,
      join: options.join,
      ...(options.witness ? { witness: true } : {}),
      ...options.node,
    },
    peers: options.tls === null ? { insecure: true } : { tls: options.tls },
    api: { socket },
    capture: options.capture,
    kernel: options.kernel,
    ...(options.witness && !options.twoPairs ? {} : { vrrp: vrrpConfig(options) }),
  };
}

function allVirtualAddresses({ ipv6, twoPairs }: RaftwallOptions): string[] {
  return [...virtualAddresses(ipv6), ...(twoPairs ? secondPair : [])];
}

/** A sync group, and with two pairs an instance beside it. */
function vrrpConfig({ mode, stateDirectory, twoPairs }: RaftwallOptions): object {
  const fifo = join(stateDirectory, 'fifo');
  const blue = { instance: { group: 'G1' }, trackFile: join(stateDirectory, 'ready') };
  if (!twoPairs) return { mode, fifo, ...blue };
  const red = { instance: { instance: 'VI_red' }, trackFile: join(stateDirectory, 'ready-red') };
  const groups = [
    { name: 'blue', ...blue, select: { prefixes: prefixesOf(virtualAddresses(false)) } },
    { name: 'red', ...red, select: { prefixes: prefixesOf(secondPair) } },
  ];
  return { mode, fifo, groups };
}

function prefixesOf(addresses: readonly string[]): string[] {
  return addresses.map((address) => `${address}/32`);
}

function readUnixHttp(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get({ socketPath, path, timeout: READ_TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(body);
        else reject(new Error(`${path} answered ${response.statusCode}: ${body}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${path} did not answer`)));
    request.on('error', reject);
  });
}
