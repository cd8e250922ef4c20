import { afterEach, describe, expect, it } from 'vitest';
import { Random } from '../../src/testing/random.ts';
import { expectLinearizable } from './expect-linearizable.ts';
import { KvCluster } from './kv-cluster.ts';
import { KvWorkload } from './kv-workload.ts';
import { Nemesis } from './nemesis.ts';
import { schedule } from './schedule.ts';

const isLong = process.env['RAFTWALL_TEST_LONG'] === '1';
/** Of both groups together; 500 on the long run. */
const kills = Number(process.env['RAFT_PROCESS_KILLS'] ?? (isLong ? 500 : 100));
const seed = Number(process.env['RAFT_PROCESS_SEED'] ?? 1);
const clients = ['a', 'b', 'c', 'd', 'e'];
/** The run ends by count; this only ends one that hangs. */
const killMsMax = 20_000;

let cluster: KvCluster | null = null;
afterEach(async () => {
  await cluster?.close();
  cluster = null;
});

describe.each([
  { size: 3, share: 0.6 },
  { size: 5, share: 0.4 },
])('$size processes under load', ({ size, share }) => {
  const wanted = Math.ceil(kills * share);

  it(
    `stay linearizable through ${wanted} kill -9, pauses and a broken network (RAFT_PROCESS_SEED=${seed})`,
    async () => {
      const random = new Random(seed * 10 + size);
      // Snapshots often enough that members start from them, and need those of others.
      const words = ['--snapshot-entries', '100', '--segment-bytes', '32768'];
      cluster = await KvCluster.start({ size, words });
      const steps = schedule(random, cluster.ids, wanted);
      const workload = new KvWorkload(cluster, random);
      const nemesis = new Nemesis(cluster, workload, random);
      const running = clients.map((name) => workload.runClient(name));
      for (const step of steps) await nemesis.run(step);
      workload.end();
      await Promise.all(running);
      await cluster.leader();
      await workload.readAll();

      expectLinearizable(workload.histories);
      report(workload, nemesis, steps.length, await cluster.status('1'));
      expect(nemesis.kills).toBeGreaterThanOrEqual(wanted);
      expect(workload.answeredCount).toBeGreaterThan(5 * wanted);
    },
    wanted * killMsMax,
  );
});

function report(
  workload: KvWorkload,
  nemesis: Nemesis,
  steps: number,
  { term }: { readonly term: number },
): void {
  const operations = [...workload.histories.values()].flat();
  const unknown = operations.filter(({ answeredMs }) => answeredMs === Infinity).length;
  console.log(
    `${nemesis.kills} kills in ${steps} steps, ${workload.answeredCount} operations answered and ${unknown} not, ` +
      `${workload.histories.size} keys, term ${term}`,
  );
}
