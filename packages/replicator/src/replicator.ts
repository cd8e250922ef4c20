import type { ExpectationFields, FlowFields, FlowKeyFields } from '@raftwall/flow-table';
import { ActivationLog } from './activation-log.ts';
import type { AdministeredNode, KernelSide } from './administered-node.ts';
import type { GroupState, Outcome } from './cluster-state.ts';
import type {
  ActivateCommand,
  AliveCommand,
  BatchCommand,
  DigestCommand,
  HandoverCommand,
  ReleaseCommand,
  RollCallCommand,
  SurveyCommand,
  SurveyedCommand,
  VerificationCommand,
} from './command.ts';
import { EventDispatch } from './event-dispatch.ts';
import { EventLog } from './event-log.ts';
import { FlowDeletion } from './flow-deletion.ts';
import { GroupSelectors } from './group-selectors.ts';
import { kernelSideOf } from './kernel-side.ts';
import { makeNodeParts, type NodeParts } from './node-parts.ts';
import type { ReplicatorOptions } from './options.ts';
import type { Consensus } from './ports.ts';
import type { ReplicatorDependencies } from './replicator-dependencies.ts';
import type { AppliedListener } from './state-machine.ts';
import { TrafficGroup } from './traffic-group.ts';
import { Turns } from './turns.ts';

const tickMs = 100;

/**
 * One node's part in replication, over all its traffic groups: what there is once for a kernel and a log, and who of the groups an
 * event or a decision of the log concerns.
 */
export class Replicator implements AppliedListener, AdministeredNode {
  readonly options: ReplicatorOptions;
  readonly dependencies: ReplicatorDependencies;
  readonly selectors: GroupSelectors;
  readonly events = new EventLog();
  readonly activations: ActivationLog;
  /** In the order of the configuration. */
  readonly groups: readonly TrafficGroup[];
  #parts: NodeParts | null = null;
  #appliedIndex: number;
  /** Entries behind this index were proposed after this node started: their proposers live (rule K9). */
  #livingAfterIndex = Number.POSITIVE_INFINITY;
  #addresses: ReadonlySet<string>;
  #cancelTick: (() => void) | null = null;
  #stopped = false;

  /** @throws {TypeError} If there is no traffic group. */
  constructor(
    options: ReplicatorOptions,
    appliedIndex: number,
    dependencies: ReplicatorDependencies,
  ) {
    if (options.groups.length === 0) throw new TypeError('a replicator needs a traffic group');
    this.options = options;
    this.dependencies = dependencies;
    this.#appliedIndex = appliedIndex;
    this.#addresses = new Set(dependencies.addresses.current());
    this.activations = new ActivationLog(dependencies.counters);
    const selectors = new GroupSelectors(options.groups);
    const rounds = new Turns();
    this.selectors = selectors;
    this.groups = options.groups.map(
      (group) =>
        new TrafficGroup(group, options, {
          ...dependencies,
          selectors,
          rounds,
          ports: dependencies.portsOf(group.name),
          onReadiness: () => this.#parts?.announcer.check(),
        }),
    );
    for (const { applier } of this.groups) applier.setAppliedIndex(appliedIndex);
  }

  /** The group whose active node leads, and speaks for the others (rule A5). */
  get first(): TrafficGroup {
    return this.groups[0]!;
  }

  /** The parts that need the log; valid from `start` on. */
  get parts(): NodeParts {
    if (this.#parts === null) throw new Error('the replicator has not started');
    return this.#parts;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Joins the log and the kernel and takes part. */
  async start(consensus: Consensus): Promise<void> {
    const shared = {
      ...this.dependencies,
      consensus,
      events: this.events,
      replayedUntil: () => this.#livingAfterIndex,
      appliedIndex: () => this.#appliedIndex,
    };
    const parts = makeNodeParts(this.options, { ...shared, groups: this.groups });
    this.#parts = parts;
    for (const group of this.groups) group.join({ ...shared, ...parts });
    this.#publishAddresses();
    this.dependencies.addresses.onChange(() => this.#onAddresses());
    await this.dependencies.kernel.listen(
      new EventDispatch({
        ...this.dependencies,
        groups: this.groups,
        selectors: this.selectors,
      }),
    );
    consensus.onChange(() => this.#tick());
    for (const group of this.groups) group.start();
    this.#scheduleTick();
  }

  /** Leaves every group in order (rule V4). */
  async leave(): Promise<void> {
    await this.parts.departure.leave();
  }

  /** Hands everything over for maintenance, see `Departure`. */
  drain(): Promise<void> {
    return this.parts.departure.drain();
  }

  undrain(): void {
    this.parts.departure.undrain();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTick?.();
    for (const group of this.groups) group.stop();
    this.#parts?.foreignDeletes.stop();
  }

  /** Storage is gone: never ready again, nothing more to the kernel. */
  fail(reason: string): void {
    this.events.add('storage', reason, {});
    for (const group of this.groups) group.fail(reason);
  }

  kernelSide(mode: Parameters<AdministeredNode['kernelSide']>[0]): KernelSide {
    return kernelSideOf(this, mode);
  }

  deleteFlows(flows: readonly FlowFields[]): Promise<number> {
    return new FlowDeletion(this.dependencies.kernel, this.groups).delete(flows);
  }

  /** A full round on request of a person. */
  async reconcileNow(reason: string): Promise<void> {
    for (const { parts } of this.groups) await parts.schedule.run(reason);
  }

  // What the log decided, in log order.

  onActivation(
    command: ActivateCommand,
    outcome: Outcome,
    index: number,
    before: GroupState,
  ): void {
    const { group, node } = command;
    const { epoch } = this.dependencies.state.group(group);
    this.activations.note({ index, command, outcome, epoch });
    if (outcome.kind === 'accepted') {
      this.events.add('activation', `${node} is the active node`, { epoch, index, group });
    }
    this.#group(group)?.onActivation(command, outcome, index, before);
  }

  onRelease(command: ReleaseCommand, outcome: Outcome): void {
    if (outcome.kind !== 'accepted') return;
    const { node, epoch, reason, group } = command;
    this.events.add('activation', `${node} released epoch ${epoch}`, { epoch, reason, group });
    this.#group(group)?.onRelease(command, outcome);
  }

  onBatch(command: BatchCommand, outcome: Outcome, index: number): void {
    this.#group(command.group)?.onBatch(command, outcome, index);
  }

  onAlive(command: AliveCommand, outcome: Outcome, index: number): void {
    this.#group(command.group)?.onAlive(command, outcome, index);
  }

  onHandover(command: HandoverCommand, index: number): void {
    this.#parts?.holderFirst.pause();
    this.#group(command.group)?.onHandover(command, index);
  }

  onMembers(): void {
    this.#publishAddresses();
  }

  onDigest(command: DigestCommand, index: number): void {
    this.#parts?.digestWatch.onApplied(command, index);
  }

  onVerification(command: VerificationCommand, index: number): void {
    this.#parts?.verification.onApplied(command, index);
  }

  onRollCall(command: RollCallCommand, index: number): void {
    this.#parts?.rollCall.onApplied(command.node, index);
    this.#parts?.announcer.onRollCall();
  }

  onSurvey(command: SurveyCommand, index: number): void {
    this.#parts?.survey.onSurvey(command, index);
  }

  onSurveyed(command: SurveyedCommand): void {
    this.#parts?.survey.onSurveyed(command);
  }

  onFlowTouched(slot: number): void {
    this.#groupOfRow(slot)?.onFlowTouched(slot);
  }

  onFlowChanged(slot: number, replaced: boolean, source: string): void {
    this.#groupOfRow(slot)?.onFlowChanged(slot, replaced, source);
  }

  onFlowRemoved(flow: FlowFields): void {
    this.#parts?.verification.noteRemoved(flow);
    this.#groupOfFlow(flow)?.onFlowRemoved(flow);
  }

  onExpectation(expectation: ExpectationFields, change: 'expected' | 'gone', source: string): void {
    this.#groupOfMaster(expectation.master)?.onExpectation(expectation, change, source);
  }

  onApplied(index: number): void {
    this.#appliedIndex = index;
    for (const { applier } of this.groups) applier.setAppliedIndex(index);
  }

  onRestoring(): void {
    for (const group of this.groups) group.onRestoring();
  }

  /** As after a restart: whose proposers live is not known (rules T5, K9). */
  onRestored(index: number): void {
    this.#livingAfterIndex = Number.POSITIVE_INFINITY;
    this.onApplied(index);
    const message = `the table was replaced by a snapshot of index ${index}`;
    this.events.add('snapshot', message, { index });
    this.#publishAddresses();
    for (const group of this.groups) group.onRestored(index);
  }

  #group(name: string): TrafficGroup | undefined {
    return this.groups.find((group) => group.name === name);
  }

  #groupOfRow(slot: number): TrafficGroup | undefined {
    return this.groups[this.selectors.indexOfRow(this.dependencies.table, slot)];
  }

  #groupOfFlow(flow: FlowFields): TrafficGroup | undefined {
    return this.groups[this.selectors.indexOf(flow)];
  }

  #groupOfMaster(master: FlowKeyFields): TrafficGroup | undefined {
    return this.groups[this.selectors.indexOfKey(this.dependencies.table, master)];
  }

  #onAddresses(): void {
    const before = this.#addresses;
    this.#addresses = new Set(this.dependencies.addresses.current());
    const lost = [...before].filter((address) => !this.#addresses.has(address));
    for (const group of this.groups) if (lost.some(this.#concerns(group))) group.onAddressLost();
    this.#publishAddresses();
  }

  /** Rule K6: whether a lost address is the group's, or no group's, such as an interface's own. */
  #concerns({ virtualAddresses }: TrafficGroup): (address: string) => boolean {
    const isVirtual = (address: string): boolean =>
      this.groups.some((group) => group.virtualAddresses.has(address));
    return (address) => virtualAddresses.has(address) || !isVirtual(address);
  }

  #publishAddresses(): void {
    const { state, addresses } = this.dependencies;
    const all = new Set(addresses.current());
    for (const member of state.members()) for (const address of member.addresses) all.add(address);
    for (const { domain } of this.groups) domain.setMemberAddresses(all);
  }

  #scheduleTick(): void {
    this.#cancelTick = this.dependencies.clock.setTimer(tickMs, () => {
      this.#tick();
      if (!this.#stopped) this.#scheduleTick();
    });
  }

  /** Everything that is decided from levels, at a pace: nothing depends on having seen an edge. */
  #tick(): void {
    if (this.#stopped) return;
    const { announcer, hooksWatch, digestWatch, holderFirst } = this.parts;
    this.#seekLiving();
    announcer.check();
    hooksWatch.check();
    digestWatch.check();
    holderFirst.check();
    for (const group of this.groups) group.check();
  }

  #seekLiving(): void {
    if (this.#livingAfterIndex !== Number.POSITIVE_INFINITY) return;
    this.parts.announcer.once('living', async () => {
      this.#livingAfterIndex = await this.parts.consensus.readIndex();
    });
  }
}
