import { expect, it } from 'vitest';
import { Admin } from '../../src/admin.ts';
import { activeCluster, type FakeNode } from '../support/fake-cluster.ts';

function adminOf({ replicator }: FakeNode): Admin {
  return new Admin({ vrrpMode: 'follow', transferTimeoutMs: 1_000 }, replicator);
}

it('members are changed on the leader, and everything else is refused with a reason', async () => {
  const cluster = await activeCluster();
  const leader = cluster.node(cluster.leader);
  const admin = adminOf(leader);
  const added = { kind: 'add', id: 'fw9', address: '10.77.0.9:7400' } as const;
  await admin.changeMembers(added);
  const other = cluster.nodes.find((node) => node !== leader)!;
  await admin.changeMembers({ kind: 'remove', id: other.id });
  expect(leader.memberChanges).toEqual([added, { kind: 'remove', id: other.id }]);

  await expect(adminOf(other).changeMembers(added)).rejects.toMatchObject({
    code: 'not-leader',
    message: `members are changed on the leader: ask ${leader.id}, which leads`,
  });
  await expect(admin.changeMembers({ kind: 'promote', id: 'nobody' })).rejects.toMatchObject({
    code: 'unknown-member',
  });
  await expect(admin.changeMembers({ ...added, id: 'refused' })).rejects.toMatchObject({
    code: 'member-change-failed',
    message: 'the log refused',
  });
  expect(other.memberChanges).toEqual([]);
});
