import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { type Cluster, type Namespace, waitFor } from '../../src/index.ts';

const script = (name: string): string => fileURLToPath(new URL(`./${name}.mjs`, import.meta.url));

/** A flow from host A; `localPort` is also the id of ICMP, and means nothing to protocols without ports. */
export interface ProtocolFlow {
  readonly label: string;
  readonly kind: 'tcp' | 'udp' | 'icmp' | 'sctp' | 'gre' | 'other';
  readonly source: string;
  readonly destination: string;
  readonly localPort: number;
  readonly port: number;
}

interface Progress {
  readonly label: string;
  readonly sent: number;
  readonly echoed: number;
}

function start(host: Namespace, name: string, args: readonly string[]): ChildProcess {
  return host.spawn(process.execPath, [script(name), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** Live flows of many protocols from host A to host B, each of which sends a number ten times a second. */
export class ProtocolFlows {
  readonly #children: readonly ChildProcess[];
  readonly #client: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(server: ChildProcess, client: ChildProcess, lines: Interface) {
    this.#children = [server, client];
    this.#client = client;
    this.#answers = lines[Symbol.asyncIterator]();
  }

  /** Opens them; each has been answered when it returns. */
  static async open(
    hosts: { readonly a: Namespace; readonly b: Namespace },
    port: number,
    flows: readonly ProtocolFlow[],
  ): Promise<ProtocolFlows> {
    const server = start(hosts.b, 'protocol-server', [String(port)]);
    await once(server.stdout!, 'data');
    const client = start(hosts.a, 'protocol-client', [JSON.stringify(flows)]);
    const opened = new ProtocolFlows(server, client, createInterface({ input: client.stdout! }));
    await opened.goOn();
    return opened;
  }

  /** Waits until a number that each flow sends from now on has come back. */
  async goOn(timeoutMs = 10_000): Promise<void> {
    const before = new Map((await this.#progress()).map(({ label, sent }) => [label, sent]));
    await waitFor(
      'every flow is answered',
      async () => {
        const all = await this.#progress();
        const silent = all.filter(({ label, echoed }) => echoed <= (before.get(label) ?? 0));
        if (silent.length === 0) return true;
        throw new Error(`silent: ${silent.map(({ label }) => label).join(', ')}`);
      },
      { timeoutMs },
    );
  }

  async #progress(): Promise<readonly Progress[]> {
    this.#client.stdin!.write('report\n');
    const { value, done } = await this.#answers.next();
    expect(done, 'the protocol client has ended').not.toBe(true);
    return JSON.parse(value);
  }

  close(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}

/** From now on no firewall lets a flow in that its kernel does not know: only known flows go on. */
export async function admitNoNewFlows(cluster: Cluster): Promise<void> {
  for (const { namespace } of cluster.firewalls) {
    for (const tool of ['iptables', 'ip6tables']) {
      const rule = '-I FORWARD -m state --state NEW,INVALID -j DROP';
      await namespace.exec(tool, ['-w', ...rule.split(' ')]);
    }
  }
}
