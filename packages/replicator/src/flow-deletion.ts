import type { FlowFields } from '@raftwall/flow-table';
import { RefusalError } from './errors.ts';
import { Errno, type Kernel } from './ports.ts';
import type { TrafficGroup } from './traffic-group.ts';

/**
 * A person's wish that flows end. Only where the kernel is the truth: they go from this kernel, and from there by the log from
 * the table and the other kernels, as if they had ended by themselves. (The kernel does not echo a node's own deletes.)
 */
export class FlowDeletion {
  readonly #kernel: Kernel;
  readonly #groups: readonly TrafficGroup[];

  constructor(kernel: Kernel, groups: readonly TrafficGroup[]) {
    this.#kernel = kernel;
    this.#groups = groups;
  }

  /**
   * @param flows At most some hundred: one send.
   * @returns How many of them this kernel had; those of groups in which another node is active are left alone.
   * @throws {RefusalError} `not-active` if this node is active in no group.
   */
  async delete(flows: readonly FlowFields[]): Promise<number> {
    const groups = this.#groups.filter(({ applier }) => applier.mode === 'active');
    if (groups.length === 0) {
      throw new RefusalError(
        'not-active',
        'flows are deleted on the active node; see its name in the status',
      );
    }
    const own = flows.filter((flow) => groups.some(({ domain }) => domain.contains(flow)));
    if (own.length === 0) return 0;
    const batch = this.#kernel.newBatch();
    for (const flow of own) batch.delete(flow);
    const errnos = Int32Array.from(await this.#kernel.execute(batch));
    let deleted = 0;
    for (const [position, flow] of own.entries()) {
      const errno = errnos[position];
      if (errno === Errno.none) deleted += 1;
      // One that the kernel lacks has ended too; any other refusal leaves it alive.
      if (errno !== Errno.none && errno !== Errno.enoent) continue;
      groups.find(({ domain }) => domain.contains(flow))?.parts.capture.deleted(flow);
    }
    for (const { parts } of groups) parts.capture.flush();
    return deleted;
  }
}
