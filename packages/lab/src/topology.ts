import { firewallAddresses, plan } from './address-plan.ts';
import type { Namespace, NamespaceSet } from './namespace.ts';

const BRIDGES = ['left', 'right', 'members'] as const;

/** A wire of a firewall, by the bridge that it leads to. */
export type LinkName = (typeof BRIDGES)[number];

/** A firewall's interfaces and the bridges that they lead to, as in the test case. */
const FIREWALL_LINKS = { eth1: 'left', eth0: 'right', eth2: 'members' } as const;

/** Duplicate address detection would keep IPv6 addresses silent for a second. */
const NO_DAD = {
  'net.ipv6.conf.all.accept_dad': 0,
  'net.ipv6.conf.default.accept_dad': 0,
  'net.ipv6.conf.all.dad_transmits': 0,
  'net.ipv6.conf.default.dad_transmits': 0,
  'net.ipv6.conf.all.accept_ra': 0,
  'net.ipv6.conf.default.accept_ra': 0,
};

const HOST_SYSCTLS = {
  ...NO_DAD,
  'net.ipv4.conf.all.arp_accept': 1,
  'net.ipv4.conf.default.arp_accept': 1,
};

const FIREWALL_SYSCTLS = {
  ...NO_DAD,
  'net.ipv4.ip_forward': 1,
  'net.ipv6.conf.all.forwarding': 1,
  'net.ipv4.conf.all.rp_filter': 0,
  'net.ipv4.conf.default.rp_filter': 0,
  'net.ipv4.conf.all.send_redirects': 0,
  'net.ipv4.conf.default.send_redirects': 0,
  // An address is answered for on its own interface only.
  'net.ipv4.conf.all.arp_ignore': 1,
  'net.ipv4.conf.all.arp_announce': 2,
  // No connection is picked up in the middle.
  'net.netfilter.nf_conntrack_tcp_loose': 0,
};

/** The wires: a switch with three bridges, host A on the left, host B on the right. */
export class Topology {
  readonly #namespaces: NamespaceSet;
  readonly #switch: Namespace;
  readonly hostA: Namespace;
  readonly hostB: Namespace;

  private constructor(namespaces: NamespaceSet, parts: Record<'switch' | 'a' | 'b', Namespace>) {
    this.#namespaces = namespaces;
    this.#switch = parts.switch;
    this.hostA = parts.a;
    this.hostB = parts.b;
  }

  static async create(namespaces: NamespaceSet): Promise<Topology> {
    const [wires, a, b] = await Promise.all([
      namespaces.create('sw'),
      namespaces.create('a'),
      namespaces.create('b'),
    ]);
    await wires.sysctl({
      'net.bridge.bridge-nf-call-iptables': 0,
      'net.bridge.bridge-nf-call-ip6tables': 0,
    });
    await wires.ip(
      BRIDGES.flatMap((bridge) => [
        `link add ${bridge} type bridge mcast_snooping 0 forward_delay 0`,
        `link set ${bridge} up`,
      ]),
    );
    const topology = new Topology(namespaces, { switch: wires, a, b });
    await Promise.all([
      topology.#connectHost(a, {
        bridge: 'left',
        own: [plan.hostA, plan.hostA6],
        gateways: [plan.virtualLeft, plan.virtualLeft6],
      }),
      topology.#connectHost(b, {
        bridge: 'right',
        own: [plan.hostB, plan.hostB6],
        gateways: [plan.virtualRight, plan.virtualRight6],
      }),
    ]);
    return topology;
  }

  /** Makes the namespace of the n-th firewall, with its interfaces up and its own addresses. */
  async addFirewall(index: number): Promise<Namespace> {
    const namespace = await this.#namespaces.create(`fw${index}`);
    await namespace.sysctl(FIREWALL_SYSCTLS);
    for (const [name, bridge] of Object.entries(FIREWALL_LINKS)) {
      await this.#connect(namespace, { name, port: portName(index, bridge), bridge });
    }
    const own = firewallAddresses(index);
    await namespace.ip([
      `address add ${own.left}/24 dev eth1`,
      `address add ${own.right}/24 dev eth0`,
      `address add ${own.members}/24 dev eth2`,
      `address add ${own.left6}/64 dev eth1 nodad`,
      `address add ${own.right6}/64 dev eth0 nodad`,
    ]);
    return namespace;
  }

  /** Makes a second host on the left, whose way leads over the second pair of virtual addresses. */
  async addSecondHost(): Promise<Namespace> {
    const host = await this.#namespaces.create('a2');
    await this.#connectHost(host, {
      bridge: 'left',
      port: 'host-left2',
      own: [plan.hostA2, plan.hostA26],
      gateways: [plan.virtualLeft2, plan.virtualLeft26],
    });
    return host;
  }

  /** Makes a machine that only has a wire to the other members. */
  async addWitness(index: number): Promise<Namespace> {
    const namespace = await this.#namespaces.create('witness');
    await this.#connect(namespace, {
      name: 'eth2',
      port: portName(index, 'members'),
      bridge: 'members',
    });
    await namespace.ip([`address add ${firewallAddresses(index).members}/24 dev eth2`]);
    return namespace;
  }

  /** Cuts or mends all wires of a firewall in one go. */
  async setLinks(index: number, state: 'up' | 'down'): Promise<void> {
    await this.#switch.ip(
      Object.values(FIREWALL_LINKS).map((bridge) => `link set ${portName(index, bridge)} ${state}`),
    );
  }

  /** Cuts or mends one wire of a firewall. */
  async setLink(index: number, link: LinkName, state: 'up' | 'down'): Promise<void> {
    await this.#switch.ip([`link set ${portName(index, link)} ${state}`]);
  }

  /** Takes a firewall's machine away, with all that its kernel knew. */
  async removeFirewall(index: number, namespace: Namespace): Promise<void> {
    // The kernel takes a namespace apart in the background; the ports' names must be free at once.
    await this.#switch.ip(
      Object.values(FIREWALL_LINKS).map((bridge) => `link delete ${portName(index, bridge)}`),
    );
    this.#namespaces.delete(namespace);
  }

  async #connectHost(
    host: Namespace,
    link: {
      bridge: string;
      port?: string;
      own: readonly [string, string];
      gateways: readonly [string, string];
    },
  ): Promise<void> {
    await host.sysctl(HOST_SYSCTLS);
    const { bridge, port = `host-${bridge}` } = link;
    await this.#connect(host, { name: 'eth0', port, bridge });
    // A moved address is believed at once, also twice within a second.
    await host.sysctl({ 'net.ipv4.neigh.eth0.locktime': 0 });
    await host.ip([
      `address add ${link.own[0]}/24 dev eth0`,
      `address add ${link.own[1]}/64 dev eth0 nodad`,
      `route add default via ${link.gateways[0]}`,
      `route add default via ${link.gateways[1]}`,
    ]);
  }

  async #connect(
    namespace: Namespace,
    link: { name: string; port: string; bridge: string },
  ): Promise<void> {
    await this.#switch.ip([
      `link add ${link.port} type veth peer name ${link.name} netns ${namespace.name}`,
      `link set ${link.port} master ${link.bridge} up`,
    ]);
    await namespace.ip([`link set ${link.name} up`]);
  }
}

function portName(index: number, bridge: string): string {
  return `fw${index}-${bridge}`;
}
