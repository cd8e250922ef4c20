import { expect, it } from 'vitest';
import { type Cluster, plan, waitFor } from '../../src/index.ts';
import { LineProcess } from '../support/line-process.ts';
import { withCluster } from '../support/with-cluster.ts';

const PORT = 21;
const HELPER = `-t raw -A PREROUTING -i eth1 -p tcp --dport ${PORT} -j CT --helper ftp`;

interface Answer {
  readonly said: string;
  readonly received?: string;
  readonly finally?: string;
}

/** What the helpers of one firewall expect, without times. */
async function expectations(cluster: Cluster, id: string): Promise<string[]> {
  const text = await cluster.firewall(id).namespace.exec('conntrack', ['-L', 'expect']);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/^\d+ /, '').trim())
    .sort();
}

/** Waits until every firewall expects the same, namely `count` things. */
async function expectedEverywhere(cluster: Cluster, count: number): Promise<void> {
  await waitFor(
    `${count} expectations in every kernel`,
    async () => {
      const all = await Promise.all(cluster.powered.map(({ id }) => expectations(cluster, id)));
      const [first] = all;
      if (first?.length === count && all.every((it) => it.join() === first.join())) return true;
      throw new Error(all.map((it) => it.join('; ')).join(' | '));
    },
    { timeoutMs: 5_000 },
  );
}

it('an active FTP transfer that was announced before the power loss of the active firewall arrives after it', async () => {
  await withCluster({ rules: { extra: [HELPER] } }, async (cluster) => {
    const { hostA, hostB } = cluster.topology;
    const server = new LineProcess(hostB, 'ftp-server', [String(PORT)]);
    await server.line();
    const client = new LineProcess(hostA, 'ftp-client', [plan.hostB, String(PORT), plan.hostA]);
    expect(await client.line()).toContain('230');

    // The helper writes the translated address into the session: from here on its sequence numbers are shifted.
    const announced = await client.ask<Answer>('port 30001');
    expect(announced.said).toBe(`200 ${plan.virtualRight}:30001`);
    await expectedEverywhere(cluster, 1);
    expect(await client.ask('get before')).toMatchObject({ received: 'content of before' });
    await expectedEverywhere(cluster, 0);

    expect((await client.ask<Answer>('port 30002')).said).toBe(`200 ${plan.virtualRight}:30002`);
    await expectedEverywhere(cluster, 1);
    const loser = cluster.holder!;
    cluster.timeline.note(`${loser.id} loses power`, 'fault');
    await loser.powerLoss();
    await cluster.waitTakeover(loser);
    const transfer = { received: 'content of after', finally: '226 done' };
    expect(await client.ask('get after')).toMatchObject(transfer);

    // The session goes on under the helper of the new active firewall.
    await cluster.waitActive();
    expect((await client.ask<Answer>('port 30003')).said).toBe(`200 ${plan.virtualRight}:30003`);
    await expectedEverywhere(cluster, 1);
    expect(await client.ask('get more')).toMatchObject({ received: 'content of more' });
    client.close();
    server.close();
  });
});
