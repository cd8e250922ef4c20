import { it } from 'vitest';
import { plan } from '../../src/index.ts';
import { ProtocolFlows, surviveCrash } from '../support/protocol-flows.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

const PORT = 7100;
const SESSIONS = 5;
const SYN = `-i eth1 -p tcp --dport ${PORT}`;

it('K13 one bad attribute loses no flow: sessions that synproxy has answered for go on after a power loss', async () => {
  const extra = [
    `-t raw -A PREROUTING ${SYN} --syn -j CT --notrack`,
    `-A FORWARD ${SYN} -m state --state INVALID,UNTRACKED -j SYNPROXY --sack-perm --timestamp --wscale 7 --mss 1460`,
    '-A FORWARD -m state --state INVALID -j DROP',
  ];
  await withCluster({ rules: { extra } }, async (cluster) => {
    const { hostA: a, hostB: b } = cluster.topology;
    const sessions = Array.from({ length: SESSIONS }, (_, index) => ({
      label: `session ${index}`,
      ...{ kind: 'tcp' as const, source: plan.hostA, destination: plan.hostB, port: PORT },
      localPort: 21_000 + index,
    }));
    const flows = await ProtocolFlows.open({ a, b }, PORT, sessions);
    await tablesAgree(cluster, { timeoutMs: 10_000 });
    await surviveCrash(cluster, flows);
    flows.close();
  });
});
