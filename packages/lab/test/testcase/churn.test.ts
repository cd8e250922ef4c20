import { expect, it } from 'vitest';
import { allAgree, churn, residentMebibytes } from '../support/churn.ts';
import { Sessions } from '../support/sessions.ts';
import { withCluster } from '../support/with-cluster.ts';

const long = process.env['RAFTWALL_TEST_LONG'] === '1';
const WARM_SECONDS = 5;
const SECONDS = long ? 600 : 10;
/** What a heap may grow by between two collections; a leak of one object a flow would be ten times as much. */
const GROWTH_MEBIBYTES = 160;

it(`20,000 flows a second come and go for ${SECONDS} s: kernels and tables agree at the end, memory is flat`, {
  timeout: (SECONDS + 240) * 1000,
}, async () => {
  await withCluster({}, async (cluster) => {
    const sessions = await Sessions.open(cluster, { sessions: 50 });
    const holder = cluster.holder!;
    const memory = (): number[] =>
      cluster.firewalls.map(({ raftwall }) => residentMebibytes(raftwall.pid));
    const load = { perSecond: 20_000, lifeMs: 200 };
    await churn(holder, { ...load, seconds: WARM_SECONDS });
    const before = memory();
    await sessions.mark();
    const { made } = await churn(holder, { ...load, seconds: SECONDS });
    expect(made).toBeGreaterThan(19_000 * SECONDS);
    await allAgree(cluster, 60_000);
    const after = memory();
    cluster.timeline.note(`MiB before ${before.map(Math.round)}, after ${after.map(Math.round)}`);
    after.forEach((mebibytes, at) => {
      expect(mebibytes).toBeLessThan(before[at]! + GROWTH_MEBIBYTES);
    });
    await sessions.expectAllSurvive();
    await sessions.close();
  });
});
