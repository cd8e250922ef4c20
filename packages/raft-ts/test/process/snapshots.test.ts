import { readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { KvCluster, retryMs } from './kv-cluster.ts';

/** A snapshot every 50 commands, files of the log that hold about as many. */
const words = ['--snapshot-entries', '50', '--segment-bytes', '16384'];

let cluster: KvCluster | null = null;
afterEach(async () => {
  await cluster?.close();
  cluster = null;
});

async function put(group: KvCluster, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const reply = await group.ask('PUT', `/kv/key-${i}`, `value ${i}`);
    expect(reply.status).toBe(200);
  }
}

async function readAll(group: KvCluster, member: string, to: number): Promise<string[]> {
  const values: string[] = [];
  for (let i = 0; i < to; i++) values.push((await group.read(member, `key-${i}`)).body);
  return values;
}

const written = (to: number): string[] => Array.from({ length: to }, (_, i) => `value ${i}`);

/** Resolves when every member has forgotten the beginning of its log. */
async function compacted(group: KvCluster, members: readonly string[]): Promise<void> {
  for (const id of members) {
    while ((await group.status(id)).compactedIndex === 0) await sleep(retryMs);
  }
}

it('the log is compacted behind snapshots, and all members start again from theirs', async () => {
  cluster = await KvCluster.start({ words });
  await put(cluster, 0, 400);
  await compacted(cluster, cluster.ids);
  for (const id of cluster.ids) {
    const files = readdirSync(path.join(cluster.directoryOf(id), 'log'));
    expect(files).not.toContain('0000000000000001.segment');
  }
  const group = cluster;
  await Promise.all(group.ids.map((id) => group.end(id, 'SIGKILL')));
  await Promise.all(group.ids.map((id) => group.startMember(id)));
  await group.leader();
  for (const id of group.ids) expect(await readAll(group, id, 400)).toEqual(written(400));
});

it('a member that the log no longer reaches, and a newcomer, get a snapshot', async () => {
  cluster = await KvCluster.start({ words });
  const leader = await cluster.leader();
  const [away] = cluster.ids.filter((id) => id !== leader) as [string];
  await cluster.end(away, 'SIGKILL');
  await put(cluster, 0, 400);
  const rest = cluster.ids.filter((id) => id !== away);
  await compacted(cluster, rest);
  await cluster.startMember(away);
  await cluster.leader();
  expect(await readAll(cluster, away, 400)).toEqual(written(400));
  expect(cluster.output).toMatch(new RegExp(`^${away}: took a snapshot of \\d+$`, 'm'));

  await cluster.startNewcomer('4');
  const added = await cluster.ask('PUT', '/members/4', cluster.addressOf('4'));
  expect(added).toEqual({
    status: 200,
    body: `${JSON.stringify({ voters: ['1', '2', '3', '4'] })}\n`,
  });
  const { status, body } = await cluster.ask('DELETE', `/members/${away}`);
  expect([status, JSON.parse(body)]).toEqual([200, { voters: [...rest, '4'].sort() }]);
  await cluster.end(away, 'SIGKILL');
  await put(cluster, 400, 450);
  expect(await readAll(cluster, '4', 450)).toEqual(written(450));
});

it('B28: a member whose disk was wiped is refused until it is removed and added again', async () => {
  cluster = await KvCluster.start({ words });
  await put(cluster, 0, 100);
  const leader = await cluster.leader();
  const [wiped, other] = cluster.ids.filter((id) => id !== leader) as [string, string];
  await cluster.end(wiped, 'SIGKILL');
  cluster.wipe(wiped);
  await cluster.startMember(wiped);
  // With its vote the other two could be outvoted by a member that has forgotten everything.
  while (!cluster.output.includes('remove and add the member again')) await sleep(retryMs);
  expect((await cluster.status(wiped)).appliedIndex).toBe(0);
  await cluster.end(wiped, 'SIGKILL');

  expect((await cluster.ask('DELETE', `/members/${wiped}`)).status).toBe(200);
  cluster.wipe(wiped);
  await cluster.startNewcomer(wiped);
  const added = await cluster.ask('PUT', `/members/${wiped}`, cluster.addressOf(wiped));
  expect(added.status).toBe(200);
  await cluster.end(other, 'SIGKILL');
  await put(cluster, 100, 110);
  expect(await readAll(cluster, wiped, 110)).toEqual(written(110));
});
