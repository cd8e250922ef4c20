import { FlowRecord } from '@raftwall/flow-table';
import type {
  ActivationView,
  AdminPort,
  FlowQuery,
  FlowView,
  NodeEvent,
  VerifyReport,
} from './admin-port.ts';
import { CommandKind, encodeCommand } from './command.ts';
import { RefusalError } from './errors.ts';
import { compileQuery, viewFlow } from './flow-view.ts';
import type { ConsensusMember, MemberChange } from './ports.ts';
import type { Replicator } from './replicator.ts';
import type { GroupStatus, MemberStatus, NodeStatus, VrrpStatus } from './status.ts';

export interface AdminOptions {
  /** VRRP's mode, or null without VRRP. */
  readonly vrrpMode: 'follow' | 'lead' | 'strict' | null;
  /** How long a transfer may take before it is called failed. */
  readonly transferTimeoutMs: number;
}

/** What people may ask of a running node and have it do. */
export class Admin implements AdminPort {
  readonly #options: AdminOptions;
  readonly #replicator: Replicator;

  constructor(options: AdminOptions, replicator: Replicator) {
    this.#options = options;
    this.#replicator = replicator;
  }

  status(): NodeStatus {
    const { options, appliedIndex, dependencies, applier } = this.#replicator;
    const { consensus, capture, readiness } = this.#replicator.parts;
    const { role, leader, term, commitIndex, quorum, members } = consensus.status();
    const group = dependencies.state.group(options.group);
    return {
      cluster: options.cluster,
      node: options.node,
      version: options.version,
      role,
      leader,
      term,
      commitIndex,
      appliedIndex,
      kernelIndex: applier.kernelIndex,
      flows: dependencies.table.size,
      active: group.released ? null : group.node,
      epoch: group.epoch,
      ready: readiness.ready,
      notReadyReason: readiness.reason,
      quorum,
      vrrp: this.#vrrpStatus(),
      capture: {
        lastProposed: capture.lastProposed,
        lastApplied: capture.lastApplied,
        oldestUncommittedMs: Math.round(capture.oldestUncommittedMs),
      },
      groups: this.#groups(),
      members: members.map((member) => this.#memberStatus(member)),
      kernel: this.#kernelStatus(),
    };
  }

  async *flows(query: FlowQuery, pageSize: number): AsyncIterable<readonly FlowView[]> {
    const { table } = this.#replicator.dependencies;
    const matches = compileQuery(query);
    const owner = this.status().active;
    const flow = new FlowRecord();
    let left = query.limit ?? Number.POSITIVE_INFINITY;
    for (let cursor = 0; cursor >= 0 && left > 0; ) {
      const page: FlowView[] = [];
      cursor = table.forEachPage(cursor, pageSize, (slot) => {
        table.read(slot, flow);
        if (page.length < left && matches(flow)) page.push(viewFlow(flow, owner));
      });
      left -= page.length;
      if (page.length > 0) yield page;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  activations(): readonly ActivationView[] {
    return this.#replicator.activations.map(({ index, command, outcome, epoch }) => ({
      index,
      group: command.group,
      epoch,
      node: command.node,
      accepted: outcome.kind !== 'refused',
      refusedReason: outcome.kind === 'refused' ? outcome.reason : null,
    }));
  }

  async transfer(target: string): Promise<void> {
    const { options, dependencies } = this.#replicator;
    const { consensus } = this.#replicator.parts;
    const status = consensus.status();
    if (!status.members.some(({ id }) => id === target)) {
      const known = status.members.map(({ id }) => id).join(', ');
      throw new RefusalError('unknown-member', `${target} is no member; members are ${known}`);
    }
    if (!status.quorum)
      throw new RefusalError('no-quorum', 'this node is not in contact with a quorum');
    if (dependencies.state.member(target)?.level !== true) {
      throw new RefusalError(
        'not-ready',
        `the kernel of ${target} is not level with the table yet`,
      );
    }
    if (this.#options.vrrpMode !== null) await this.#moveAddress(options.group, target);
    await this.#moveLeadership(target);
  }

  async verify(repair: boolean): Promise<VerifyReport> {
    const { consensus, verification } = this.#replicator.parts;
    if (!consensus.status().quorum) {
      throw new RefusalError('no-quorum', 'the members cannot be asked without a quorum');
    }
    return verification.run(repair);
  }

  reconcile(reason: string): Promise<void> {
    return this.#replicator.reconcileNow(reason);
  }

  async changeMembers(change: MemberChange): Promise<void> {
    const { consensus } = this.#replicator.parts;
    const { role, leader, members } = consensus.status();
    if (role !== 'leader') {
      const whom = leader === null ? 'nobody is known to lead' : `ask ${leader}, which leads`;
      throw new RefusalError('not-leader', `members are changed on the leader: ${whom}`);
    }
    if (change.kind !== 'add' && !members.some(({ id }) => id === change.id)) {
      throw new RefusalError('unknown-member', `${change.id} is no member`);
    }
    await consensus.changeMembers(change).catch((cause) => {
      throw new RefusalError('member-change-failed', (cause as Error).message);
    });
  }

  onEvent(listener: (event: NodeEvent) => void): () => void {
    return this.#replicator.events.onEvent(listener);
  }

  /** Every other member steps back until the target is MASTER and its activation is applied. */
  async #moveAddress(group: string, target: string): Promise<void> {
    const { state } = this.#replicator.dependencies;
    const { consensus } = this.#replicator.parts;
    if (state.group(group).node === target && !state.group(group).released) return;
    await consensus.propose(encodeCommand({ kind: CommandKind.handover, group, target }));
    await this.#until(
      () => state.group(group).node === target && !state.group(group).released,
      `${target} did not become the active node; is keepalived running there?`,
    );
  }

  async #moveLeadership(target: string): Promise<void> {
    const { consensus } = this.#replicator.parts;
    if (consensus.status().leader === target) return;
    await consensus.transferLeadership(target).catch((cause) => {
      throw new RefusalError('transfer-failed', `leadership stayed: ${(cause as Error).message}`);
    });
    await this.#until(() => consensus.status().leader === target, 'leadership stayed where it was');
  }

  async #until(done: () => boolean, failure: string): Promise<void> {
    const { clock } = this.#replicator.dependencies;
    const deadlineMs = clock.nowMs() + this.#options.transferTimeoutMs;
    while (!done()) {
      if (clock.nowMs() > deadlineMs) throw new RefusalError('transfer-failed', failure);
      await new Promise<void>((resolve) => clock.setTimer(20, resolve));
    }
  }

  #vrrpStatus(): VrrpStatus | null {
    if (this.#options.vrrpMode === null) return null;
    const { activity, readinessSink } = this.#replicator.dependencies;
    return {
      mode: this.#options.vrrpMode,
      state: activity.state,
      splitVip: this.#replicator.parts.activation.splitVip,
      trackFileValue: readinessSink.value,
    };
  }

  #groups(): readonly GroupStatus[] {
    return this.#replicator.dependencies.state.groups().map((group) => ({
      name: group.name,
      active: group.released ? null : group.node,
      epoch: group.epoch,
      released: group.released,
      nextSequence: group.nextSequence,
    }));
  }

  #memberStatus(member: ConsensusMember): MemberStatus {
    const level = this.#replicator.dependencies.state.member(member.id)?.level ?? false;
    return { ...member, level };
  }

  #kernelStatus(): NodeStatus['kernel'] {
    const { applier, room, dependencies } = this.#replicator;
    const { reconciler } = this.#replicator.parts;
    const { kernel, counters } = dependencies;
    return {
      entriesInKernel: kernel.count(),
      entriesMax: Number.isFinite(room.entriesMax) ? room.entriesMax : null,
      queued: applier.queued,
      failuresByErrno: counters.kernelFailures,
      overruns: counters.overruns,
      reconciling: reconciler.running,
      reconcileProgress: reconciler.progress,
      lastReconcile: reconciler.last,
      tableDifference: this.#replicator.parts.digestWatch.difference,
    };
  }
}
