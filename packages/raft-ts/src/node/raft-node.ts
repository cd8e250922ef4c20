import type { MembershipChange } from '../core/membership.ts';
import type { Message } from '../core/message.ts';
import { RaftCore } from '../core/raft.ts';
import type { ReadyAppend, SoftState } from '../core/ready.ts';
import type { CoreDependencies, CoreOptions, CoreRestored } from '../core/state.ts';
import type { TraceSink } from '../core/trace.ts';
import type { ClusterConfig, Entry, Index, NodeId, SnapshotMeta } from '../core/types.ts';
import {
  AssertionFailedError,
  ClosedError,
  InvalidOptionError,
  MemberFailedError,
  type RaftError,
  SnapshotUnavailableError,
} from '../errors.ts';
import type { RaftMetrics } from '../metrics.ts';
import {
  coreOptions,
  type RaftNodeOptions,
  type ResolvedOptions,
  resolveOptions,
} from '../options.ts';
import type {
  Clock,
  LogStore,
  RestoredState,
  SnapshotStore,
  StateMachine,
  Transport,
} from '../ports.ts';
import { ApplyLoop } from './apply-loop.ts';
import { CompactionLimit } from './compaction.ts';
import { Emitter } from './emitter.ts';
import { StateMachineFailure } from './member-failure.ts';
import { Membership } from './membership.ts';
import { Meter } from './meter.ts';
import { settleBootstrap, toCoreRestored } from './opening.ts';
import type { Applied } from './proposal-table.ts';
import type { RaftEvents } from './raft-events.ts';
import { type ReadPolicy, Requests } from './requests.ts';
import type { SnapshotContext } from './snapshot-context.ts';
import { Snapshots, snapshotOptions, snapshotParts } from './snapshots.ts';
import { nodeStatus, type RaftStatus } from './status.ts';
import { SystemClock } from './system-clock.ts';
import { Ticker } from './ticker.ts';

/** What a member runs over; everything that `open` is not given has a default. */
export interface RaftNodeDependencies<R> {
  readonly store: LogStore;
  readonly transport: Transport;
  readonly stateMachine: StateMachine<R>;
  /** Where snapshots are kept; without it, or without `snapshot` and `restore` of the state machine, there are none. */
  readonly snapshots?: SnapshotStore | null;
  /** `SystemClock` when absent. */
  readonly clock?: Clock;
  /** Uniform in [0, 1); `Math.random` when absent. */
  readonly random?: () => number;
  readonly metrics?: RaftMetrics | null;
  /** Gets every transition of the core; nothing is made for it when absent. */
  readonly trace?: TraceSink | null;
}

/** Makes the core of a member; tests put a broken one in its place. */
type CreateCore = (
  options: CoreOptions,
  dependencies: CoreDependencies,
  restored: CoreRestored,
) => RaftCore;

/**
 * One member of a Raft group: runs the core over a log, a transport, a clock and a state machine. It is synchronous and
 * deterministic over ports that call back, so the simulator runs this same code.
 */
export class RaftNode<R> extends Emitter<RaftEvents> {
  readonly #options: ResolvedOptions;
  readonly #store: LogStore;
  readonly #snapshotStore: SnapshotStore | null;
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #metrics: RaftMetrics | null;
  readonly #core: RaftCore;
  readonly #requests: Requests<R>;
  readonly #membership: Membership;
  readonly #meter: Meter | null;
  readonly #applyLoop: ApplyLoop<R>;
  readonly #snapshots: Snapshots | null;
  readonly #compactionLimit: CompactionLimit;
  readonly #ticker: Ticker;
  #config: ClusterConfig | null = null;
  #generation: number | null = null;
  #soft: SoftState = { role: 'follower', leader: null, term: 0 };
  #isScheduled = false;
  #stopped: RaftError | null = null;

  /**
   * Opens the log, restores the state and takes part.
   *
   * @throws {StorageCorruptionError} If the log is damaged.
   * @throws {BootstrapMismatchError} If `members` are not those that the data directory was made with, and still count.
   */
  static async open<R>(
    options: RaftNodeOptions,
    dependencies: RaftNodeDependencies<R>,
  ): Promise<RaftNode<R>> {
    const resolved = resolveOptions(options);
    const { store, snapshots, stateMachine } = dependencies;
    const found = await store.open();
    const snapshot = (await snapshots?.open()) ?? null;
    const restored = await settleBootstrap(resolved, { store, stateMachine, snapshot }, found);
    const node = new RaftNode(resolved, dependencies, restored);
    try {
      await node.start();
    } catch (error) {
      // Nobody has a handle on it: it must not go on, nor keep what it opened.
      await node.close();
      throw error;
    }
    return node;
  }

  /**
   * Use `open`; the simulator makes members directly, over a store that is open already.
   *
   * @internal
   */
  constructor(
    options: ResolvedOptions,
    dependencies: RaftNodeDependencies<R>,
    restored: RestoredState,
    createCore: CreateCore = (...parts) => new RaftCore(...parts),
  ) {
    super();
    const { store, transport, stateMachine } = dependencies;
    const random = dependencies.random ?? Math.random;
    const clock = dependencies.clock ?? new SystemClock();
    this.#options = options;
    this.#store = store;
    this.#snapshotStore = dependencies.snapshots ?? null;
    this.#transport = transport;
    this.#clock = clock;
    const metrics = dependencies.metrics ?? null;
    this.#metrics = metrics;
    const snapshotting = snapshotParts(stateMachine, this.#snapshotStore);
    const snapshot = snapshotting?.store.current ?? null;
    const found = { restored, stateMachine, snapshot, canReceive: snapshotting !== null };
    const core = createCore(
      coreOptions(options),
      { log: store, random, trace: dependencies.trace ?? null },
      toCoreRestored(options, found),
    );
    this.#core = core;
    const parts = { core, transport, clock, random, metrics };
    this.#snapshots = snapshotting && this.#makeSnapshots({ ...parts, ...snapshotting });
    this.#compactionLimit = new CompactionLimit(options.compactionTrailingEntries, {
      ...{ core, stateMachine, snapshots: this.#snapshots },
    });
    this.#requests = new Requests(options, stateMachine.appliedIndex, parts);
    this.#meter = metrics === null ? null : new Meter(metrics, core);
    this.#membership = new Membership(options, {
      ...{ core, clock, metrics, schedule: () => this.#schedule() },
      listener: {
        onPromoted: (id) => this.emit('learnerPromoted', id),
        onPromotionGivenUp: (id, why) => this.emit('promotionGivenUp', id, why),
      },
    });
    this.#applyLoop = new ApplyLoop(options.applySliceMs, {
      stateMachine: guarded(stateMachine),
      clock,
      onApplied: (entries, results, tookMs) => this.#onApplied(entries, results, tookMs),
    });
    const { timing, tickMs } = options;
    this.#ticker = new Ticker(
      { tickMs, lateMsMax: timing.electionTimeoutMsMin / 2 },
      { clock, onTick: (ticks, isLate, delayMs) => this.#onTick(ticks, isLate, delayMs) },
    );
  }

  /** Name of this member. */
  get id(): NodeId {
    return this.#options.id;
  }

  /** Joins in; `open` does this. Everything but the transport's own start happens at once. */
  start(): Promise<void> {
    this.#transport.setGeneration?.(this.#noteGeneration());
    this.#ticker.start();
    this.#schedule();
    return this.#transport.start((message) => this.#receive(message), this.#snapshots?.offered);
  }

  /**
   * Appends `data` to the log, from any member; resolves when this member has applied it.
   *
   * Proposals of one member keep their order, unless one is dropped.
   *
   * @throws {ProposalDroppedError | NotLeaderError | BusyError | EntryTooLargeError | ClosedError} If it is surely not in the log.
   * @throws {ProposalUnknownError} If it may be committed, now or later.
   */
  propose(data: Uint8Array): Promise<Applied<R>> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    return new Promise((resolve, reject) => {
      this.#requests.propose(data, { resolve, reject });
      this.#schedule();
    });
  }

  /**
   * A commit index that a quorum confirmed after this call, from any member: once the own state machine has applied it,
   * a read is linearizable. `policy`: `readIndex` when absent; `lease` needs the option `leaseDriftMax`.
   *
   * @throws {ReadIndexFailedError | NotLeaderError | BusyError} If it was not confirmed; ask again.
   * @throws {InvalidOptionError} If a lease is wanted and there are none.
   */
  readIndex({ policy = 'readIndex' }: { readonly policy?: ReadPolicy } = {}): Promise<Index> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    if (policy === 'lease' && this.#options.leaseDriftMax === null) {
      return Promise.reject(new InvalidOptionError('leaseDriftMax', 'set for a lease', null));
    }
    return new Promise((resolve, reject) => {
      this.#requests.readIndex(policy, (result) => {
        if (typeof result === 'number') resolve(result);
        else reject(result);
      });
      this.#schedule();
    });
  }

  /**
   * Milliseconds, by the clock, since this leader sent the newest heartbeats that a quorum has answered: until the smallest
   * election timeout has passed nobody else leads, unless this leader asked somebody to take over. Infinite on other
   * members, and without the option `leaseDriftMax`, which makes the others keep that promise.
   */
  get quorumAgeMs(): number {
    return this.#stopped === null ? this.#requests.quorumAgeMs : Number.POSITIVE_INFINITY;
  }

  /**
   * Moves leadership to a voter, from any member; resolves when it is seen to lead.
   *
   * @throws {TransferFailedError} If that did not happen within two election timeouts.
   */
  transferLeadership(target: NodeId): Promise<void> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    this.#metrics?.transfersTotal.inc();
    const done = this.#requests.transferLeadership(target);
    done.catch(() => this.#metrics?.transferFailuresTotal.inc());
    this.#schedule();
    return done;
  }

  /**
   * Changes who is a member, on the leader: through a joint configuration whenever the voters change, which ends by itself.
   * Resolves with the new configuration when it is committed and applied here. `ifConfigId`: refused when the present
   * configuration is not the one that `status().configId` told.
   *
   * A new member starts with the present voters as `members`, itself not among them; it gets the log as a learner first.
   *
   * @throws {NotLeaderError | ConfigChangeInProgressError | ConfigConflictError | LearnerNotLevelError | InvalidMembershipError | InvalidOptionError | ProposalDroppedError} If nothing has changed.
   * @throws {ProposalUnknownError} If the outcome is not known.
   */
  changeMembership(
    change: MembershipChange,
    { ifConfigId }: { readonly ifConfigId?: Index } = {},
  ): Promise<ClusterConfig> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    return this.#membership.change(change, ifConfigId ?? null);
  }

  /** Adds a member that gets the log and has no vote, see `changeMembership`. */
  addLearner(id: NodeId, address: string): Promise<ClusterConfig> {
    return this.changeMembership({ add: { [id]: address } });
  }

  /** Makes a learner that has caught up a voter, see `changeMembership`. */
  promote(id: NodeId): Promise<ClusterConfig> {
    return this.changeMembership({ promote: [id] });
  }

  /** Removes a member; a leader that removes itself steps down when that is committed, see `changeMembership`. */
  removeMember(id: NodeId): Promise<ClusterConfig> {
    return this.changeMembership({ remove: [id] });
  }

  /** What this member knows now; read from memory, at any time, also after it has stopped. */
  status(): RaftStatus {
    return nodeStatus(this.#core, this.#transport, this.#stopped);
  }

  /**
   * Takes a snapshot of everything that is applied now, unless there is one; resolves when it is durable.
   *
   * @throws {SnapshotUnavailableError} If there is no place for snapshots, the state machine has none, or none just now.
   */
  snapshot(): Promise<SnapshotMeta> {
    if (this.#stopped !== null) return Promise.reject(this.#stopped);
    return new Promise((resolve, reject) => {
      if (this.#snapshots === null) reject(new SnapshotUnavailableError('not set up'));
      else
        this.#guard(() =>
          this.#snapshots?.take((result) => {
            if (result instanceof Error) reject(result);
            else resolve(result);
          }),
        );
    });
  }

  /**
   * Highest index that `compact` may remove: applied here, and, unless a snapshot can be sent instead, held by every member.
   */
  get compactableIndex(): Index {
    return this.#compactionLimit.index;
  }

  /**
   * Forgets the log up to `index`, or up to what is allowed; returns up to where. The caller's state is durable there, by
   * itself or in a snapshot. A state machine that gets snapshots by policy need not call it.
   */
  async compact(index: Index): Promise<Index> {
    if (this.#stopped !== null) throw this.#stopped;
    // The next compaction will find the configuration in the snapshot.
    if (this.#compactionLimit.isHeldByConfig) this.#guard(() => this.#snapshots?.take(() => {}));
    if (this.#stopped !== null) throw this.#stopped;
    const { compacted } = this.#core.state.log;
    const allowed = Math.min(index, this.compactableIndex);
    if (allowed <= compacted.index) return compacted.index;
    this.#core.compact(allowed);
    try {
      await this.#store.compact(allowed);
    } catch (error) {
      this.#fail(error);
      throw this.#stopped ?? error;
    }
    return allowed;
  }

  /** Leaves at once, without handing leadership over; what waits is rejected. */
  async close(): Promise<void> {
    if (!(this.#stopped instanceof ClosedError)) {
      const isRunning = this.#stopped === null;
      this.#stopped = new ClosedError();
      if (isRunning) this.#halt('closed');
    }
    await this.#transport.stop();
    await this.#snapshotStore?.close();
    await this.#store.close();
  }

  #makeSnapshots(parts: Omit<SnapshotContext, 'turn' | 'listener'>): Snapshots {
    return new Snapshots(snapshotOptions(this.#options), {
      ...parts,
      turn: (action) => {
        this.#guard(action);
        this.#schedule();
      },
      listener: {
        onCreated: (meta) => this.emit('snapshotCreated', meta),
        onSent: (to, meta) => this.emit('snapshotSent', to, meta),
        onRestored: (meta) => this.#onRestored(meta),
        onFailed: (error) => this.emit('snapshotFailed', error),
      },
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#stopped !== null) return;
    this.#isScheduled = true;
    this.#clock.defer(() => {
      this.#isScheduled = false;
      this.#guard(() => this.#run());
    });
  }

  /** One round: answers leave first, applying comes last and in slices. */
  #run(): void {
    const ready = this.#core.ready();
    this.#requests.onSending();
    for (const message of ready.send) this.#transport.send(message);
    if (ready.append !== null) this.#append(ready.append);
    if (this.#generation !== this.#core.generation) {
      this.#transport.setGeneration?.(this.#noteGeneration());
    }
    if (ready.config !== null) this.#onConfig(ready.config);
    if (ready.softState !== null) this.#onSoftState(ready.softState);
    this.#requests.onReadStates(ready.readStates);
    if (ready.restore !== null) this.#applyLoop.clear();
    this.#snapshots?.onReady(ready);
    if (ready.apply.length > 0) this.#applyLoop.push(ready.apply);
    this.#applyLoop.runSlice();
    if (this.#applyLoop.hasWork || this.#core.hasReady()) this.#schedule();
  }

  #append(append: ReadyAppend): void {
    const startMs = this.#clock.nowMs();
    this.#metrics?.appendBatchesTotal.inc();
    this.#metrics?.appendedEntriesTotal.inc(append.entries.length);
    this.#store.append(append, (error) => {
      if (error !== null) this.#fail(error);
      this.#guard(() => this.#onAppendDone(append, startMs));
    });
  }

  #onAppendDone(append: ReadyAppend, startMs: number): void {
    this.#metrics?.appendSeconds.observe((this.#clock.nowMs() - startMs) / 1000);
    for (const message of append.thenSend) this.#transport.send(message);
    this.#core.appendDone(append.id);
    this.#schedule();
  }

  #receive(message: Message): void {
    this.#guard(() => {
      if (message.kind === 'forward-response') this.#requests.onForwardResponse(message);
      else if (
        message.kind === 'propose' ||
        message.kind === 'read-index' ||
        message.kind === 'transfer'
      ) {
        this.#requests.onForwarded(message);
      } else this.#core.step(message);
      this.#schedule();
    });
  }

  #onTick(ticks: number, isLate: boolean, delayMs: number): void {
    this.#guard(() => {
      this.#metrics?.loopDelaySeconds.observe(delayMs / 1000);
      for (let i = 0; i < ticks; i++) {
        if (this.#core.tick(!isLate)) this.#metrics?.electionsForgoneTotal.inc();
      }
      for (const { id } of this.#core.members()) {
        if (id !== this.id && !this.#transport.isReachable(id)) this.#core.reportUnreachable(id);
      }
      this.#requests.onTick();
      this.#meter?.onTick(this.#requests.waiting);
      this.#snapshots?.onTick();
      this.#membership.onTick();
      if (this.#core.hasReady()) this.#schedule();
    });
  }

  #onApplied(entries: readonly Entry[], results: readonly (R | undefined)[], tookMs: number): void {
    const { index } = entries[entries.length - 1]!;
    this.#core.applied(index);
    this.#metrics?.appliedEntriesTotal.inc(entries.length);
    this.#metrics?.applySliceSeconds.observe(tookMs / 1000);
    this.#requests.onApplied(entries, results);
    this.#membership.onApplied(entries);
    this.emit('applied', index);
    if (this.#snapshots?.onApplied(entries)) this.#takeSnapshot();
  }

  /** By policy: what the snapshot holds is no longer needed in the log. */
  #takeSnapshot(): void {
    this.#snapshots?.take((result) => {
      // A failure of the log stops the member by itself, and one of the snapshot was told already.
      if (!(result instanceof Error)) this.compact(result.lastIndex).catch(() => {});
    });
  }

  #onRestored(meta: SnapshotMeta): void {
    this.#requests.onRestored(meta.lastIndex);
    this.#membership.onRestored(meta.lastIndex);
    this.emit('snapshotInstalled', meta);
    this.emit('applied', meta.lastIndex);
  }

  #noteGeneration(): number | null {
    this.#generation = this.#core.generation;
    return this.#generation;
  }

  #onConfig(config: ClusterConfig): void {
    const peers = new Map(this.#core.state.configs.addresses);
    peers.delete(this.id);
    this.#transport.setPeers(peers);
    if (config === this.#config) return;
    this.#config = config;
    this.emit('config', config);
  }

  #onSoftState(soft: SoftState): void {
    const before = this.#soft;
    this.#soft = soft;
    if (before.leader !== soft.leader || before.term !== soft.term) {
      this.#requests.onLeaderChange(soft.leader);
      if (soft.leader !== null) this.#metrics?.leaderChangesTotal.inc();
      this.emit('leader', soft.leader, soft.term);
    }
    if (before.role !== soft.role) this.emit('role', soft.role, soft.term);
  }

  /** Nothing happens after a failure, and everything that throws is one. */
  #guard(action: () => void): void {
    if (this.#stopped !== null) return;
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#stopped !== null) return;
    const failure = new MemberFailedError(error);
    this.#stopped = failure;
    this.#halt(failure.message);
    if (error instanceof AssertionFailedError || error instanceof StateMachineFailure) {
      this.emit('failed', error);
    } else this.emit('storageFailed', failure);
  }

  #halt(reason: string): void {
    this.#ticker.stop();
    this.#snapshots?.close();
    this.#requests.failAll(reason);
    this.#membership.failAll(reason);
  }
}

/** Marks what the state machine throws. */
function guarded<R>(stateMachine: StateMachine<R>): Pick<StateMachine<R>, 'apply'> {
  return {
    apply(entries) {
      try {
        return stateMachine.apply(entries);
      } catch (cause) {
        throw new StateMachineFailure('the state machine threw', { cause });
      }
    },
  };
}
