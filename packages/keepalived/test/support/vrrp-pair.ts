import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type AddressSource, TrackFile, VrrpFifo, VrrpFollower } from '../../src/index.ts';

export const VIPS = ['10.99.0.100', '10.99.0.101'];

/** The addresses of a namespace, by `ip monitor`. */
class NamespaceAddresses implements AddressSource {
  readonly #namespace: string;
  readonly #monitor: ChildProcess;
  readonly #listeners = new Set<() => void>();
  #addresses: string[] = [];

  constructor(namespace: string) {
    this.#namespace = namespace;
    this.#monitor = spawn('ip', ['-n', namespace, '-o', 'monitor', 'address'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    createInterface({ input: this.#monitor.stdout! }).on('line', () => this.#read());
    this.#read();
  }

  current(): readonly string[] {
    return this.#addresses;
  }

  onChange(callback: () => void): () => void {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  }

  close(): void {
    this.#monitor.kill('SIGKILL');
  }

  #read(): void {
    const text = execFileSync('ip', ['-n', this.#namespace, '-o', 'address'], { encoding: 'utf8' });
    this.#addresses = [...text.matchAll(/inet6? (\S+)/g)].map((match) => match[1]!);
    for (const listener of this.#listeners) listener();
  }
}

/** A node with the real keepalived, and our follower beside it. */
export class VrrpNode {
  readonly directory: string;
  readonly namespace: string;
  readonly track: TrackFile;
  readonly fifo: VrrpFifo;
  readonly follower: VrrpFollower;
  readonly addresses: NamespaceAddresses;
  #keepalived: ChildProcess | null = null;

  constructor(namespace: string, directory: string) {
    this.namespace = namespace;
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
    this.track = new TrackFile({ path: join(directory, 'state', 'ready') });
    this.track.set(0);
    this.fifo = new VrrpFifo({ path: join(directory, 'state', 'fifo') });
    this.addresses = new NamespaceAddresses(namespace);
    this.follower = new VrrpFollower(
      { instance: { group: 'G1' }, virtualAddresses: VIPS },
      { lines: this.fifo, addresses: this.addresses },
    );
    this.fifo.start();
    this.follower.start();
    writeFileSync(join(directory, 'keepalived.conf'), configOf(join(directory, 'state')));
  }

  startKeepalived(): void {
    const pid = (name: string): string => join(this.directory, `${name}.pid`);
    this.#keepalived = spawn(
      'ip',
      ['netns', 'exec', this.namespace, 'keepalived', '--dont-fork', '--vrrp', '--log-console']
        .concat(['--use-file', join(this.directory, 'keepalived.conf')])
        .concat(['--pid', pid('keepalived'), '--vrrp_pid', pid('vrrp')]),
      { stdio: 'ignore' },
    );
  }

  async stopKeepalived(): Promise<void> {
    if (this.#keepalived === null) return;
    const ended = once(this.#keepalived, 'exit');
    this.#keepalived.kill('SIGTERM');
    await ended;
    this.#keepalived = null;
  }

  async close(): Promise<void> {
    await this.stopKeepalived();
    this.follower.stop();
    this.fifo.stop();
    this.addresses.close();
  }
}

/** Two nodes on one wire. */
export class VrrpPair {
  readonly nodes: readonly [VrrpNode, VrrpNode];
  readonly #root = mkdtempSync(join(tmpdir(), 'raftwall-vrrp-'));

  constructor() {
    const prefix = `rw${randomBytes(2).toString('hex')}-`;
    const [a, b] = [`${prefix}ka`, `${prefix}kb`] as const;
    ip('netns', 'add', a);
    ip('netns', 'add', b);
    ip('-n', a, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'eth0', 'netns', b);
    for (const [namespace, address] of [
      [a, '10.99.0.1/24'],
      [b, '10.99.0.2/24'],
    ] as const) {
      ip('-n', namespace, 'address', 'add', address, 'dev', 'eth0');
      ip('-n', namespace, 'link', 'set', 'lo', 'up');
      ip('-n', namespace, 'link', 'set', 'eth0', 'up');
    }
    this.nodes = [new VrrpNode(a, join(this.#root, 'a')), new VrrpNode(b, join(this.#root, 'b'))];
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    for (const node of this.nodes) ip('netns', 'delete', node.namespace);
    rmSync(this.#root, { recursive: true });
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

function configOf(state: string): string {
  const instance = (name: string, id: number, address: string): string => `
vrrp_instance ${name} {
  state BACKUP
  interface eth0
  virtual_router_id ${id}
  priority 100
  advert_int 0.3
  virtual_ipaddress {
    ${address}/24 dev eth0
  }
}
`;
  return `global_defs {
  vrrp_version 3
  vrrp_notify_fifo ${join(state, 'fifo')}
}
track_file ready {
  file "${join(state, 'ready')}"
  weight 20
}
vrrp_sync_group G1 {
  group {
    VI_in
    VI_out
  }
  sync_group_tracking_weight
  track_file {
    ready
  }
}
${instance('VI_in', 51, VIPS[0]!)}${instance('VI_out', 52, VIPS[1]!)}`;
}
