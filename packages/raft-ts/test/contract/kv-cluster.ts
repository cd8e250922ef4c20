import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const main = path.join(import.meta.dirname, '..', '..', 'examples', 'kv', 'main.js');
const requestTimeoutMs = 10_000;
export const retryMs = 20;

export interface Reply {
  readonly status: number;
  readonly body: string;
}

export interface Status {
  readonly role: string;
  readonly leader: string | null;
  readonly term: number;
  readonly appliedIndex: number;
}

/** Three processes of the example on the loopback interface. */
export class KvCluster {
  readonly ids = ['1', '2', '3'];
  /** What the processes wrote, for a failure's message. */
  output = '';
  readonly #directory = mkdtempSync(path.join(tmpdir(), 'raft-ts-kv-'));
  readonly #processes = new Map<string, ChildProcess>();
  readonly #httpPorts = new Map<string, number>();
  #peers = '';

  static async start(): Promise<KvCluster> {
    const cluster = new KvCluster();
    const peers: string[] = [];
    for (const id of cluster.ids) {
      peers.push(`${id}=127.0.0.1:${await freePort()}`);
      cluster.#httpPorts.set(id, await freePort());
    }
    cluster.#peers = peers.join(',');
    await Promise.all(cluster.ids.map((id) => cluster.startMember(id)));
    await cluster.leader();
    return cluster;
  }

  /** Resolves when the member serves. */
  async startMember(id: string): Promise<void> {
    const options = ['--id', id, '--peers', this.#peers, '--http', `${this.#httpPorts.get(id)}`];
    const data = path.join(this.#directory, id);
    const child = spawn(process.execPath, [main, ...options, '--data', data]);
    this.#processes.set(id, child);
    await new Promise<void>((resolve, reject) => {
      const take = (chunk: Buffer): void => {
        this.output += `${id}: ${chunk}`;
        if (`${chunk}`.includes(`member ${id} serves`)) resolve();
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.once('exit', () => reject(new Error(`member ${id} ended\n${this.output}`)));
    });
  }

  /** Resolves with the exit code, null when the signal ended it. */
  async end(id: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#processes.get(id)!;
    this.#processes.delete(id);
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
  request(id: string, method: string, url: string, body?: string | Buffer): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port: this.#httpPorts.get(id)!, method, path: url };
      const request = http.request({ ...options, agent: false, timeout: requestTimeoutMs });
      request.once('timeout', () => request.destroy(new Error('no answer in time')));
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

  async close(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((id) => this.end(id, 'SIGKILL')));
    rmSync(this.#directory, { recursive: true });
  }
}

export function isSurelyNotDone({ status, body }: Reply): boolean {
  return status === 421 || (status === 503 && body.includes('"none"'));
}

/** Below the range that the kernel takes client ports from: nobody else gets it while its member is down. */
async function freePort(): Promise<number> {
  while (true) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = net.createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
