import type { ExpectationFields, FlowFields } from '@raftwall/flow-table';
import { ActivationLog } from './activation-log.ts';
import type { AdministeredNode, KernelSide } from './administered-node.ts';
import { Applier } from './applier.ts';
import type { GroupState, Outcome } from './cluster-state.ts';
import type {
  ActivateCommand,
  BatchCommand,
  DigestCommand,
  HandoverCommand,
  ReleaseCommand,
  RollCallCommand,
  VerifiedCommand,
  VerifyCommand,
} from './command.ts';
import { Domain } from './domain.ts';
import { EventLog } from './event-log.ts';
import { kernelSideOf } from './kernel-side.ts';
import { SlotFlag } from './local-flag.ts';
import type { ReplicatorOptions } from './options.ts';
import { makeParts, type Parts } from './parts.ts';
import type { Consensus } from './ports.ts';
import { Promotion } from './promotion.ts';
import type { ReplicatorDependencies } from './replicator-dependencies.ts';
import { Room } from './room.ts';
import type { AppliedListener } from './state-machine.ts';
import { VrrpReport } from './vrrp-report.ts';

const tickMs = 100;

/**
 * One node's part in replication: kernel events to the log while the node is active, the log to the kernel while it is
 * not. It joins the parts; each part decides one thing.
 */
export class Replicator implements AppliedListener, AdministeredNode {
  readonly options: ReplicatorOptions;
  readonly events: EventLog;
  readonly domain: Domain;
  readonly applier: Applier;
  readonly room: Room;
  readonly activations: ActivationLog;
  readonly #dependencies: ReplicatorDependencies;
  #parts: Parts | null = null;
  #appliedIndex: number;
  /** Entries behind this index were proposed after this node started: their proposers live (rule K9). */
  #livingAfterIndex = Number.POSITIVE_INFINITY;
  #heardActive = false;
  readonly #promotion: Promotion;
  readonly #report: VrrpReport;
  #backupSinceMs: number;
  #readySinceMs = Number.POSITIVE_INFINITY;
  #addresses: ReadonlySet<string>;
  #cancelTick: (() => void) | null = null;
  #stopped = false;

  constructor(
    options: ReplicatorOptions,
    appliedIndex: number,
    dependencies: ReplicatorDependencies,
  ) {
    const { kernel, table, counters, clock, errnoName } = dependencies;
    this.options = options;
    this.#dependencies = dependencies;
    this.#appliedIndex = appliedIndex;
    const { mastering } = dependencies.activity;
    this.#backupSinceMs = mastering ? Number.POSITIVE_INFINITY : clock.nowMs();
    this.#addresses = new Set(dependencies.addresses.current());
    this.events = new EventLog();
    this.activations = new ActivationLog(counters);
    this.domain = new Domain(options.domain);
    this.room = new Room(options.room, { kernel, counters });
    this.applier = new Applier(options.applier, {
      kernel,
      table,
      room: this.room,
      domain: this.domain,
      counters,
      errnoName,
      onProgress: () => this.#parts?.readiness.check(),
      onRepairNeeded: (reason) => this.#parts?.schedule.request(reason),
    });
    this.applier.setAppliedIndex(appliedIndex);
    this.#promotion = new Promotion(options, {
      table,
      applier: this.applier,
      reconciler: () => this.parts.reconciler,
    });
    this.#report = new VrrpReport(
      { handoverMs: options.activity.handoverMs, deadlineMs: options.readiness.deadlineMs },
      { sink: dependencies.readinessSink, clock, logger: dependencies.logger, counters },
    );
  }

  /** The parts that need the log; valid from `start` on. */
  get parts(): Parts {
    if (this.#parts === null) throw new Error('the replicator has not started');
    return this.#parts;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get dependencies(): ReplicatorDependencies {
    return this.#dependencies;
  }

  /** Joins the log and the kernel and takes part. */
  async start(consensus: Consensus): Promise<void> {
    this.#parts = makeParts(this.options, {
      ...this.#dependencies,
      consensus,
      domain: this.domain,
      applier: this.applier,
      room: this.room,
      promotion: this.#promotion,
      events: this.events,
      replayedUntil: () => this.#livingAfterIndex,
      appliedIndex: () => this.#appliedIndex,
      truth: () => this.#truth(),
      mayClean: () => this.#mayClean(),
      obstacle: () => this.#obstacle(),
      onActive: (epoch) => this.#onActive(epoch),
      onInactive: (yielded) => this.#onInactive(yielded),
      onReadiness: (ready) => this.#onReadiness(ready),
    });
    this.#publishAddresses();
    this.#dependencies.addresses.onChange(() => this.#onAddresses());
    this.#dependencies.activity.onChange(() => this.#onVrrp());
    this.#report.start(this.#dependencies.activity.state === 'MASTER');
    await this.#dependencies.kernel.listen({
      onEvents: (events) => this.parts.kernelEvents.handle(events),
      onMalformed: (messages) => {
        this.#dependencies.counters.malformedMessages += messages;
      },
      onExpectation: (kind, expectation) =>
        this.parts.kernelEvents.handleExpectation(kind, expectation),
      onOverrun: () => this.#onOverrun(),
    });
    consensus.onChange(() => this.#tick());
    this.parts.activation.start();
    this.#scheduleTick();
  }

  /**
   * Leaves in order (rule V4): tells VRRP, goes on capturing until another node is active, then gives the epoch up. Nobody
   * is waited for who could not take over.
   */
  async leave(): Promise<void> {
    this.#report.leave();
    const { clock, activity } = this.#dependencies;
    const { activation } = this.parts;
    const deadlineMs = clock.nowMs() + this.options.activity.leaveMs;
    while (activation.state === 'active' && activity.state === 'MASTER' && this.#hasSuccessor()) {
      if (clock.nowMs() >= deadlineMs) break;
      await new Promise<void>((resolve) => clock.setTimer(20, resolve));
    }
    await activation.leave();
  }

  /** Another member is level and in contact, and VRRP can be made to choose it. */
  #hasSuccessor(): boolean {
    const { state } = this.#dependencies;
    const { members, quorum } = this.parts.consensus.status();
    return (
      quorum &&
      this.options.vrrp &&
      members.some(
        ({ id, reachable }) => id !== this.options.node && reachable && state.member(id)?.level,
      )
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTick?.();
    this.#parts?.activation.stop();
    this.#parts?.capture.stop();
    this.#parts?.schedule.stop();
    this.#parts?.foreignDeletes.stop();
    this.applier.setMode('blocked');
  }

  /** Storage is gone: never ready again, nothing more to the kernel. */
  fail(reason: string): void {
    this.#parts?.readiness.fail(reason);
    this.events.add('storage', reason, {});
    this.#report.leave();
  }

  // What the log decided, in log order.

  onActivation(
    command: ActivateCommand,
    outcome: Outcome,
    index: number,
    before: GroupState,
  ): void {
    const { epoch } = this.#dependencies.state.group(command.group);
    this.activations.note({ index, command, outcome, epoch });
    if (outcome.kind !== 'accepted') return;
    if (command.node === this.options.node) this.#promotion.noteActivation(before);
    else this.#hearActive(index);
    this.#report.stepForward();
    this.events.add('activation', `${command.node} is the active node`, { epoch, index });
    this.#parts?.activation.onActivationApplied(command, outcome, index);
    this.#showReadiness();
  }

  onRelease(command: ReleaseCommand, outcome: Outcome): void {
    if (outcome.kind !== 'accepted') return;
    const { node, epoch, reason } = command;
    this.events.add('activation', `${node} released epoch ${epoch}`, { epoch, reason });
    this.#parts?.activation.onReleaseApplied(command, outcome);
  }

  onBatch(command: BatchCommand, outcome: Outcome, index: number): void {
    if (outcome.kind === 'accepted') this.#parts?.announcer.noteLife();
    if (command.node !== this.options.node) {
      if (outcome.kind === 'accepted') this.#hearActive(index);
    } else if (this.#parts?.activation.epoch === command.epoch) {
      this.#parts.capture.acknowledge(this.#dependencies.state.group(command.group).nextSequence);
    }
  }

  onAlive(command: { readonly node: string }, outcome: Outcome, index: number): void {
    if (outcome.kind === 'accepted' && command.node !== this.options.node) this.#hearActive(index);
  }

  onHandover(command: HandoverCommand, index: number): void {
    if (command.target === this.options.node || index <= this.#livingAfterIndex) return;
    this.#report.stepBack();
    this.#showReadiness();
  }

  onMembers(): void {
    this.#publishAddresses();
  }

  onDigest(command: DigestCommand, index: number): void {
    this.#parts?.digestWatch.onApplied(command, index);
  }

  onVerify(command: VerifyCommand, index: number): void {
    this.#parts?.verification.onVerify(command, index);
  }

  onRollCall(command: RollCallCommand, index: number): void {
    this.#parts?.rollCall.onApplied(command.node, index);
    this.#parts?.announcer.onRollCall();
  }

  onVerified(command: VerifiedCommand): void {
    this.#parts?.verification.onVerified(command);
  }

  onFlowTouched(slot: number): void {
    // A standby's hold outlasts what the flow has left; only a comparison renews it (rule K14).
    if (this.applier.mode === 'active') this.#markOwn(slot);
  }

  onFlowChanged(slot: number, replaced: boolean, source: string): void {
    // What this kernel reported is not brought into it: if it is gone again, it has ended (rule K8).
    const { mode } = this.applier;
    const isOwn = source === this.options.node && mode === 'addOnly';
    if (mode === 'active' || isOwn) this.#markOwn(slot);
    else this.applier.changed(slot, replaced);
  }

  onFlowRemoved(flow: FlowFields): void {
    this.applier.removed(flow);
  }

  onExpectation(expectation: ExpectationFields, change: 'expected' | 'gone', source: string): void {
    // As with flows: what this kernel reported is not brought into it (rule K8).
    const isOwn = source === this.options.node && this.applier.mode === 'addOnly';
    if (!isOwn) this.applier.expectationChanged(expectation, change);
  }

  onApplied(index: number): void {
    this.#appliedIndex = index;
    this.applier.setAppliedIndex(index);
  }

  onRestoring(): void {
    this.applier.reset();
    this.#promotion.forget();
    this.#parts?.readiness.reset();
  }

  /** As after a restart: nothing is known of this kernel, and a living active node has yet to be heard (rules T5, K9). */
  onRestored(index: number): void {
    this.#heardActive = false;
    this.#livingAfterIndex = Number.POSITIVE_INFINITY;
    this.onApplied(index);
    this.events.add('snapshot', `the table was replaced by a snapshot of index ${index}`, {
      index,
    });
    this.#publishAddresses();
    if (this.#parts === null) return;
    if (this.#dependencies.activity.mastering) this.applier.setMode('addOnly');
    this.#parts.activation.onRestored(index);
    this.#showReadiness();
  }

  #truth(): 'kernel' | 'table' | null {
    if (this.applier.mode === 'active') return 'kernel';
    return this.applier.mode === 'standby' ? 'table' : null;
  }

  #onOverrun(): void {
    this.#dependencies.counters.overruns += 1;
    this.parts.schedule.request('overrun');
  }

  #onActive(epoch: number): void {
    this.#heardActive = true;
    this.applier.setMode('active');
    this.parts.capture.start(this.options.group, epoch);
    // Says at once that the promotion is complete, not only that this node lives.
    this.parts.announcer.signLife(epoch);
    this.parts.schedule.request('activation');
    this.parts.readiness.check();
  }

  #onInactive(yielded: boolean): void {
    this.parts.capture.stop();
    if (yielded) this.applier.setMode('addOnly');
    else this.#becomeStandby('demotion');
  }

  #onVrrp(): void {
    const { activity } = this.#dependencies;
    this.events.add('vrrp', `VRRP says ${activity.state}`, { state: activity.state });
    this.#followMastering();
  }

  /** Leaves `addOnly` when the last sign of MASTER has gone. */
  #followMastering(): void {
    const { activity, clock } = this.#dependencies;
    if (this.#stopped) return;
    if (activity.mastering) this.#backupSinceMs = Number.POSITIVE_INFINITY;
    else if (this.#backupSinceMs === Number.POSITIVE_INFINITY) {
      this.#backupSinceMs = clock.nowMs();
      if (this.applier.mode === 'addOnly') this.#becomeStandby('no longer master');
    }
  }

  #becomeStandby(reason: string): void {
    this.applier.setMode(this.#heardActive ? 'standby' : 'blocked');
    this.#parts?.schedule.request(reason);
  }

  /** Rule K9: this node may inject once an active node that lives was heard. */
  #hearActive(index: number): void {
    if (this.#heardActive || index <= this.#livingAfterIndex) return;
    this.#heardActive = true;
    if (this.applier.mode === 'blocked') this.#becomeStandby('start');
  }

  kernelSide(mode: Parameters<AdministeredNode['kernelSide']>[0]): KernelSide {
    return kernelSideOf(this, mode);
  }

  /** A full round on request of a person. */
  reconcileNow(reason: string): Promise<void> {
    return this.parts.schedule.run(reason);
  }

  /** Rule K10: BACKUP and level for a while, and still in contact. */
  #mayClean(): boolean {
    const { consensus, readiness } = this.parts;
    if (this.applier.mode !== 'standby' || !readiness.ready || !consensus.status().quorum)
      return false;
    const sinceMs = Math.max(this.#backupSinceMs, this.#readySinceMs);
    return this.#dependencies.clock.nowMs() - sinceMs >= this.options.reconciler.cleanAfterBackupMs;
  }

  #markOwn(slot: number): void {
    const { table } = this.#dependencies;
    const own = SlotFlag.inKernel | SlotFlag.seenInKernel;
    table.setLocalFlags(slot, (table.localFlags(slot) | own) & ~SlotFlag.destroyedHere);
  }

  #onAddresses(): void {
    const before = this.#addresses;
    this.#addresses = new Set(this.#dependencies.addresses.current());
    const isLost = [...before].some((address) => !this.#addresses.has(address));
    if (isLost) this.parts.capture.onAddressLost();
    this.#publishAddresses();
  }

  #publishAddresses(): void {
    const { state, addresses } = this.#dependencies;
    const all = new Set(addresses.current());
    for (const member of state.members()) for (const address of member.addresses) all.add(address);
    this.domain.setMemberAddresses(all);
  }

  #obstacle(): string | null {
    const mode = this.applier.mode;
    if (mode === 'blocked' && this.#dependencies.table.size > 0) {
      return 'no living active node has been heard of since the start';
    }
    return null;
  }

  #onReadiness(ready: boolean): void {
    this.#readySinceMs = ready ? this.#dependencies.clock.nowMs() : Number.POSITIVE_INFINITY;
    this.events.add('ready', ready ? 'ready' : 'not ready', {});
    this.#dependencies.logger.info({ ready, reason: this.parts.readiness.reason }, 'readiness');
    this.#showReadiness();
  }

  #showReadiness(): void {
    if (this.#parts === null) return;
    const { readiness, activation } = this.#parts;
    this.#report.show(readiness.ready, activation.splitVip);
  }

  #scheduleTick(): void {
    this.#cancelTick = this.#dependencies.clock.setTimer(tickMs, () => {
      this.#tick();
      if (!this.#stopped) this.#scheduleTick();
    });
  }

  /** Everything that is decided from levels, at a pace: nothing depends on having seen an edge. */
  #tick(): void {
    if (this.#stopped) return;
    const { announcer, readiness, holderWatch, hooksWatch, schedule, digestWatch } = this.parts;
    this.#seekLiving();
    this.#followMastering();
    announcer.check();
    hooksWatch.check();
    readiness.check();
    holderWatch.check();
    digestWatch.check();
    schedule.noteMaster(this.#dependencies.activity.state === 'MASTER');
    schedule.check();
    this.#showReadiness();
  }

  #seekLiving(): void {
    if (this.#livingAfterIndex !== Number.POSITIVE_INFINITY) return;
    this.parts.announcer.once('living', async () => {
      this.#livingAfterIndex = await this.parts.consensus.readIndex();
    });
  }
}
