import { FlowRecord } from '@raftwall/flow-table';
import type {
  ActivationView,
  AdminPort,
  FlowPage,
  FlowQuery,
  FlowView,
  NodeEvent,
  SurveyReport,
  VerifyReport,
} from './admin-port.ts';
import type { AdministeredNode, KernelSide } from './administered-node.ts';
import { isWitness } from './cluster-state.ts';
import { CommandKind, encodeCommand } from './command.ts';
import { RefusalError } from './errors.ts';
import { compileQuery, viewFlow } from './flow-view.ts';
import type { ConsensusMember, MemberChange } from './ports.ts';
import type { GroupStatus, MemberStatus, NodeStatus } from './status.ts';

export interface AdminOptions {
  /** VRRP's mode, or null without VRRP. */
  readonly vrrpMode: 'follow' | 'lead' | 'strict' | null;
  /** How long a transfer may take before it is called failed. */
  readonly transferTimeoutMs: number;
}

/** Rows looked at in one turn of the loop. */
const SLICE_ROWS = 256;

/** What people may ask of a running node and have it do. */
export class Admin implements AdminPort {
  readonly #options: AdminOptions;
  readonly #node: AdministeredNode;

  constructor(options: AdminOptions, node: AdministeredNode) {
    this.#options = options;
    this.#node = node;
  }

  status(): NodeStatus {
    const { options, appliedIndex, dependencies, parts } = this.#node;
    const { role, leader, term, commitIndex, quorum, members } = parts.consensus.status();
    const group = dependencies.state.group(options.groups[0]!.name);
    const { locals, ...kernelSide } = this.#node.kernelSide(this.#options.vrrpMode);
    return {
      cluster: options.cluster,
      node: options.node,
      version: options.version,
      role,
      leader,
      term,
      commitIndex,
      appliedIndex,
      flows: dependencies.table.size,
      active: group.released ? null : group.node,
      epoch: group.epoch,
      quorum,
      groups: this.#groups(locals),
      members: members.map((member) => this.#memberStatus(member)),
      verifying: parts.verification.progress,
      ...kernelSide,
    };
  }

  async *flows(query: FlowQuery, pageSize: number): AsyncIterable<readonly FlowView[]> {
    const { table } = this.#node.dependencies;
    const matches = compileQuery(query);
    const { selectors } = this.#node;
    const owners = this.#owners();
    const flow = new FlowRecord();
    let left = query.limit ?? Number.POSITIVE_INFINITY;
    for (let cursor = 0; cursor >= 0 && left > 0; ) {
      const page: FlowView[] = [];
      cursor = table.forEachPage(cursor, pageSize, (slot) => {
        table.read(slot, flow);
        if (page.length < left && matches(flow))
          page.push(viewFlow(flow, owners[selectors.indexOf(flow)] ?? null));
      });
      left -= page.length;
      if (page.length > 0) yield page;
      await nextTurn();
    }
  }

  async flowPage(query: FlowQuery, from: number, limit: number): Promise<FlowPage> {
    const { table } = this.#node.dependencies;
    const matches = compileQuery(query);
    const owner = this.status().active;
    const flow = new FlowRecord();
    const flows: FlowView[] = [];
    let next: number | null = null;
    for (let cursor = from; cursor >= 0 && next === null; await nextTurn()) {
      cursor = table.forEachPage(cursor, SLICE_ROWS, (slot) => {
        if (next !== null) return;
        table.read(slot, flow);
        if (!matches(flow)) return;
        if (flows.length < limit) flows.push(viewFlow(flow, owner));
        else next = slot;
      });
    }
    return { flows, next };
  }

  async deleteFlows(query: FlowQuery): Promise<number> {
    const { table } = this.#node.dependencies;
    const matches = compileQuery(query);
    // Refuses where there is nothing to delete, too.
    let deleted = await this.#node.deleteFlows([]);
    for (let cursor = 0; cursor >= 0; ) {
      const flows: FlowRecord[] = [];
      cursor = table.forEachPage(cursor, SLICE_ROWS, (slot) => {
        const flow = new FlowRecord();
        table.read(slot, flow);
        if (matches(flow)) flows.push(flow);
      });
      if (flows.length > 0) deleted += await this.#node.deleteFlows(flows);
      await nextTurn();
    }
    return deleted;
  }

  async barrier(): Promise<void> {
    const { clock } = this.#node.dependencies;
    const { consensus } = this.#node.parts;
    const deadlineMs = clock.nowMs() + this.#options.transferTimeoutMs;
    const refusal = (cause: string) =>
      new RefusalError(
        'no-quorum',
        `what is committed cannot be known (${cause}); local reads work`,
      );
    if (!consensus.status().quorum) throw refusal('this node is not in contact with a quorum');
    const index = await consensus.readIndex().catch((cause: Error) => {
      throw refusal(cause.message);
    });
    while (this.#node.appliedIndex < index) {
      if (clock.nowMs() > deadlineMs) throw refusal('the table does not catch up');
      await new Promise<void>((resolve) => clock.setTimer(1, resolve));
    }
  }

  activations(): readonly ActivationView[] {
    return this.#node.activations.decided.map(({ index, command, outcome, epoch }) => ({
      index,
      group: command.group,
      epoch,
      node: command.node,
      accepted: outcome.kind !== 'refused',
      refusedReason: outcome.kind === 'refused' ? outcome.reason : null,
    }));
  }

  async transfer(target: string): Promise<void> {
    const { options, dependencies } = this.#node;
    const { consensus } = this.#node.parts;
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
    if (dependencies.state.member(target)?.ready !== true) {
      throw new RefusalError('not-ready', `${target} is not ready; its own status says why`);
    }
    await this.#move(options.groups, target);
  }

  drain(): Promise<void> {
    return this.#node.drain();
  }

  async undrain(): Promise<void> {
    this.#node.undrain();
  }

  async verify(repair: boolean): Promise<VerifyReport> {
    const { consensus, verification } = this.#node.parts;
    if (!consensus.status().quorum) {
      throw new RefusalError('no-quorum', 'the members cannot be asked without a quorum');
    }
    return verification.run(repair);
  }

  async survey(): Promise<SurveyReport> {
    const { consensus, survey } = this.#node.parts;
    if (!consensus.status().quorum) {
      throw new RefusalError('no-quorum', 'the members cannot be asked without a quorum');
    }
    return survey.run();
  }

  reconcile(reason: string): Promise<void> {
    return this.#node.reconcileNow(reason);
  }

  async changeMembers(change: MemberChange): Promise<void> {
    const { consensus } = this.#node.parts;
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
    return this.#node.events.onEvent(listener);
  }

  /** Who has authority moves first: VRRP in `follow`, leadership in the other modes. */
  async #move(groups: readonly { readonly name: string }[], target: string): Promise<void> {
    const { vrrpMode } = this.#options;
    if (vrrpMode === 'follow') {
      for (const { name } of groups) {
        if (!this.#isActive(name, target)) await this.#announceHandover(name, target);
        await this.#untilActive(name, target);
      }
    }
    if (vrrpMode === 'lead') {
      for (const { name } of groups) await this.#announceHandover(name, target);
    }
    await this.#moveLeadership(target);
    if (vrrpMode === null) return;
    for (const { name } of groups) await this.#untilActive(name, target);
  }

  #isActive(group: string, node: string): boolean {
    const { state } = this.#node.dependencies;
    return state.group(group).node === node && !state.group(group).released;
  }

  /** `follow`: the others step back. `lead`: nobody waits to see whether the new leadership lasts. */
  async #announceHandover(group: string, target: string): Promise<void> {
    const command = encodeCommand({ kind: CommandKind.handover, group, target });
    await this.#node.parts.consensus.propose(command);
  }

  #untilActive(group: string, target: string): Promise<void> {
    return this.#until(
      () => this.#isActive(group, target),
      `${target} did not become the active node; is keepalived running there?`,
    );
  }

  async #moveLeadership(target: string): Promise<void> {
    const { consensus } = this.#node.parts;
    if (consensus.status().leader === target) return;
    await consensus.transferLeadership(target).catch((cause) => {
      throw new RefusalError('transfer-failed', `leadership stayed: ${(cause as Error).message}`);
    });
    await this.#until(() => consensus.status().leader === target, 'leadership stayed where it was');
  }

  async #until(done: () => boolean, failure: string): Promise<void> {
    const { clock } = this.#node.dependencies;
    const deadlineMs = clock.nowMs() + this.#options.transferTimeoutMs;
    while (!done()) {
      if (clock.nowMs() > deadlineMs) throw new RefusalError('transfer-failed', failure);
      await new Promise<void>((resolve) => clock.setTimer(20, resolve));
    }
  }

  /** The active node of each configured group, in their order. */
  #owners(): readonly (string | null)[] {
    const { options, dependencies } = this.#node;
    const groups = options.groups.map(({ name }) => dependencies.state.group(name));
    return groups.map(({ released, node }) => (released ? null : node));
  }

  /** The configured groups in their order, and after them what the log knows of others. */
  #groups(locals: KernelSide['locals']): readonly GroupStatus[] {
    const { options, dependencies } = this.#node;
    const { state } = dependencies;
    const names = new Set([...options.groups, ...state.groups()].map(({ name }) => name));
    return [...names].map((name) => {
      const { node, released, epoch, nextSequence } = state.group(name);
      const active = released ? null : node;
      return { name, active, epoch, released, nextSequence, local: locals.get(name) ?? null };
    });
  }

  #memberStatus(member: ConsensusMember): MemberStatus {
    const known = this.#node.dependencies.state.member(member.id);
    return {
      ...member,
      level: known?.level ?? false,
      ready: known?.ready ?? false,
      witness: isWitness(known),
    };
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
