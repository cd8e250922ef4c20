import { expect, it } from 'vitest';
import { conntrackView, plan } from '../../src/index.ts';
import { type ProtocolFlow, ProtocolFlows, surviveCrash } from '../support/protocol-flows.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

const PORT = 7100;
const LOCAL_PORT = 21_500;
const PLAIN_A = '192.168.0.4';
const PROTOCOL = 253;
/** Types of service by which the rules choose a zone. */
const TOS = [0x10, 0x08] as const;
const zoneOf = (tos: number): number => (tos === TOS[0] ? 1 : 2);

const rules = TOS.flatMap((tos) => {
  const marked = `-m tos --tos ${tos}/0xff -j CT`;
  return [
    `-t raw -A PREROUTING -p ${PROTOCOL} ${marked} --zone ${zoneOf(tos)}`,
    `-t raw -A PREROUTING -i eth1 -p udp ${marked} --zone-orig ${10 + zoneOf(tos)}`,
  ];
});

/** Two flows of one protocol with equal original tuples, which only their zones tell apart. */
function twins(kind: ProtocolFlow['kind'], source: string): ProtocolFlow[] {
  return TOS.map((tos) => ({
    label: `${kind} in zone ${zoneOf(tos)}`,
    ...{ kind, source, tos, destination: plan.hostB, port: PORT, localPort: LOCAL_PORT },
  }));
}

it('flows with equal tuples stay apart in their zones, and in zones of one direction, over a power loss', async () => {
  const filter = { protocols: ['udp', PROTOCOL] };
  const extra = ['-A FORWARD -i eth1 -j ACCEPT', ...rules];
  await withCluster({ rules: { extra }, capture: { filter } }, async (cluster) => {
    const { hostA: a, hostB: b } = cluster.topology;
    await a.ip([`address add ${PLAIN_A}/24 dev eth0`]);
    const all = [...twins('other', PLAIN_A), ...twins('markedUdp', plan.hostA)];
    const flows = await ProtocolFlows.open({ a, b }, PORT, all);
    for (const source of [PLAIN_A, plan.hostA]) {
      await tablesAgree(cluster, { source, timeoutMs: 10_000 });
    }
    for (const { namespace } of cluster.firewalls) {
      const zoned = await conntrackView(namespace, { source: PLAIN_A });
      expect(zoned.map((flow) => /\bzone=\d+/.exec(flow)?.[0]).sort()).toEqual([
        'zone=1',
        'zone=2',
      ]);
      const directional = await conntrackView(namespace);
      const zones = directional.map((flow) => /zone-orig=\d+/.exec(flow)?.[0]).sort();
      expect(zones).toEqual(['zone-orig=11', 'zone-orig=12']);
    }
    await surviveCrash(cluster, flows);
    flows.close();
  });
});
