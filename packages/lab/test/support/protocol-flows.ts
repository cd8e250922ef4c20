import { type Cluster, type Namespace, waitFor } from '../../src/index.ts';
import { LineProcess } from './line-process.ts';

/** A flow from host A; `localPort` is also the id of ICMP, and means nothing to protocols without ports. */
export interface ProtocolFlow {
  readonly label: string;
  readonly kind: 'tcp' | 'udp' | 'udplite' | 'icmp' | 'sctp' | 'gre' | 'other' | 'markedUdp';
  readonly source: string;
  readonly destination: string;
  readonly localPort: number;
  readonly port: number;
  /** Type of service of its packets, by which rules can tell flows of equal tuples apart; `other` and `markedUdp`. */
  readonly tos?: number;
}

interface Progress {
  readonly label: string;
  readonly sent: number;
  readonly echoed: number;
}

/** Live flows of many protocols from host A to host B, each of which sends a number ten times a second. */
export class ProtocolFlows {
  readonly #server: LineProcess;
  readonly #client: LineProcess;

  private constructor(server: LineProcess, client: LineProcess) {
    this.#server = server;
    this.#client = client;
  }

  /** Opens them; each has been answered when it returns. */
  static async open(
    hosts: { readonly a: Namespace; readonly b: Namespace },
    port: number,
    flows: readonly ProtocolFlow[],
  ): Promise<ProtocolFlows> {
    const server = new LineProcess(hosts.b, 'protocol-server', [String(port)]);
    await server.line();
    const client = new LineProcess(hosts.a, 'protocol-client', [JSON.stringify(flows)]);
    const opened = new ProtocolFlows(server, client);
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

  #progress(): Promise<readonly Progress[]> {
    return this.#client.ask('report');
  }

  close(): void {
    this.#client.close();
    this.#server.close();
  }
}

/** The active firewall loses power; each flow that its successor knows goes on, and nothing else gets through. */
export async function surviveCrash(cluster: Cluster, flows: ProtocolFlows): Promise<void> {
  await admitNoNewFlows(cluster);
  await flows.goOn();
  const loser = cluster.holder!;
  cluster.timeline.note(`${loser.id} loses power`, 'fault');
  await loser.powerLoss();
  await cluster.waitTakeover(loser);
  await flows.goOn();
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
