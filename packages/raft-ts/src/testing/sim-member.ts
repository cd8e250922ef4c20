import { RaftCore } from '../core/raft.ts';
import type { CommitRule, RaftState } from '../core/state.ts';
import type { Index, NodeId } from '../core/types.ts';
import { BootstrapMismatchError } from '../errors.ts';
import { settleBootstrap } from '../node/opening.ts';
import { RaftNode } from '../node/raft-node.ts';
import type { ReadPolicy } from '../node/requests.ts';
import type { ResolvedOptions } from '../options.ts';
import type {
  AppendBatch,
  Clock,
  LogStore,
  RestoredState,
  SnapshotOffered,
  SnapshotStore,
  Transport,
} from '../ports.ts';
import { StorageCorruptionError, StorageFailedError } from '../storage/errors.ts';
import type { Coverage } from './coverage.ts';
import { DurableRecord } from './durable-record.ts';
import type { FaultPlan } from './fault-plan.ts';
import { InvariantError, type Invariants } from './invariants.ts';
import { MemberClock } from './member-clock.ts';
import { ObservedLogStore } from './observed-log-store.ts';
import { checkPromise } from './promises.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';
import type { SimNetwork } from './sim-network.ts';
import { type Outcome, SimStateMachine } from './sim-state-machine.ts';
import type { OpenedStore, SimStorage, StopKind } from './sim-storage.ts';
import { type InLife, readerInLife, writerInLife } from './snapshot-in-life.ts';

interface SimWorld {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly random: Random;
  readonly invariants: Invariants;
  readonly coverage: Coverage;
  readonly commitRule: CommitRule;
  readonly plan: Pick<FaultPlan, 'hasSnapshots' | 'isStateDurable' | 'syncMsMax'>;
  readonly fail: (error: unknown) => void;
  readonly onLeader: (member: SimMember) => void;
  readonly trace: (line: () => string) => void;
}

export interface SimMemberDependencies extends SimWorld {
  readonly storage: SimStorage;
}

/** `failed`: the disk refused and the member stopped for good. `refused`: its log is damaged and it does not start. */
export type Phase = 'down' | 'opening' | 'up' | 'failed' | 'refused';

interface Waiter {
  readonly index: Index;
  readonly resolve: () => void;
}

function isOfDisk(error: unknown): boolean {
  if (error instanceof StorageFailedError || error instanceof StorageCorruptionError) return true;
  return error instanceof Error && error.cause !== undefined && isOfDisk(error.cause);
}

/** One member through its lives: runs, pauses, crashes, starts again. */
export class SimMember {
  readonly id: NodeId;
  readonly storage: SimStorage;
  readonly clock: MemberClock;
  /** What its storage has called durable. */
  readonly durable: DurableRecord;
  node: RaftNode<Outcome> | null = null;
  life = 0;
  /** Its data are lost for good: it counts no more until it is added anew. */
  isDestroyed = false;
  /** Called once, when the next append is handed to the store. */
  onNextAppend: (() => void) | null = null;
  /** By lease in the runs that have leases. */
  readonly readPolicy: ReadPolicy;
  readonly #options: ResolvedOptions;
  /** What an operator names by mistake at the next start; null for nothing wrong. */
  #wrongMembers: ResolvedOptions['members'] | null = null;
  readonly #world: SimMemberDependencies;
  #phase: Phase = 'down';
  #core: RaftCore | null = null;
  #store: ObservedLogStore | null = null;
  #snapshots: SnapshotStore | null = null;
  #stateMachine: SimStateMachine | null = null;
  /** What the state machine has on disk. */
  #checkpoint: { readonly index: Index; readonly content: Uint8Array } | null = null;
  #cutIndex: Index = 0;
  #isDiskFaulty = false;
  #isPaused = false;
  #backlog: (() => void)[] = [];
  #waiters: Waiter[] = [];

  constructor(id: NodeId, options: ResolvedOptions, dependencies: SimMemberDependencies) {
    this.id = id;
    this.#options = options;
    this.readPolicy = options.leaseDriftMax === null ? 'readIndex' : 'lease';
    this.#world = dependencies;
    this.storage = dependencies.storage;
    this.durable = new DurableRecord(id);
    this.clock = new MemberClock(dependencies.clock, dependencies.random);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Its disk was made to fail, and it may not have noticed yet. */
  get isDiskFaulty(): boolean {
    return this.#isDiskFaulty;
  }

  get isUp(): boolean {
    return this.#phase === 'up';
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get state(): Readonly<RaftState> | null {
    return this.#core?.state ?? null;
  }

  /** Up to here the state machine needs the log no more. */
  get checkpointIndex(): Index {
    return this.#checkpoint?.index ?? 0;
  }

  /** Up to here the log is gone. */
  get cutIndex(): Index {
    return this.state?.log.compacted.index ?? this.#cutIndex;
  }

  start(): void {
    if (this.#phase !== 'down') return;
    const life = ++this.life;
    this.#phase = 'opening';
    const options = { ...this.#options, members: this.#wrongMembers ?? this.#options.members };
    this.#open(options).then(
      (opened) => {
        if (life === this.life) this.#attempt(() => this.#tryJoin(options, opened));
      },
      (error: unknown) => {
        if (life === this.life) this.#attempt(() => this.#onRefused(error));
      },
    );
  }

  /** Its next life is started with other first members; that is mended when it is refused, or with the end of that life. */
  misname(members: ResolvedOptions['members']): void {
    this.#wrongMembers = members;
  }

  /** The process is gone, with `power` also what was not synced. */
  crash(kind: StopKind): void {
    this.#world.trace(() => `${this.id} crashes (${kind})`);
    this.#cutIndex = this.cutIndex;
    this.life++;
    this.#phase = 'down';
    this.node = null;
    this.#core = null;
    this.#store?.end();
    this.#store = null;
    this.#snapshots = null;
    this.#stateMachine = null;
    this.#isPaused = false;
    this.#isDiskFaulty = false;
    this.#wrongMembers = null;
    this.#backlog = [];
    this.#waiters = [];
    this.onNextAppend = null;
    this.#world.network.disconnect(this.id);
    this.storage.stop(kind);
  }

  pause(): void {
    this.#world.trace(() => `${this.id} is frozen`);
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#world.trace(() => `${this.id} thaws`);
    this.#isPaused = false;
    const backlog = this.#backlog;
    this.#backlog = [];
    for (const callback of backlog) callback();
  }

  /** From now on an error of the disk is no surprise. */
  expectDiskFault(): void {
    this.#isDiskFaulty = true;
  }

  /** The newest group turns out torn; only while the member is down. */
  tear(): void {
    this.durable.torn(this.storage.tearableEntries ?? 0);
    this.storage.tear();
  }

  /** The data directory is deleted, while the member is down or with its end. */
  wipe(): void {
    this.crash('process');
    this.storage.wipe();
    this.durable.wiped();
    this.#checkpoint = null;
    this.#cutIndex = 0;
    this.isDestroyed = true;
  }

  /** The state machine makes its state durable, or a snapshot is taken, and the log may be cut. */
  compact(): void {
    const { node, life } = this;
    if (!this.isUp || node === null || this.#stateMachine === null || this.#isPaused) return;
    if (!this.#world.plan.isStateDurable) {
      node.snapshot().then(
        ({ lastIndex }) => {
          if (life === this.life) this.#compactTo(node, lastIndex);
        },
        () => {},
      );
      return;
    }
    this.#stateMachine.check();
    const index = this.#stateMachine.appliedIndex;
    this.#checkpoint = { index, content: this.#stateMachine.content() };
    this.#compactTo(node, index);
  }

  /** The state machine's own storage is lost, while the member is down; log and snapshots are not. */
  loseState(): void {
    this.#checkpoint = null;
  }

  /** The state is there, or can be had from the own snapshot: others can get it here. */
  get hasState(): boolean {
    const { state } = this;
    return this.isUp && state !== null && !state.isStateLost && state.restoring === null;
  }

  /** @throws {InvariantError} If the state is not what the log makes. */
  checkState(): void {
    this.#stateMachine?.check();
  }

  #compactTo(node: RaftNode<Outcome>, index: Index): void {
    const { life } = this;
    node.compact(index).then(
      () => {},
      (error: unknown) => {
        if (life === this.life) this.#onStorageFailed(error);
      },
    );
  }

  /** A linearizable read of a register, 0 when it is empty; does not settle when the member crashes. */
  async read(key: number): Promise<number> {
    const { node } = this;
    if (node === null) throw new Error(`${this.id} is down`);
    await this.#applied(await node.readIndex({ policy: this.readPolicy }));
    return this.#stateMachine?.get(key) ?? new Promise<number>(() => {});
  }

  #applied(index: Index): Promise<void> {
    if ((this.state?.applied ?? 0) >= index) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ index, resolve }));
  }

  async #open(options: ResolvedOptions): Promise<OpenedStore> {
    const opened = await this.storage.open();
    const { store, snapshots } = opened;
    const { hasSnapshots } = this.#world.plan;
    const snapshot = hasSnapshots ? snapshots.current : null;
    // The simulated state machine keeps no configuration.
    const parts = { store, snapshot, stateMachine: { appliedConfig: null } };
    return { ...opened, restored: await settleBootstrap(options, parts, opened.restored) };
  }

  #tryJoin(options: ResolvedOptions, opened: OpenedStore): void {
    try {
      this.#join(options, opened);
    } catch (error) {
      // Its configurations are read from the log first, which may be damaged.
      if (!this.isDestroyed || !isOfDisk(error)) throw error;
      this.#onRefused(error);
    }
  }

  #join(options: ResolvedOptions, { store, snapshots, restored }: OpenedStore): void {
    const { network, random, invariants, trace, coverage } = this.#world;
    invariants.restarted(this.id);
    this.durable.checkOpened(restored, store);
    if (restored.tornLog) coverage.add('start with a torn log');
    this.#phase = 'up';
    this.#cutIndex = restored.compacted.index;
    this.#stateMachine = new SimStateMachine(
      this.id,
      invariants,
      () => this.#observe(),
      this.#restorationTime(),
    );
    if (this.#checkpoint !== null) this.#stateMachine.load(this.#checkpoint.content);
    this.#snapshots = this.#world.plan.hasSnapshots ? snapshots : null;
    this.#store = this.#observed(store, restored);
    if (this.#wrongMembers !== null) coverage.add('start with other members, which do not count');
    this.node = new RaftNode<Outcome>(
      options,
      {
        store: this.#store,
        snapshots: this.#snapshots,
        transport: this.#transport(network.transport(this.id, restored.incarnation)),
        stateMachine: this.#stateMachine,
        clock: this.#ownClock(),
        random: () => random.next(),
      },
      restored,
      (coreOptions, dependencies, found) => {
        const { commitRule } = this.#world;
        this.#core = new RaftCore(coreOptions, { ...dependencies, commitRule }, found);
        return this.#core;
      },
    );
    this.#watch(this.node);
    trace(
      () => `${this.id} starts, log to ${restored.lastIndex}${restored.tornLog ? ' torn' : ''}`,
    );
    void this.node.start();
  }

  #watch(node: RaftNode<Outcome>): void {
    const { coverage, fail, onLeader, trace } = this.#world;
    const { life } = this;
    const isAlive = () => life === this.life;
    node.on('failed', fail);
    node.on('storageFailed', (error) => isAlive() && this.#onStorageFailed(error));
    node.on('applied', (index) => isAlive() && this.#onApplied(index));
    node.on('snapshotInstalled', ({ lastIndex }) => {
      trace(() => `${this.id} is restored to ${lastIndex}`);
      coverage.add('snapshot installed');
    });
    node.on('snapshotCreated', ({ lastIndex }) => {
      trace(() => `${this.id} has a snapshot at ${lastIndex}`);
      coverage.add('snapshot created');
    });
    node.on('snapshotSent', (to) => {
      trace(() => `${this.id} has sent a snapshot to ${to}`);
      coverage.add('snapshot sent');
    });
    node.on('role', (role, term) => {
      trace(() => `${this.id} is ${role} in term ${term}`);
      coverage.add(`role ${role}`);
      if (role === 'leader') onLeader(this);
    });
  }

  #onApplied(index: Index): void {
    if (this.#waiters.length === 0) return;
    const due = this.#waiters.filter((waiter) => waiter.index <= index);
    this.#waiters = this.#waiters.filter((waiter) => waiter.index > index);
    for (const { resolve } of due) resolve();
  }

  #onRefused(error: unknown): void {
    this.#world.trace(() => `${this.id} does not start: ${error}`);
    if (error instanceof BootstrapMismatchError && this.#wrongMembers !== null) {
      this.#world.coverage.add('start refused for other members');
      this.crash('process');
      this.start();
      return;
    }
    if (error instanceof StorageCorruptionError && this.isDestroyed) {
      this.#phase = 'refused';
      this.node = null;
      this.#core = null;
      this.#world.coverage.add('start refused for a damaged log');
    } else this.#onStorageFailed(error);
  }

  #onStorageFailed(error: unknown): void {
    const isExpected = this.#isDiskFaulty || this.isDestroyed;
    if (!isExpected || !isOfDisk(error)) {
      this.#world.fail(error);
      return;
    }
    this.#world.trace(() => `${this.id} stops: ${error}`);
    this.#world.coverage.add('member stopped by its disk');
    this.#phase = 'failed';
  }

  #observed(store: LogStore, restored: RestoredState): ObservedLogStore {
    const { invariants } = this.#world;
    return new ObservedLogStore(store, restored, {
      onAppend: (batch) => this.#onAppend(batch),
      onDurable: (batch, before) => {
        this.durable.stored(batch);
        if (batch.hardState === null) return;
        invariants.hardStateChanged(this.id, before, batch.hardState);
      },
      alive: (callback) => this.#alive(callback),
    });
  }

  #transport(transport: Transport): Transport {
    const { life } = this;
    return {
      ...transport,
      start: (receive, onSnapshot) => {
        // A message that arrives in a pause waits for its end.
        return transport.start(
          (message) => this.#alive(() => receive(message))(),
          onSnapshot && ((message, answer) => this.#offered(onSnapshot, message, answer)),
        );
      },
      sendSnapshot: (message, reader, signal, done) => {
        const inLife = this.#inLife();
        transport.sendSnapshot?.(message, readerInLife(reader, inLife), signal, (error) => {
          inLife(() => done(error));
        });
      },
      send: (message) => {
        // What still runs of a dead process in promises reaches nobody.
        if (life !== this.life) return;
        if (this.#phase !== 'up') throw new InvariantError(`${this.id} speaks after it stopped`);
        checkPromise(message, this.#store!);
        transport.send(message);
      },
    };
  }

  #offered(onSnapshot: SnapshotOffered, ...[message, answer]: Parameters<SnapshotOffered>): void {
    this.#world.coverage.add('snapshot offered');
    const inLife = this.#inLife();
    inLife(() =>
      onSnapshot(message, (result) => {
        const isWriter = result !== null && !(result instanceof Error);
        if (isWriter && result.offset > 0) this.#world.coverage.add('snapshot resumed');
        answer(isWriter ? writerInLife(result, inLife) : result);
      }),
    );
  }

  /** Runs what comes later in the life of now only. */
  #inLife(): InLife {
    const { life } = this;
    return (action) => {
      if (life === this.life) this.#alive(action)();
    };
  }

  /** About as long as a few syncs, and for ever when this life ends before. */
  #restorationTime(): () => Promise<void> {
    const { clock, random, plan } = this.#world;
    const inLife = this.#inLife();
    return () =>
      new Promise((resolve) => {
        clock.setTimer(random.between(0, 3 * plan.syncMsMax), () => {
          clock.needTurn();
          inLife(resolve);
        });
      });
  }

  #ownClock(): Clock {
    const { clock } = this;
    return {
      nowMs: () => clock.nowMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, this.#alive(callback)),
      defer: (callback) => clock.defer(this.#alive(callback)),
    };
  }

  /** Runs in this life only, after the end of a pause, and under the eyes of the invariants. */
  #alive(callback: () => void): () => void {
    const { life } = this;
    const run = () => {
      if (life !== this.life) return;
      if (this.#isPaused) {
        this.#backlog.push(run);
        return;
      }
      // Some come from promises of the real log, where nobody would hear of an exception.
      this.#attempt(() => {
        callback();
        this.#observe();
      });
    };
    return run;
  }

  #observe(): void {
    if (this.state !== null) this.#world.invariants.observe(this.id, this.state);
  }

  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#world.fail(error);
    }
  }

  #onAppend(batch: AppendBatch): void {
    const { invariants, trace, coverage } = this.#world;
    const [first] = batch.entries;
    if (first !== undefined) {
      const { reset } = batch;
      const isBegun = reset?.index === first.index - 1;
      const before = isBegun ? reset.term : this.#store?.term(first.index - 1);
      invariants.appended(batch.entries, before);
    }
    this.durable.handedOver(batch);
    if (batch.truncateFrom !== null) coverage.add('log truncated');
    if (batch.reset !== null) coverage.add('log reset');
    if (batch.clearTorn) coverage.add('torn member level again');
    trace(() => {
      const last = batch.entries.at(-1);
      const cut = batch.truncateFrom === null ? '' : ` cut ${batch.truncateFrom}`;
      const range = first === undefined ? '' : ` [${first.index}..${last?.index}] t${last?.term}`;
      const reset = batch.reset === null ? '' : ` reset to ${batch.reset.index}`;
      const vote = batch.hardState === null ? '' : ` vote ${JSON.stringify(batch.hardState)}`;
      return `${this.id} appends${reset}${cut}${range}${vote}`;
    });
    const { onNextAppend } = this;
    this.onNextAppend = null;
    onNextAppend?.();
  }
}
