import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { type Cluster, CommandFailedError, type Firewall, plan, waitFor } from '../../src/index.ts';
import { SEEDED_SOURCE, seedCluster, seededCount } from '../support/flows.ts';
import { withCluster } from '../support/with-cluster.ts';

const FLOWS = 300;
const FORGOTTEN = 3;
/** Flows of the seed, by source port: one is deleted, one gets a mark. */
const DELETED = 10_001;
const MARKED = 10_002;
const STRAY = 9_999;

interface Report {
  readonly equal: boolean;
  readonly nodes: readonly {
    readonly node: string;
    readonly table: { readonly missing: number };
    readonly differences: readonly {
      readonly place: string;
      readonly kind: string;
      readonly attributes: readonly string[];
      readonly flow: { readonly original: { readonly src: string; readonly sport: number } };
    }[];
  }[];
}

/** `raftwall verify --json`, whichever way it ends. */
async function verify({ raftwall }: Firewall, ...options: string[]): Promise<Report> {
  try {
    return JSON.parse(await raftwall.command(['verify', '--json', ...options])) as Report;
  } catch (error) {
    if (error instanceof CommandFailedError && error.exitCode === 1 && error.stdout !== '') {
      return JSON.parse(error.stdout) as Report;
    }
    throw error;
  }
}

/** Changes the kernel of a firewall behind the back of its daemon: the kernel is told to say nothing of it. */
async function spoilKernel({ namespace }: Firewall): Promise<void> {
  const conntrack = (line: string): Promise<string> => namespace.exec('conntrack', line.split(' '));
  await namespace.sysctl({ 'net.netfilter.nf_conntrack_events': 0 });
  await conntrack(`-D -s ${SEEDED_SOURCE} -p tcp --sport ${DELETED}`);
  await conntrack(`-U -s ${SEEDED_SOURCE} -p tcp --sport ${MARKED} --mark 7`);
  const stray = `-s ${SEEDED_SOURCE} -d ${plan.hostB} --sport ${STRAY} --dport 22`;
  const state = '--state ESTABLISHED --status ASSURED,SEEN_REPLY --timeout 86400';
  await conntrack(`-I -p tcp ${stray} ${state}`);
  await namespace.sysctl({ 'net.netfilter.nf_conntrack_events': 1 });
}

/** Its table forgets flows that no operation has ended. */
async function spoilTable({ raftwall, directory }: Firewall): Promise<void> {
  writeFileSync(faultsIn(directory), JSON.stringify({ forgetFlows: FORGOTTEN }));
  await waitFor(
    'the table forgets',
    async () => (await raftwall.status()).flows <= FLOWS - FORGOTTEN,
    { timeoutMs: 10_000 },
  );
}

const faultsIn = (directory: string): string => join(directory, 'faults.json');

function named(report: Report, { id }: Firewall): string[] {
  const { differences } = report.nodes.find(({ node }) => node === id)!;
  return differences.map(({ place, kind, attributes, flow }) =>
    [place, kind, ...attributes, flow.original.src, flow.original.sport].join(' '),
  );
}

async function expectRepaired(cluster: Cluster, asked: Firewall): Promise<void> {
  // What a kernel has too many goes only when its firewall has been standby for a while (rule K10).
  await waitFor(
    'verify --repair finds all equal',
    async () => (await verify(asked, '--repair')).equal,
    {
      timeoutMs: 60_000,
      intervalMs: 500,
    },
  );
  for (const firewall of cluster.firewalls) expect(await seededCount(firewall)).toBe(FLOWS);
  expect(await verify(cluster.holder!)).toMatchObject({ equal: true });
}

it('verify names each flow that a kernel or a table has otherwise than the others, and mends it', async () => {
  const environment = (directory: string) => ({ RAFTWALL_FAULTS: faultsIn(directory) });
  await withCluster({ environment }, async (cluster) => {
    await seedCluster(cluster, FLOWS);
    const [first, second] = cluster.firewalls.filter((it) => it !== cluster.holder);
    expect(await verify(first!)).toMatchObject({ equal: true });
    // The round in the background, which would mend the kernels, is not due for half a minute.
    for (const { raftwall } of [first!, second!]) await raftwall.command(['-c']);
    await spoilKernel(first!);
    await spoilTable(second!);
    const report = await verify(cluster.holder!);
    expect(report.equal).toBe(false);
    expect(named(report, cluster.holder!)).toEqual([]);
    expect(named(report, first!).sort()).toEqual([
      `kernel different mark ${SEEDED_SOURCE} ${MARKED}`,
      `kernel extra ${SEEDED_SOURCE} ${STRAY}`,
      `kernel missing ${SEEDED_SOURCE} ${DELETED}`,
    ]);
    expect(report.nodes.find(({ node }) => node === second!.id)!.table.missing).toBe(FORGOTTEN);
    const forgotten = named(report, second!);
    const [extra, missing] = ['kernel extra', 'table missing'].map((start) =>
      forgotten.filter((it) => it.startsWith(start)).map((it) => it.slice(start.length)),
    );
    expect(missing!.length).toBe(FORGOTTEN);
    expect(extra!.sort()).toEqual(missing!.sort());
    await expectRepaired(cluster, first!);
  });
});
