import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FaultyNetwork } from './faulty-network.ts';
import { freePort } from './free-port.ts';

const main = path.join(import.meta.dirname, '..', '..', 'examples', 'kv', 'main.js');
const requestTimeoutMs = 10_000;
/** Enough of the processes' words to explain a failure. */
const outputLengthMax = 20_000;
export const retryMs = 20;

export interface Reply {
  readonly status: number;
  readonly body: string;
}

export interface Status {
  readonly compactedIndex: number;
  readonly config: { readonly voters: readonly string[] };
  readonly role: string;
  readonly leader: string | null;
  readonly term: number;
  readonly appliedIndex: number;
}

export interface KvClusterOptions {
  /** Members; 3. */
  readonly size?: number;
  /** More words for the command line of each member. */
  readonly words?: readonly string[];
}

/** Processes of the example on the loopback interface, with a network between them that can be made to fail. */
export class KvCluster {
  /** The first members. */
  readonly ids: readonly string[];
  readonly network: FaultyNetwork;
  /** The end of what the processes wrote, for a failure's message. */
  output = '';
  readonly #words: readonly string[];
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-kv-'));
  readonly #processes = new Map<string, ChildProcess>();
  readonly #newcomers = new Set<string>();
  readonly #ports: Map<string, number>;
  readonly #httpPorts: Map<string, number>;

  private constructor(
    network: FaultyNetwork,
    ports: Map<string, number>,
    httpPorts: Map<string, number>,
    words: readonly string[],
  ) {
    this.ids = [...ports.keys()];
    this.network = network;
    this.#ports = ports;
    this.#httpPorts = httpPorts;
    this.#words = words;
  }

  static async start({ size = 3, words = [] }: KvClusterOptions = {}): Promise<KvCluster> {
    const ports = new Map<string, number>();
    const httpPorts = new Map<string, number>();
    for (let member = 1; member <= size; member++) {
      ports.set(`${member}`, await freePort());
      httpPorts.set(`${member}`, await freePort());
    }
    const network = await FaultyNetwork.start(ports);
    const cluster = new KvCluster(network, ports, httpPorts, words);
    await Promise.all(cluster.ids.map((id) => cluster.startMember(id)));
    await cluster.leader();
    return cluster;
  }

  /** Starts a member that the group does not know, or no longer; the network never fails between it and others. */
  async startNewcomer(id: string): Promise<void> {
    this.#newcomers.add(id);
    if (!this.#ports.has(id)) this.#ports.set(id, await freePort());
    if (!this.#httpPorts.has(id)) this.#httpPorts.set(id, await freePort());
    await this.startMember(id);
  }

  /** Takes everything from a member that does not run. */
  wipe(id: string): void {
    rmSync(this.directoryOf(id), { recursive: true });
  }

  /** Where a member listens for the others. */
  addressOf(id: string): string {
    return `127.0.0.1:${this.#ports.get(id)}`;
  }

  /** Where a member serves clients. */
  httpPort(id: string): number {
    return this.#httpPorts.get(id)!;
  }

  /** Where a member keeps its files. */
  directoryOf(id: string): string {
    return path.join(this.#directory, id);
  }

  /** Resolves when the member serves. @throws {Error} If it ends before. */
  async startMember(id: string): Promise<void> {
    const isNewcomer = this.#newcomers.has(id);
    const peers = this.ids
      .filter((peer) => !(isNewcomer && peer === id))
      .map((peer) => `${peer}=127.0.0.1:${this.network.port(peer)}`);
    const options = ['--id', id, '--peers', peers.join(','), '--listen', this.addressOf(id)];
    if (isNewcomer) options.push('--join');
    const places = ['--data', this.directoryOf(id), '--http', `${this.#httpPorts.get(id)}`];
    const child = spawn(process.execPath, [main, ...options, ...places, ...this.#words]);
    this.#processes.set(id, child);
    await new Promise<void>((resolve, reject) => {
      const take = (chunk: Buffer): void => {
        this.output = `${this.output}${id}: ${chunk}`.slice(-outputLengthMax);
        if (`${chunk}`.includes(`member ${id} serves`)) resolve();
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.once('close', () => reject(new Error(`member ${id} ended\n${this.output}`)));
    });
  }

  isRunning(id: string): boolean {
    return this.#processes.has(id);
  }

  /** Resolves with the exit code, null when the signal ended it. */
  async end(id: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#processes.get(id)!;
    this.#processes.delete(id);
    if (child.exitCode !== null) return child.exitCode;
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill(signal);
    return ended;
  }

  pause(id: string): void {
    this.#processes.get(id)!.kill('SIGSTOP');
  }

  resume(id: string): void {
    this.#processes.get(id)!.kill('SIGCONT');
  }

  /** Whom `among` agree on, once they do. */
  async leader(among: readonly string[] = this.ids): Promise<string> {
    while (true) {
      const statuses = await Promise.all(among.map((id) => this.status(id)));
      const leader = among.find((_, i) => statuses[i]!.role === 'leader');
      if (leader !== undefined && statuses.every((status) => status.leader === leader)) {
        return leader;
      }
      await sleep(retryMs);
    }
  }

  async status(id: string): Promise<Status> {
    return JSON.parse((await this.request(id, 'GET', '/status')).body) as Status;
  }

  /** One request over a connection of its own, never repeated. */
  request(
    id: string,
    method: string,
    url: string,
    body?: string | Buffer,
    timeoutMs = requestTimeoutMs,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.#httpPorts.get(id)!, method, path: url };
      const request = http.request({ ...options, agent: false });
      const timer = setTimeout(() => request.destroy(new Error('no answer in time')), timeoutMs);
      request.once('close', () => clearTimeout(timer));
      request.once('error', reject);
      request.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.once('end', () => resolve({ status: response.statusCode!, body: text }));
        response.once('error', reject);
      });
      request.end(body);
    });
  }

  /** Asks as a client does: follows 421, and asks again after what was surely not done. */
  async ask(method: string, url: string, body?: string): Promise<Reply> {
    let id = [...this.#processes.keys()][0]!;
    while (true) {
      const reply = await this.request(id, method, url, body);
      if (!isSurelyNotDone(reply)) return reply;
      await sleep(retryMs);
      const { leader } = JSON.parse(reply.body) as { leader?: string | null };
      if (leader && this.#processes.has(leader)) id = leader;
    }
  }

  /** What a member reads, asked until it can tell. */
  async read(id: string, key: string): Promise<Reply> {
    while (true) {
      const reply = await this.request(id, 'GET', `/kv/${key}`);
      if (!isSurelyNotDone(reply)) return reply;
      await sleep(retryMs);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((id) => this.end(id, 'SIGKILL')));
    await this.network.close();
    rmSync(this.#directory, { recursive: true });
  }
}

export function isSurelyNotDone({ status, body }: Reply): boolean {
  return status === 421 || (status === 503 && body.includes('"none"'));
}
