import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const PEER = fileURLToPath(new URL('./peer.mjs', import.meta.url));
let counter = 0;

/** A network namespace of a test, with whatever runs in it; gone after `dispose`. */
export class TestNamespace {
  readonly name: string;
  readonly path: string;
  readonly #children: ChildProcess[] = [];

  constructor(label: string) {
    this.name = `rwn${process.pid}-${counter++}-${label}`;
    this.path = `/run/netns/${this.name}`;
    execFileSync('ip', ['netns', 'add', this.name]);
    this.run('ip link set lo up');
  }

  /** Runs a command line, split at blanks, and returns what it prints. */
  run(commandLine: string): string {
    const words = commandLine.split(' ');
    return execFileSync('ip', ['netns', 'exec', this.name, ...words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  nft(rules: string): void {
    execFileSync('ip', ['netns', 'exec', this.name, 'nft', '-f', '-'], { input: rules });
  }

  /** Packets are tracked only while some rule asks for it; a NAT chain without a rule does not. */
  track(): void {
    this.nft(`table inet track {
      chain forward {
        type filter hook forward priority 0;
        ct state established counter
      }
    }`);
  }

  /** Rows of `conntrack -L` without what changes by itself. */
  conntrackRows(family: 'ipv4' | 'ipv6' = 'ipv4'): string[] {
    return this.run(`conntrack -L -f ${family}`)
      .split('\n')
      .filter((row) => row !== '')
      .map((row) => row.replace(/^(\S+ +\d+) \d+/, '$1').replace(/ use=\d+/, ''))
      .sort();
  }

  /** Starts a peer that serves, and waits until it says so. */
  async serve(...words: string[]): Promise<void> {
    const child = spawn('ip', ['netns', 'exec', this.name, process.execPath, PEER, ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    await once(child.stdout, 'data');
  }

  /** Runs a peer to its end; what it prints, as JSON. */
  async ask(...words: string[]): Promise<{ address: string; port: number }[]> {
    const child = spawn('ip', ['netns', 'exec', this.name, process.execPath, PEER, ...words], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    const rows: { address: string; port: number }[] = [];
    for await (const row of createInterface(child.stdout)) rows.push(JSON.parse(row));
    return rows;
  }

  /** Opens a TCP connection that asks once now and once more at every `again()`. */
  async hold(...words: string[]): Promise<{ first: unknown; again: () => Promise<unknown> }> {
    const child = spawn(
      'ip',
      ['netns', 'exec', this.name, process.execPath, PEER, 'tcp-hold', ...words],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    this.#children.push(child);
    const answer = async (): Promise<unknown> =>
      JSON.parse(String(await once(child.stdout, 'data')));
    const first = await answer();
    const again = (): Promise<unknown> => {
      child.stdin.write('again\n');
      return Promise.race([answer(), delay(3000, 'no answer')]);
    };
    return { first, again };
  }

  dispose(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    execFileSync('ip', ['netns', 'del', this.name]);
  }
}

/** Client, router and server in namespaces of their own: 10.1.0.0/24 and fd01::/64, 10.2.0.0/24 and fd02::/64. */
export class TestRouter {
  readonly client = new TestNamespace('c');
  readonly router = new TestNamespace('r');
  readonly server = new TestNamespace('s');

  constructor() {
    connect(this.client, this.router, 'in', 1);
    connect(this.server, this.router, 'out', 2);
    this.router.run('sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1');
    this.router.run('sysctl -qw net.netfilter.nf_conntrack_events=1');
  }

  dispose(): void {
    for (const namespace of [this.client, this.router, this.server]) namespace.dispose();
  }
}

function connect(host: TestNamespace, router: TestNamespace, link: string, net: number): void {
  execFileSync('ip', [
    ...['link', 'add', 'eth0', 'netns', host.name, 'type', 'veth'],
    ...['peer', 'name', link, 'netns', router.name],
  ]);
  for (const [namespace, device, last] of [
    [host, 'eth0', 2],
    [router, link, 1],
  ] as const) {
    namespace.run(`ip addr add 10.${net}.0.${last}/24 dev ${device}`);
    namespace.run(`ip -6 addr add fd0${net}::${last}/64 dev ${device} nodad`);
    namespace.run(`ip link set ${device} up`);
  }
  host.run(`ip route add default via 10.${net}.0.1`);
  host.run(`ip -6 route add default via fd0${net}::1`);
}
