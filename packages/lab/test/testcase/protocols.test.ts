import { it } from 'vitest';
import { plan } from '../../src/index.ts';
import { type ProtocolFlow, ProtocolFlows, surviveCrash } from '../support/protocol-flows.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

const PORT = 7100;
/** Second addresses of host A, whose flows no rule gives another source. */
const PLAIN_A = '192.168.0.4';
const PLAIN_A6 = 'fd00:a::4';
const UNKNOWN_PROTOCOL = 253;

interface Ends {
  readonly label: string;
  readonly translated: string;
  readonly plain: string;
  readonly server: string;
  readonly forwarded: string;
}

const ends: readonly Ends[] = [
  {
    label: 'IPv4',
    translated: plan.hostA,
    plain: PLAIN_A,
    server: plan.hostB,
    forwarded: plan.virtualLeft,
  },
  {
    label: 'IPv6',
    translated: plan.hostA6,
    plain: PLAIN_A6,
    server: plan.hostB6,
    forwarded: plan.virtualLeft6,
  },
];

type Nat = 'no NAT' | 'SNAT' | 'DNAT' | 'SNAT and DNAT';
const every: readonly Nat[] = ['no NAT', 'SNAT', 'DNAT', 'SNAT and DNAT'];

/** Protocols without ports have one flow for each pair of addresses, so that not every kind fits beside the others. */
const kinds: readonly (readonly [ProtocolFlow['kind'], readonly Nat[]])[] = [
  ['tcp', every],
  ['udp', every],
  ['udplite', every],
  ['icmp', every],
  ['sctp', every],
  ['gre', ['SNAT', 'DNAT']],
  ['other', ['no NAT', 'SNAT and DNAT']],
];

function matrix(): ProtocolFlow[] {
  const flows: ProtocolFlow[] = [];
  for (const { label, translated, plain, server, forwarded } of ends) {
    for (const [kind, nats] of kinds) {
      for (const nat of nats) {
        flows.push({
          label: `${kind} over ${label} with ${nat}`,
          kind,
          source: nat.includes('SNAT') ? translated : plain,
          destination: nat.includes('DNAT') ? forwarded : server,
          localPort: 21_000 + flows.length,
          port: PORT,
        });
      }
    }
  }
  return flows;
}

it('a live flow of every protocol and kind of NAT goes on after the power loss of the active firewall', async () => {
  const forward = '-A FORWARD -i eth1 -j ACCEPT';
  const rules = {
    ipv6: true,
    extra: [forward, `-t nat -A PREROUTING -d ${plan.virtualLeft} -j DNAT --to ${plan.hostB}`],
    extra6: [forward, `-t nat -A PREROUTING -d ${plan.virtualLeft6} -j DNAT --to ${plan.hostB6}`],
  };
  const protocols = ['tcp', 'udp', 'udplite', 'icmp', 'icmpv6', 'sctp', 'gre', UNKNOWN_PROTOCOL];
  // The connection tracking of Linux 6.18 takes right checksums of UDP-Lite for wrong.
  const sysctls = { 'net.netfilter.nf_conntrack_checksum': 0 };
  await withCluster({ rules, sysctls, capture: { filter: { protocols } } }, async (cluster) => {
    const { hostA: a, hostB: b } = cluster.topology;
    await a.ip([`address add ${PLAIN_A}/24 dev eth0`, `address add ${PLAIN_A6}/64 dev eth0 nodad`]);
    const flows = await ProtocolFlows.open({ a, b }, PORT, matrix());
    for (const source of [plan.hostA, PLAIN_A, plan.hostA6, PLAIN_A6]) {
      await tablesAgree(cluster, { source, timeoutMs: 10_000 });
    }
    await surviveCrash(cluster, flows);
    flows.close();
  });
});
