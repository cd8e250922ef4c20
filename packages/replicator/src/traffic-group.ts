import { type ExpectationFields, type FlowFields, FlowRecord } from '@raftwall/flow-table';
import { Applier } from './applier.ts';
import { claimOf } from './claim.ts';
import type { GroupState, Outcome } from './cluster-state.ts';
import type { ActivateCommand, BatchCommand, HandoverCommand, ReleaseCommand } from './command.ts';
import { Domain } from './domain.ts';
import { type GroupParts, makeGroupParts } from './group-parts.ts';
import type { GroupSelectors } from './group-selectors.ts';
import { SlotFlag } from './local-flag.ts';
import type { NodeContext } from './node-parts.ts';
import type { GroupOptions, ReplicatorOptions } from './options.ts';
import type { Activity, ReadinessSink } from './ports.ts';
import { Promotion } from './promotion.ts';
import type { GroupPorts, ReplicatorDependencies } from './replicator-dependencies.ts';
import { Room } from './room.ts';
import type { Turns } from './turns.ts';
import { VrrpReport } from './vrrp-report.ts';

const tcp = 6;
/** Rows looked at in one turn of the loop. */
const excusedPerTurn = 1_000;

export interface TrafficGroupDependencies extends ReplicatorDependencies {
  readonly ports: GroupPorts;
  readonly selectors: GroupSelectors;
  /** Comparisons of kernel and table, one at a time over all groups. */
  readonly rounds: Turns;
  /** The group's readiness has changed. */
  readonly onReadiness: () => void;
}

/**
 * One node's part in one traffic group: kernel events to the log while the node is active in it, the log to the kernel while it is
 * not (rule A6). It joins the parts; each part decides one thing.
 */
export class TrafficGroup {
  readonly name: string;
  readonly virtualAddresses: ReadonlySet<string>;
  readonly domain: Domain;
  readonly applier: Applier;
  readonly room: Room;
  readonly #options: ReplicatorOptions;
  readonly #dependencies: TrafficGroupDependencies;
  #parts: GroupParts | null = null;
  #node: NodeContext | null = null;
  #heardActive = false;
  readonly #promotion: Promotion;
  readonly #report: VrrpReport;
  #backupSinceMs: number;
  #readySinceMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(
    group: GroupOptions,
    options: ReplicatorOptions,
    dependencies: TrafficGroupDependencies,
  ) {
    const { kernel, table, counters, clock, logger, errnoName, ports } = dependencies;
    this.name = group.name;
    this.#options = options;
    this.#dependencies = dependencies;
    const { mastering } = ports.activity;
    this.#backupSinceMs = mastering ? Number.POSITIVE_INFINITY : clock.nowMs();
    const { selectors } = dependencies;
    this.virtualAddresses = new Set(group.virtualAddresses);
    this.domain = new Domain(options.domain, (flow) => selectors.isIn(group.name, flow));
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
    this.#promotion = new Promotion(
      { ...options, group: group.name },
      {
        table,
        applier: this.applier,
        selectors,
        reconciler: () => this.parts.reconciler,
      },
    );
    this.#report = new VrrpReport(
      { ...options.activity, ...options.readiness, mode: options.vrrpMode },
      { sink: ports.readinessSink, clock, logger, counters },
    );
  }

  /** The parts that need the log; valid from `join` on. */
  get parts(): GroupParts {
    if (this.#parts === null) throw new Error(`group ${this.name} has not joined the log`);
    return this.#parts;
  }

  get activity(): Activity {
    return this.#dependencies.ports.activity;
  }

  get readinessSink(): ReadinessSink {
    return this.#dependencies.ports.readinessSink;
  }

  /** Makes what needs the log, and tells VRRP what is known of this node so far. */
  join(node: NodeContext): void {
    this.#node = node;
    const { ports, rounds, selectors } = this.#dependencies;
    this.#parts = makeGroupParts(this.#options, {
      ...node,
      ...ports,
      domain: this.domain,
      applier: this.applier,
      room: this.room,
      promotion: this.#promotion,
      rounds,
      selectors,
      group: this.name,
      leads: this.name === this.#options.groups[0]?.name,
      truth: () => this.#truth(),
      mayClean: () => this.#mayClean(),
      mayLead: () => this.parts.readiness.ready,
      obstacle: () => this.#obstacle(),
      onActive: (epoch) => this.#onActive(epoch),
      onInactive: (yielded) => this.#onInactive(yielded),
      onReadiness: (ready) => this.#onReadiness(ready),
    });
    ports.activity.onChange(() => this.#onVrrp());
    const claim = claimOf(this.#options.vrrpMode, this.#options.activity, node);
    this.#report.start(ports.activity.state === 'MASTER', claim);
  }

  /** From now on the node may become active. */
  start(): void {
    this.parts.activation.start();
  }

  /**
   * Leaves in order (rule V4): tells VRRP, goes on capturing until another node is active, then gives the epoch up. Nobody
   * is waited for who could not take over.
   */
  async leave(hasSuccessor: () => boolean): Promise<void> {
    this.#report.leave();
    this.parts.activation.setDeparting(true);
    const { clock } = this.#dependencies;
    const { activation } = this.parts;
    const deadlineMs = clock.nowMs() + this.#options.activity.leaveMs;
    while (activation.state === 'active' && hasSuccessor()) {
      if (clock.nowMs() >= deadlineMs) break;
      await new Promise<void>((resolve) => clock.setTimer(20, resolve));
    }
    await activation.leave();
  }

  /** Whether this node writes the group's flows. */
  get isActive(): boolean {
    return this.parts.activation.epoch > 0;
  }

  setDrained(isDrained: boolean): void {
    this.parts.activation.setDeparting(isDrained);
    this.parts.readiness.setDrained(isDrained);
  }

  stop(): void {
    this.#stopped = true;
    this.#report.stop();
    this.#parts?.activation.stop();
    this.#parts?.capture.stop();
    this.#parts?.schedule.stop();
    this.applier.setMode('blocked');
  }

  /** Storage is gone: never ready again, nothing more to the kernel. */
  fail(reason: string): void {
    this.#parts?.readiness.fail(reason);
    this.#report.leave();
  }

  /** Everything that is decided from levels, at a pace: nothing depends on having seen an edge. */
  check(): void {
    const { signOfLife, readiness, activation, holderWatch, schedule } = this.parts;
    this.#followMastering();
    signOfLife.check();
    readiness.check();
    readiness.warnIfOverdue();
    activation.check();
    holderWatch.check();
    schedule.noteMaster(this.activity.state === 'MASTER');
    schedule.check();
    this.#showReadiness();
    this.#report.signLife();
  }

  // What the log decided of this group, in log order.

  onActivation(
    command: ActivateCommand,
    outcome: Outcome,
    index: number,
    before: GroupState,
  ): void {
    if (outcome.kind !== 'accepted') return;
    if (command.node === this.#options.node) this.#promotion.noteActivation(before);
    else {
      this.#hearActive(index);
      this.#parts?.readiness.onOtherActivation();
    }
    this.#report.stepForward();
    this.#parts?.activation.onActivationApplied(command, outcome, index);
    this.#showReadiness();
  }

  onRelease(command: ReleaseCommand, outcome: Outcome): void {
    this.#parts?.activation.onReleaseApplied(command, outcome);
  }

  onBatch(command: BatchCommand, outcome: Outcome, index: number): void {
    if (outcome.kind === 'accepted') this.#parts?.signOfLife.note();
    if (command.node !== this.#options.node) {
      if (outcome.kind === 'accepted') this.#hearActive(index);
    } else if (this.#parts?.activation.epoch === command.epoch) {
      this.#parts.capture.acknowledge(this.#dependencies.state.group(this.name).nextSequence);
    }
  }

  onAlive(command: { readonly node: string }, outcome: Outcome, index: number): void {
    if (outcome.kind === 'accepted' && command.node !== this.#options.node) this.#hearActive(index);
  }

  onHandover(command: HandoverCommand, index: number): void {
    if (index <= this.#livingAfterIndex) return;
    this.#report.handover(command.target === this.#options.node);
  }

  onFlowTouched(slot: number): void {
    // A standby's hold outlasts what the flow has left; only a comparison renews it (rule K14).
    if (this.applier.mode === 'active') this.#markOwn(slot);
  }

  onFlowChanged(slot: number, replaced: boolean, source: string): void {
    // What this kernel reported is not brought into it: if it is gone again, it has ended (rule K8).
    const { mode } = this.applier;
    const isOwn = source === this.#options.node && mode === 'addOnly';
    if (mode === 'active' || isOwn) this.#markOwn(slot);
    else this.applier.changed(slot, replaced);
  }

  onFlowRemoved(flow: FlowFields): void {
    this.applier.removed(flow);
  }

  onExpectation(expectation: ExpectationFields, change: 'expected' | 'gone', source: string): void {
    // As with flows: what this kernel reported is not brought into it (rule K8).
    const isOwn = source === this.#options.node && this.applier.mode === 'addOnly';
    if (!isOwn) this.applier.expectationChanged(expectation, change);
  }

  onRestoring(): void {
    this.applier.reset();
    this.#promotion.forget();
    this.#parts?.readiness.reset();
  }

  /** As after a restart: nothing is known of this kernel, and a living active node has yet to be heard (rules T5, K9). */
  onRestored(index: number): void {
    this.#heardActive = false;
    if (this.#parts === null) return;
    if (this.activity.mastering) this.applier.setMode('addOnly');
    this.#parts.activation.onRestored(index);
    this.#showReadiness();
  }

  /** Rule K6: flows that the kernel masqueraded to it are destroyed with it. */
  onAddressLost(): void {
    this.parts.capture.onAddressLost();
  }

  onOverrun(): void {
    this.parts.schedule.request('overrun');
  }

  get #livingAfterIndex(): number {
    return this.#node?.replayedUntil() ?? Number.POSITIVE_INFINITY;
  }

  #truth(): 'kernel' | 'table' | null {
    if (this.applier.mode === 'active') return 'kernel';
    return this.applier.mode === 'standby' ? 'table' : null;
  }

  #onActive(epoch: number): void {
    this.#heardActive = true;
    this.applier.setMode('active');
    this.parts.capture.start(this.name, epoch);
    // Says at once that the promotion is complete, not only that this node lives.
    this.parts.signOfLife.give(epoch);
    this.parts.schedule.request('activation');
    this.parts.readiness.check();
  }

  #onInactive(yielded: boolean): void {
    this.parts.capture.stop();
    if (yielded) this.applier.setMode('addOnly');
    else {
      this.#becomeStandby('demotion');
      void this.#excuseWindows();
    }
  }

  /**
   * The TCP windows that this kernel has seen stand still from now on, and when the address comes back it would take packets for
   * INVALID that acknowledge what it has not seen. Its own entries are excused from the check as injected ones are. Those are left
   * alone: after a crash two nodes may be MASTER for some milliseconds, and packets are on their way through both.
   */
  async #excuseWindows(): Promise<void> {
    const { table, clock } = this.#dependencies;
    const flow = new FlowRecord();
    for (let cursor = 0; cursor >= 0 && this.applier.mode === 'standby'; ) {
      cursor = table.forEachPage(cursor, excusedPerTurn, (slot) => {
        const flags = table.localFlags(slot);
        if ((flags & SlotFlag.inKernel) === 0 || flags & SlotFlag.injected) return;
        table.read(slot, flow);
        if (flow.protocol === tcp) this.applier.enqueue(slot);
      });
      await new Promise<void>((resolve) => clock.setTimer(0, resolve));
    }
  }

  #onVrrp(): void {
    const { state } = this.activity;
    this.#node?.events.add('vrrp', `VRRP says ${state}`, { state, group: this.name });
    this.#followMastering();
  }

  /** Leaves `addOnly` when the last sign of MASTER has gone. */
  #followMastering(): void {
    if (this.#stopped) return;
    if (this.activity.mastering) this.#backupSinceMs = Number.POSITIVE_INFINITY;
    else if (this.#backupSinceMs === Number.POSITIVE_INFINITY) {
      this.#backupSinceMs = this.#dependencies.clock.nowMs();
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

  /** Rule K10: BACKUP and level for a while, and still in contact. */
  #mayClean(): boolean {
    const { consensus, readiness } = this.parts;
    if (this.applier.mode !== 'standby' || !readiness.ready || !consensus.status().quorum)
      return false;
    const sinceMs = Math.max(this.#backupSinceMs, this.#readySinceMs);
    const { cleanAfterBackupMs } = this.#options.reconciler;
    return this.#dependencies.clock.nowMs() - sinceMs >= cleanAfterBackupMs;
  }

  #markOwn(slot: number): void {
    const { table } = this.#dependencies;
    const own = SlotFlag.inKernel | SlotFlag.seenInKernel;
    const flags = table.localFlags(slot);
    const isBornHere = (flags & SlotFlag.inKernel) === 0;
    const ended = SlotFlag.destroyedHere | (isBornHere ? SlotFlag.injected : 0);
    table.setLocalFlags(slot, (flags | own) & ~ended);
  }

  #obstacle(): string | null {
    if (this.applier.mode === 'blocked' && this.#dependencies.table.size > 0) {
      return 'no living active node has been heard of since the start';
    }
    return null;
  }

  #onReadiness(ready: boolean): void {
    const { clock, logger, onReadiness } = this.#dependencies;
    this.#readySinceMs = ready ? clock.nowMs() : Number.POSITIVE_INFINITY;
    const { name: group } = this;
    this.#node?.events.add('ready', ready ? 'ready' : 'not ready', { group });
    logger.info({ ready, reason: this.parts.readiness.reason, group }, 'readiness');
    this.#showReadiness();
    onReadiness();
  }

  #showReadiness(): void {
    if (this.#parts === null) return;
    const { readiness, activation } = this.#parts;
    this.#report.show({ ready: readiness.ready, secondMaster: activation.splitVip });
  }
}
