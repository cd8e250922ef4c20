import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/admin.ts';
import type { SurveyReport } from '../../src/admin-port.ts';
import { CommandKind, decodeCommand, encodeCommand } from '../../src/command.ts';
import { activeCluster, FakeCluster, type FakeNode } from '../support/fake-cluster.ts';
import { settle } from '../support/manual-clock.ts';

async function survey(cluster: FakeCluster, asked: FakeNode): Promise<SurveyReport> {
  const member = asked.isWitness ? asked.witness : asked.replicator;
  const admin = new Admin({ vrrpMode: 'follow', transferTimeoutMs: 1_000 }, member);
  let report: SurveyReport | null = null;
  void admin.survey().then((it) => {
    report = it;
  });
  for (let waitedMs = 0; report === null && waitedMs < 30_000; waitedMs += 100) {
    await cluster.clock.advance(100);
    await settle();
  }
  return report!;
}

const wallClockMs = 1_700_000_000_000;

describe('K15 survey', () => {
  it('brings what each member says of its machine, read at the question', async () => {
    const cluster = await activeCluster();
    for (const { id } of cluster.nodes) cluster.node(id).facts = { 'sysctl x': id };
    const report = await survey(cluster, cluster.node('fw2'));
    expect(report.nodes).toEqual(
      ['fw1', 'fw2', 'fw3'].map((node) => ({
        node,
        answered: true,
        wallClockMs,
        facts: { 'sysctl x': node },
      })),
    );
    cluster.node('fw3').facts = { 'sysctl x': 'new' };
    const again = await survey(cluster, cluster.node('fw2'));
    expect(again.nodes[2]?.facts).toEqual({ 'sysctl x': 'new' });
  });

  it('asks a witness too, and may be asked of one', async () => {
    const cluster = await new FakeCluster(['fw1', 'fw2', 'w'], ['w']).start();
    cluster.node('w').facts = { 'config cluster.name': 'edge' };
    const report = await survey(cluster, cluster.node('w'));
    expect(report.nodes.map(({ answered }) => answered)).toEqual([true, true, true]);
    expect(report.nodes[2]?.facts).toEqual({ 'config cluster.name': 'edge' });
  });

  it('names members that do not answer after a while, and does not wait for them for ever', async () => {
    const cluster = await activeCluster();
    cluster.node('fw2').facts = null;
    cluster.node('fw3').kill();
    const report = await survey(cluster, cluster.node('fw1'));
    expect(report.nodes).toMatchObject([
      { node: 'fw1', answered: true },
      { node: 'fw2', answered: false, facts: {} },
      { node: 'fw3', answered: false, facts: {} },
    ]);
  });

  it('is refused without a quorum', async () => {
    const cluster = await activeCluster();
    cluster.node('fw1').connected = false;
    const admin = new Admin(
      { vrrpMode: 'follow', transferTimeoutMs: 1_000 },
      cluster.node('fw1').replicator,
    );
    await expect(admin.survey()).rejects.toMatchObject({ code: 'no-quorum' });
  });

  it('goes through the log unchanged, with any name', () => {
    const facts = { 'ruleset nft inet a': '0123', __proto__x: 'ü', empty: '' };
    const kind = CommandKind.surveyed;
    const command = { kind, request: 'ab', node: 'fw1', wallClockMs, facts } as const;
    expect(decodeCommand(encodeCommand(command))).toEqual(command);
  });
});
