import type { AdminPort } from '@raftwall/replicator';
import { Type } from '@sinclair/typebox';

/** How new an answer must be; part of the query of every read of what is replicated. */
export const consistency = Type.Optional(
  Type.Union([Type.Literal('linearizable'), Type.Literal('local')], {
    description:
      'linearizable (default): all that was committed before the request; without a quorum 503. local: what this node has.',
  }),
);

/** Waits until the node may answer. Rejects with an `AdminRefusal` (`no-quorum`). */
export async function settle(
  node: Pick<AdminPort, 'barrier'>,
  wanted: 'linearizable' | 'local' | undefined,
): Promise<void> {
  if (wanted !== 'local') await node.barrier();
}
