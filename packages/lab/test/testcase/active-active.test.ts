import { expect, it } from 'vitest';
import {
  type Cluster,
  conntrackView,
  type Firewall,
  plan,
  Traffic,
  waitFor,
} from '../../src/index.ts';
import { withCluster } from '../support/with-cluster.ts';

const SESSIONS = 100;
const options = {
  firewalls: 2,
  witness: true,
  twoPairs: true,
  rules: {
    extra: [`-I POSTROUTING -t nat -s ${plan.hostA2} -j SNAT --to ${plan.virtualRight2}`],
  },
} as const;

/** The sync group `blue` stays where it is (`nopreempt`), the instance `red` goes home to fw2 when that is ready. */
async function openBoth(cluster: Cluster): Promise<readonly [Traffic, Traffic]> {
  await actives(cluster, ['fw1', 'fw2']);
  const { hostA, hostB } = cluster.topology;
  const hostA2 = await cluster.topology.addSecondHost();
  const blue = await Traffic.open({ a: hostA, b: hostB }, { sessions: SESSIONS });
  const red = await Traffic.open(
    { a: hostA2, b: hostB },
    { sessions: SESSIONS, echoPort: plan.echoPort + 1 },
  );
  // What was captured a moment ago may not be committed: a crash right now would lose it.
  await inEveryKernel(cluster);
  cluster.timeline.note(`${SESSIONS} sessions over each pair of addresses run`);
  return [blue, red];
}

/** Waits until all firewalls with power name these nodes as the active ones of blue and red, and are ready. */
async function actives(cluster: Cluster, wanted: readonly string[]): Promise<void> {
  await waitFor(
    `blue and red are active on ${wanted.join(' and ')}`,
    async () => {
      const all = [...(await cluster.statuses()).values()];
      const areAll = all.length === cluster.powered.length && all.every((it) => it.ready);
      const found = all.map(({ groups }) => groups.map(({ active }) => active));
      return areAll && found.every((it) => it.join() === wanted.join()) ? true : null;
    },
    { timeoutMs: 30_000 },
  );
}

/** Which node each session's flow comes from, by the API of one firewall. */
async function sources(firewall: Firewall, src: string): Promise<ReadonlySet<string>> {
  const text = await firewall.raftwall.command(['flows', '--json', '--proto', 'tcp', '--src', src]);
  const flows = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { node: string });
  expect(flows.length).toBeGreaterThanOrEqual(SESSIONS);
  return new Set(flows.map(({ node }) => node));
}

async function inEveryKernel(cluster: Cluster): Promise<void> {
  for (const source of [plan.hostA, plan.hostA2]) {
    await waitFor(
      `every kernel has the flows of ${source}`,
      async () => {
        const views = await Promise.all(
          cluster.powered.map(({ namespace }) => conntrackView(namespace, { source })),
        );
        return views.every(({ length }) => length >= SESSIONS) ? true : null;
      },
      { timeoutMs: 30_000 },
    );
  }
}

async function expectAllSurvive(cluster: Cluster, traffics: readonly Traffic[]): Promise<void> {
  for (const traffic of traffics) {
    const report = await traffic.settle();
    cluster.timeline.note(`${report.survived} survived, longest gap ${report.longestGapMs} ms`);
    expect(report).toMatchObject({ survived: SESSIONS, faults: {}, silent: 0 });
  }
  expect(await cluster.invalidPackets()).toBe(0);
}

async function losePower(
  cluster: Cluster,
  loser: Firewall,
  traffics: readonly Traffic[],
): Promise<void> {
  cluster.timeline.note(`${loser.id} loses power`, 'fault');
  await loser.powerLoss();
  for (const traffic of traffics) await traffic.mark();
}

/** As systemd orders it, keepalived starts behind raftwalld: what the track file said before the crash is not true any more. */
async function comeBack(firewall: Firewall): Promise<void> {
  await firewall.powerOn();
  firewall.startRaftwall();
  await waitFor(
    `raftwalld of ${firewall.id} runs`,
    () => firewall.raftwall.status().catch(() => null),
    { timeoutMs: 30_000 },
  );
  firewall.startKeepalived();
}

it('A6 two pairs of addresses are active on two firewalls; one dies, comes back, and does not take what stays by nopreempt', async () => {
  await withCluster(options, async (cluster) => {
    const [fw1, fw2] = [cluster.firewall('fw1'), cluster.firewall('fw2')];
    const traffics = await openBoth(cluster);
    expect(await sources(fw1, plan.hostA)).toEqual(new Set(['fw1']));
    expect(await sources(fw1, plan.hostA2)).toEqual(new Set(['fw2']));

    await losePower(cluster, fw1, traffics);
    await actives(cluster, ['fw2', 'fw2']);
    await expectAllSurvive(cluster, traffics);

    await comeBack(fw1);
    await actives(cluster, ['fw2', 'fw2']);
    await inEveryKernel(cluster);

    await losePower(cluster, fw2, traffics);
    await actives(cluster, ['fw1', 'fw1']);
    await expectAllSurvive(cluster, traffics);
    for (const traffic of traffics) await traffic.close();
  });
});

it('A6 two pairs of addresses are active on two firewalls; one dies, comes back, and takes its own again by preemption', async () => {
  await withCluster(options, async (cluster) => {
    const fw2 = cluster.firewall('fw2');
    const traffics = await openBoth(cluster);
    await losePower(cluster, fw2, traffics);
    await actives(cluster, ['fw1', 'fw1']);
    await expectAllSurvive(cluster, traffics);

    for (const traffic of traffics) await traffic.mark();
    await comeBack(fw2);
    await actives(cluster, ['fw1', 'fw2']);
    await expectAllSurvive(cluster, traffics);
    for (const traffic of traffics) await traffic.mark();
    await expectAllSurvive(cluster, traffics);
    await inEveryKernel(cluster);
    expect(await sources(fw2, plan.hostA)).toEqual(new Set(['fw1']));
    expect(await sources(fw2, plan.hostA2)).toEqual(new Set(['fw2']));
    for (const traffic of traffics) await traffic.close();
  });
});
