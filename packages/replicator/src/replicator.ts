import type { FlowFields, FlowTable } from '@raftwall/flow-table';
import { Activation } from './activation.ts';
import { Applier } from './applier.ts';
import { Capture } from './capture.ts';
import type { ClusterState, GroupState, Outcome } from './cluster-state.ts';
import {
  type ActivateCommand,
  type BatchCommand,
  CommandKind,
  encodeCommand,
  type HandoverCommand,
  type ReleaseCommand,
} from './command.ts';
import { Domain } from './domain.ts';
import { EventLog } from './event-log.ts';
import { HolderWatch } from './holder-watch.ts';
import { SlotFlag } from './local-flag.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { ReplicatorOptions } from './options.ts';
import {
  type Activity,
  type AddressSource,
  type Clock,
  type Consensus,
  type Kernel,
  type KernelEventCursor,
  KernelEventKind,
  type Logger,
  type ReadinessSink,
} from './ports.ts';
import { Readiness } from './readiness.ts';
import { Reconciler } from './reconciler.ts';
import type { AppliedListener } from './state-machine.ts';

export interface ReplicatorDependencies {
  readonly kernel: Kernel;
  readonly activity: Activity;
  readonly addresses: AddressSource;
  readonly readinessSink: ReadinessSink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
  readonly errnoName: (errno: number) => string;
  readonly state: ClusterState;
  readonly table: FlowTable;
}

const tickMs = 100;
const pageRows = 5_000;
const activationsKept = 256;

export interface DecidedActivation {
  readonly index: number;
  readonly command: ActivateCommand;
  readonly outcome: Outcome;
  readonly epoch: number;
}

/**
 * One node's part in replication: kernel events to the log while the node is active, the log to the kernel while it is
 * not. It joins the parts; each part decides one thing.
 */
export class Replicator implements AppliedListener {
  readonly options: ReplicatorOptions;
  readonly events: EventLog;
  readonly domain: Domain;
  readonly applier: Applier;
  readonly activations: DecidedActivation[] = [];
  readonly #dependencies: ReplicatorDependencies;
  #parts: Parts | null = null;
  #appliedIndex: number;
  /** Entries behind this index were proposed after this node started: their proposers live (rule K9). */
  #livingAfterIndex = Number.POSITIVE_INFINITY;
  #heardActive = false;
  /** The kernel was compared with the table since the start: `inKernel` flags can be believed. */
  #compared = false;
  /** Group state before this node's newest own activation. */
  #before: GroupState | null = null;
  #backupSinceMs: number;
  #steppedBackUntilMs = 0;
  #trackFileKeptUntilMs = 0;
  /** What VRRP was told last; null when that is not known. */
  #trackFileValue: 0 | 1 | null = null;
  #readySinceMs = Number.POSITIVE_INFINITY;
  #lastReconcileMs = 0;
  #lastAliveMs = 0;
  #proposing = new Set<string>();
  #addresses: ReadonlySet<string>;
  #cancelTick: (() => void) | null = null;
  #leaving = false;
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
    this.domain = new Domain(options.domain);
    this.applier = new Applier(options.applier, {
      kernel,
      table,
      domain: this.domain,
      counters,
      errnoName,
      onProgress: () => this.#parts?.readiness.check(),
      onRepairNeeded: (reason) => this.#reconcile(reason),
    });
    this.applier.setAppliedIndex(appliedIndex);
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
    this.#parts = this.#makeParts(consensus);
    this.#publishAddresses();
    this.#dependencies.addresses.onChange(() => this.#onAddresses());
    this.#dependencies.activity.onChange(() => this.#onVrrp());
    this.#startTrackFile();
    await this.#dependencies.kernel.listen({
      onEvents: (events) => this.#onKernelEvents(events),
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
    this.#leaving = true;
    this.#setTrackFile(0);
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
    this.applier.setMode('blocked');
  }

  /** Storage is gone: never ready again, nothing more to the kernel. */
  fail(reason: string): void {
    this.#parts?.readiness.fail(reason);
    this.events.add('storage', reason, {});
    this.#setTrackFile(0);
  }

  // What the log decided, in log order.

  onActivation(
    command: ActivateCommand,
    outcome: Outcome,
    index: number,
    before: GroupState,
  ): void {
    const { epoch } = this.#dependencies.state.group(command.group);
    this.activations.push({ index, command, outcome, epoch });
    if (this.activations.length > activationsKept) this.activations.shift();
    const { counters } = this.#dependencies;
    if (outcome.kind === 'refused') counters.activationsRefused += 1;
    if (outcome.kind !== 'accepted') return;
    counters.activationsAccepted += 1;
    if (command.node === this.options.node) this.#before = before;
    else this.#hearActive(index);
    this.#steppedBackUntilMs = 0;
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
    if (outcome.kind === 'accepted') this.#lastAliveMs = this.#dependencies.clock.nowMs();
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
    this.#steppedBackUntilMs = this.#dependencies.clock.nowMs() + this.options.activity.handoverMs;
    this.#showReadiness();
  }

  onMembers(): void {
    this.#publishAddresses();
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

  onApplied(index: number): void {
    this.#appliedIndex = index;
    this.applier.setAppliedIndex(index);
  }

  #makeParts(consensus: Consensus): Parts {
    const { kernel, table, counters, clock, logger, state, activity } = this.#dependencies;
    const { options } = this;
    const { retryMs } = options.activity;
    const names = { group: options.group, node: options.node };
    const capture = new Capture(
      { ...options.capture, node: options.node, retryMs },
      {
        kernel,
        consensus,
        clock,
        counters,
        table,
        domain: this.domain,
        flowsMax: () => state.flowsMax,
        onLostSequence: () => this.parts.activation.restart(),
      },
    );
    const reconciler = new Reconciler(options.reconciler, {
      kernel,
      table,
      clock,
      logger,
      counters,
      capture,
      domain: this.domain,
      applier: this.applier,
      appliedIndex: () => this.#appliedIndex,
      truth: () => this.#truth(),
      mayClean: () => this.#mayClean(),
    });
    const activation = new Activation(
      { ...options.activity, ...names, kernelIncarnation: options.kernelIncarnation },
      {
        consensus,
        activity,
        clock,
        logger,
        state: () => state,
        onMastering: () => this.applier.setMode('addOnly'),
        promote: () => this.#promote(),
        onActive: (epoch) => this.#onActive(epoch),
        beforeRelease: () => this.parts.capture.flushAll(),
        onInactive: (yielded) => this.#onInactive(yielded),
      },
    );
    const holderWatch = new HolderWatch(
      { ...names, holderLostMs: options.activity.holderLostMs },
      { consensus, clock, logger, state: () => state, wantsEpoch: () => activity.mastering },
    );
    const readiness = new Readiness(options.readiness, {
      consensus,
      clock,
      kernelIndex: () => this.applier.kernelIndex,
      obstacle: () => this.#obstacle(),
      onChange: (ready) => this.#onReadiness(ready),
    });
    return { consensus, capture, reconciler, activation, holderWatch, readiness };
  }

  #onKernelEvents(events: KernelEventCursor): void {
    const { capture, reconciler } = this.parts;
    const { counters } = this.#dependencies;
    while (events.next()) {
      const { kind, entry, portId } = events;
      if (kind === KernelEventKind.new) counters.events.new += 1;
      else if (kind === KernelEventKind.update) counters.events.update += 1;
      else counters.events.destroy += 1;
      reconciler.noteEvent(entry);
      if (capture.running) capture.handle(kind, entry, portId);
      else if (kind === KernelEventKind.destroy) this.#onDestroyHere(entry);
    }
    capture.flush();
  }

  /**
   * A flow left this kernel while another node's, or nobody's, is the truth. Once this node may be carrying traffic that is
   * the flow's end (rule K8); before, it is a hold that ran out or somebody's delete, and the kernel follows the table.
   */
  #onDestroyHere(entry: FlowFields): void {
    const { table } = this.#dependencies;
    const slot = table.find(entry);
    if (slot < 0) return;
    const flags = table.localFlags(slot) & ~SlotFlag.inKernel;
    const isEnd = this.applier.mode === 'addOnly';
    table.setLocalFlags(slot, isEnd ? flags | SlotFlag.destroyedHere : flags);
    if (!isEnd) this.applier.enqueue(slot);
  }

  #truth(): 'kernel' | 'table' | null {
    if (this.applier.mode === 'active') return 'kernel';
    return this.applier.mode === 'standby' ? 'table' : null;
  }

  #onOverrun(): void {
    this.#dependencies.counters.overruns += 1;
    this.#reconcile('overrun');
  }

  /** Rule K8: everything up to the own activation is brought into the kernel before the kernel is the truth. */
  async #promote(): Promise<void> {
    const { table } = this.#dependencies;
    this.applier.setMode('addOnly');
    if (!this.#compared) await this.parts.reconciler.run('promotion', 'inspect');
    this.#compared = true;
    const continued = this.#continuesOwnEpoch();
    for (let cursor = 0; cursor >= 0; ) {
      cursor = table.forEachPage(cursor, pageRows, (slot) => {
        const flags = table.localFlags(slot);
        // This kernel was the truth and lived on: what it lacks has ended while nobody looked.
        if (continued) table.setLocalFlags(slot, flags | SlotFlag.seenInKernel);
        else if ((flags & SlotFlag.inKernel) === 0) this.applier.enqueue(slot);
      });
      await this.applier.drained();
    }
  }

  /** Nobody else was active since this very kernel was. */
  #continuesOwnEpoch(): boolean {
    const before = this.#before;
    return (
      before?.promoted === true &&
      before.node === this.options.node &&
      before.kernelIncarnation === this.options.kernelIncarnation
    );
  }

  #onActive(epoch: number): void {
    this.#heardActive = true;
    this.applier.setMode('active');
    this.parts.capture.start(this.options.group, epoch);
    // Says at once that the promotion is complete, not only that this node lives.
    this.#proposeAlive(epoch);
    this.#reconcile('activation');
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
    this.#reconcile(reason);
  }

  /** Rule K9: this node may inject once an active node that lives was heard. */
  #hearActive(index: number): void {
    if (this.#heardActive || index <= this.#livingAfterIndex) return;
    this.#heardActive = true;
    if (this.applier.mode === 'blocked') this.#becomeStandby('start');
  }

  #reconcile(reason: string): void {
    if (this.#stopped || this.#parts === null) return;
    this.#lastReconcileMs = this.#dependencies.clock.nowMs();
    void this.#reconcileOnce(reason).catch((error) =>
      this.#dependencies.logger.error({ error, reason }, 'reconcile failed'),
    );
  }

  /** Runs one round with the truth where it is now, and resolves when its repairs are done. */
  async #reconcileOnce(reason: string): Promise<void> {
    const result = await this.parts.reconciler.run(reason, 'repair');
    if (result === null) return;
    this.#compared = true;
    await this.applier.drained();
    if (result.truth === 'table' && this.#truth() === 'table') this.applier.confirmCompared();
    this.#lastReconcileMs = this.#dependencies.clock.nowMs();
    this.parts.readiness.check();
  }

  /** A full round on request of a person. */
  reconcileNow(reason: string): Promise<void> {
    return this.#reconcileOnce(reason);
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
    const steppedBack = this.#dependencies.clock.nowMs() < this.#steppedBackUntilMs;
    // A second master says no, so that it yields as soon as it hears the first (rule V6).
    const stepsBack = steppedBack || this.#leaving || activation.splitVip;
    const isStarting = this.#dependencies.clock.nowMs() < this.#trackFileKeptUntilMs;
    if (isStarting && !readiness.ready && !stepsBack) return;
    this.#trackFileKeptUntilMs = 0;
    this.#setTrackFile(readiness.ready && !stepsBack ? 1 : 0);
  }

  /** Rule V3: not ready at once, but a node that carries the traffic keeps what VRRP knows until it could be ready. */
  #startTrackFile(): void {
    const { activity, clock } = this.#dependencies;
    if (activity.state !== 'MASTER') this.#setTrackFile(0);
    else this.#trackFileKeptUntilMs = clock.nowMs() + this.options.readiness.deadlineMs;
  }

  #setTrackFile(value: 0 | 1): void {
    if (this.#trackFileValue === value) return;
    try {
      this.#dependencies.readinessSink.set(value);
      this.#trackFileValue = value;
    } catch (error) {
      // The next tick tries again; the log must not stand still for a file.
      countBy(this.#dependencies.counters.retries, 'trackFile');
      this.#dependencies.logger.error({ err: error, value }, 'the track file cannot be written');
    }
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
    const { readiness, holderWatch } = this.parts;
    this.#seekLiving();
    this.#followMastering();
    this.#announce();
    readiness.check();
    holderWatch.check();
    this.#signLife();
    this.#reconcileWhenDue();
    this.#showReadiness();
  }

  #seekLiving(): void {
    if (this.#livingAfterIndex !== Number.POSITIVE_INFINITY) return;
    this.#once('living', async () => {
      this.#livingAfterIndex = await this.parts.consensus.readIndex();
    });
  }

  /** Rules K1 and K9: commits this node's addresses, its kernel's incarnation, and that it is level. */
  #announce(): void {
    const { state, addresses } = this.#dependencies;
    const { node, kernelIncarnation } = this.options;
    if (!this.parts.consensus.status().quorum) return;
    const known = state.member(node);
    const current = this.#ownAddresses(addresses.current());
    if (known?.kernelIncarnation !== kernelIncarnation || !sameTexts(known.addresses, current)) {
      this.#propose('member', {
        kind: CommandKind.member,
        node,
        addresses: current,
        kernelIncarnation,
      });
    } else if (!known.level && this.parts.readiness.ready) {
      this.#propose('level', { kind: CommandKind.level, node, kernelIncarnation });
    }
  }

  #ownAddresses(addresses: readonly string[]): readonly string[] {
    const virtual = new Set(this.options.domain.virtualAddresses);
    return addresses.filter((address) => !virtual.has(address)).sort();
  }

  #signLife(): void {
    const { epoch, state } = this.parts.activation;
    const sinceMs = this.#dependencies.clock.nowMs() - this.#lastAliveMs;
    if (state === 'active' && sinceMs >= this.options.activity.aliveIntervalMs) {
      this.#proposeAlive(epoch);
    }
  }

  #proposeAlive(epoch: number): void {
    this.#lastAliveMs = this.#dependencies.clock.nowMs();
    const { group, node } = this.options;
    this.#propose('alive', { kind: CommandKind.alive, group, epoch, node });
  }

  #reconcileWhenDue(): void {
    if (this.parts.reconciler.running) return;
    const sinceMs = this.#dependencies.clock.nowMs() - this.#lastReconcileMs;
    if (sinceMs >= this.options.reconciler.intervalMs) this.#reconcile('background');
  }

  #propose(name: string, command: Parameters<typeof encodeCommand>[0]): void {
    this.#once(name, async () => {
      await this.parts.consensus.propose(encodeCommand(command));
    });
  }

  /** Runs the action unless the last one of that name still runs; a failure is tried again by the next tick. */
  #once(name: string, action: () => Promise<void>): void {
    if (this.#proposing.has(name)) return;
    this.#proposing.add(name);
    action()
      .catch(() => countBy(this.#dependencies.counters.retries, name))
      .finally(() => this.#proposing.delete(name));
  }
}

/** The parts of a replicator that need the log. */
export interface Parts {
  readonly consensus: Consensus;
  readonly capture: Capture;
  readonly reconciler: Reconciler;
  readonly activation: Activation;
  readonly holderWatch: HolderWatch;
  readonly readiness: Readiness;
}

function sameTexts(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, i) => text === right[i]);
}
