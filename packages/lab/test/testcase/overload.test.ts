import { expect, it } from 'vitest';
import { allAgree, CHURN_SOURCE, churn, residentMebibytes } from '../support/churn.ts';
import { entriesMax } from '../support/entries-max.ts';
import { Sessions } from '../support/sessions.ts';
import { withCluster } from '../support/with-cluster.ts';

const long = process.env['RAFTWALL_TEST_LONG'] === '1';
const BURST = long ? 1_000_000 : 100_000;
const PER_SECOND = 200_000;
const FLOOD_SECONDS = 10;
const FLOOD_PER_SECOND = 20_000;
/** Signs of life, digests and what the sessions do; a flood in the log would be thousands. */
const ENTRIES_MAX = 150;
const GROWTH_MEBIBYTES = 160;

it(`overrun: a burst of ${BURST} flows into a small buffer loses events and ends in equal tables`, {
  timeout: 600_000,
}, async () => {
  await entriesMax(2 * BURST, async () => {
    const kernel = (): object => (long ? {} : { eventBufferBytes: 262_144 });
    await withCluster({ kernel }, async (cluster) => {
      const holder = cluster.holder!;
      const load = { perSecond: PER_SECOND, seconds: BURST / PER_SECOND, lifeMs: 0 };
      expect((await churn(holder, load)).made).toBe(BURST);
      await allAgree(cluster, long ? 240_000 : 60_000);
      const metrics = await holder.raftwall.metrics();
      expect(
        Number(/^raftwall_kernel_event_overruns_total (\d+)/m.exec(metrics)?.[1]),
      ).toBeGreaterThan(0);
      expect((await holder.raftwall.status()).flows).toBeGreaterThanOrEqual(BURST);
      await cluster.waitReady();
      // Every member's kernel against its table, and the tables against one another at one log index.
      const report = JSON.parse(await holder.raftwall.command(['verify', '--json']));
      expect(report).toMatchObject({ equal: true, nodes: [{}, {}, {}] });
      await holder.namespace.exec('conntrack', ['-D', '-s', CHURN_SOURCE], { timeoutMs: 120_000 });
      await allAgree(cluster, 60_000);
    });
  });
});

it('flood: flows that nobody answers fill neither log nor memory, and delay no election', async () => {
  await withCluster({}, async (cluster) => {
    const holder = cluster.holder!;
    const sessions = await Sessions.open(cluster, { sessions: 50 });
    const before = await holder.raftwall.status();
    const memory = cluster.firewalls.map(({ raftwall }) => residentMebibytes(raftwall.pid));
    await sessions.mark();
    await churn(holder, {
      perSecond: FLOOD_PER_SECOND,
      seconds: FLOOD_SECONDS,
      lifeMs: 2_000,
      unreplied: true,
    });
    const after = await holder.raftwall.status();
    expect(after.commitIndex - before.commitIndex).toBeLessThan(ENTRIES_MAX);
    expect([after.epoch, after.active]).toEqual([before.epoch, holder.id]);
    expect(after.flows).toBeLessThan(100);
    cluster.firewalls.forEach(({ raftwall }, at) => {
      expect(residentMebibytes(raftwall.pid)).toBeLessThan(memory[at]! + GROWTH_MEBIBYTES);
    });
    await sessions.expectAllSurvive();
    await sessions.close();
  });
});
