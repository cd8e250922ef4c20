import { expect, it } from 'vitest';
import {
  type Cluster,
  conntrackView,
  type Firewall,
  firewallAddresses,
  plan,
  waitFor,
} from '../../src/index.ts';
import { Sessions } from '../support/sessions.ts';
import { tablesAgree } from '../support/tables.ts';
import { withCluster } from '../support/with-cluster.ts';

const SESSIONS = 50;
const KEEPALIVED_SETTLES_MS = 15_000;

/** How MASQUERADE is made to choose the virtual address of one family. */
const FAMILIES = [
  {
    name: 'IPv4',
    host: plan.hostB,
    source: plan.hostA,
    virtual: plan.virtualRight,
    prefixLength: 24,
    rules: { extra: [`-I POSTROUTING -t nat -s ${plan.hostA} -o eth0 -j MASQUERADE`] },
    // The own address is beside no network, so that the virtual one is the first that reaches B.
    own: (index: number) => {
      const { right } = firewallAddresses(index);
      return [
        `address del ${right}/24 dev eth0`,
        `address add ${right}/32 dev eth0`,
        'route add 192.168.1.0/24 dev eth0',
      ];
    },
  },
  {
    name: 'IPv6',
    host: plan.hostB6,
    source: plan.hostA6,
    virtual: plan.virtualRight6,
    prefixLength: 64,
    rules: {
      ipv6: true,
      extra6: [`-I POSTROUTING -t nat -s ${plan.hostA6} -o eth0 -j MASQUERADE`],
    },
    // A deprecated address is the last to be chosen.
    own: (index: number) => [
      `address change ${firewallAddresses(index).right6}/64 dev eth0 preferred_lft 0`,
    ],
  },
];

async function surviveOne(cluster: Cluster, sessions: Sessions): Promise<Firewall> {
  await sessions.mark();
  const [report, ssh] = await Promise.all([sessions.traffic.settle(), sessions.ssh.settle()]);
  expect(report).toMatchObject({ survived: report.sessions, faults: {}, silent: 0 });
  expect(ssh).toMatchObject({ survived: true, fault: null });
  return cluster.waitActive(KEEPALIVED_SETTLES_MS);
}

it.each(FAMILIES)(
  'K6 MASQUERADE over the virtual address, $name: a planned switchover, the address removed by hand, the interface down',
  async ({ host, source, virtual, prefixLength, rules, own }) => {
    const prepare = async (cluster: Cluster) => {
      for (const { index, namespace } of cluster.firewalls) await namespace.ip(own(index));
    };
    const scenario = async (cluster: Cluster) => {
      const first = cluster.holder!;
      const sessions = await Sessions.open(cluster, { sessions: SESSIONS, host });
      const flows = await conntrackView(first.namespace, { source });
      expect(flows.filter((flow) => flow.includes(`dst=${virtual}`)).length).toBeGreaterThanOrEqual(
        SESSIONS,
      );

      await tablesAgree(cluster, { source, timeoutMs: 20_000 });
      const second = cluster.firewalls.find((firewall) => firewall !== first)!;
      await first.raftwall.command(['transfer', second.id]);
      expect(await surviveOne(cluster, sessions)).toBe(second);

      await second.namespace.ip([`address del ${virtual}/${prefixLength} dev eth0`]);
      await waitFor(
        'keepalived has brought the address back, there or elsewhere',
        async () => {
          const all = await Promise.all(
            cluster.firewalls.map(({ namespace }) => namespace.exec('ip', ['address', 'show'])),
          );
          return all.filter((text) => text.includes(`${virtual}/`)).length === 1 ? true : null;
        },
        { timeoutMs: KEEPALIVED_SETTLES_MS },
      );
      const third = await surviveOne(cluster, sessions);

      await third.namespace.ip(['link set eth0 down']);
      await cluster.waitTakeover(third);
      const fourth = await surviveOne(cluster, sessions);
      expect(fourth).not.toBe(third);
      await sessions.close();
    };
    await withCluster({ rules }, scenario, prepare);
  },
);
