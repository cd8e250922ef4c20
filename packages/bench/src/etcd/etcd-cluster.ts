import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess } from '../load/end-process.ts';
import { freeAddress } from '../load/free-address.ts';
import { EtcdClient } from './etcd-client.ts';

const members = ['a', 'b', 'c'];
const startTimeoutMs = 20_000;
/** Operations of a transaction; etcd's own default is 128. */
const transactionOperationsMax = 2000;

/** Three etcd processes on the loopback interface, each with a directory of its own, durable as etcd is by default. */
export class EtcdCluster {
  readonly #processes: readonly ChildProcess[];
  readonly leaderAddress: string;

  private constructor(processes: readonly ChildProcess[], leaderAddress: string) {
    this.#processes = processes;
    this.leaderAddress = leaderAddress;
  }

  /** The text of `etcd --version`'s first line, or null when there is no etcd. */
  static version(): string | null {
    const { status, stdout } = spawnSync('etcd', ['--version'], { encoding: 'utf8' });
    return status === 0 ? stdout.split('\n')[0]! : null;
  }

  /** @throws {Error} If they do not elect a leader in time. */
  static async start(directory: string): Promise<EtcdCluster> {
    const peers = await Promise.all(members.map(freeAddress));
    const clients = await Promise.all(members.map(freeAddress));
    const cluster = members.map((id, i) => `${id}=http://${peers[i]}`).join(',');
    const processes = members.map((id, i) =>
      startMember(directory, id, clients[i]!, peers[i]!, cluster),
    );
    try {
      return new EtcdCluster(processes, await leaderOf(clients));
    } catch (error) {
      await Promise.all(processes.map(endProcess));
      throw error;
    }
  }

  get pids(): readonly number[] {
    return this.#processes.map(({ pid }) => pid!);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#processes.map(endProcess));
  }
}

function startMember(
  directory: string,
  id: string,
  client: string,
  peer: string,
  cluster: string,
): ChildProcess {
  mkdirSync(directory, { recursive: true });
  const options = {
    name: id,
    'data-dir': join(directory, id),
    'listen-client-urls': `http://${client}`,
    'advertise-client-urls': `http://${client}`,
    'listen-peer-urls': `http://${peer}`,
    'initial-advertise-peer-urls': `http://${peer}`,
    'initial-cluster': cluster,
    'initial-cluster-state': 'new',
    'max-txn-ops': transactionOperationsMax,
    'quota-backend-bytes': 8 * 1024 ** 3,
    'log-outputs': 'stderr',
    logger: 'zap',
  };
  const words = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const child = spawn('etcd', words, { stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.pipe(createWriteStream(join(directory, `${id}.log`)));
  return child;
}

async function leaderOf(addresses: readonly string[]): Promise<string> {
  const deadlineMs = performance.now() + startTimeoutMs;
  const clients = addresses.map((address) => new EtcdClient(address));
  try {
    await Promise.all(clients.map((client) => client.ready(startTimeoutMs)));
    while (performance.now() < deadlineMs) {
      const answers = await Promise.all(clients.map((client) => client.isLeader()));
      const leader = answers.indexOf(true);
      if (leader >= 0) return addresses[leader]!;
    }
  } finally {
    for (const client of clients) client.close();
  }
  throw new Error(`etcd elected no leader in ${startTimeoutMs} ms`);
}
