import { RaftCore } from '../core/raft.ts';
import type { CommitRule, RaftState } from '../core/state.ts';
import type { Entry, HardState, Index, NodeId } from '../core/types.ts';
import { RaftNode } from '../node/raft-node.ts';
import type { ResolvedOptions } from '../options.ts';
import type { AppendBatch, Clock, StateMachine } from '../ports.ts';
import type { Invariants } from './invariants.ts';
import { MemoryLogStore } from './memory-log-store.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';
import type { SimNetwork } from './sim-network.ts';

export interface SimWorld {
  readonly clock: SimClock;
  readonly network: SimNetwork;
  readonly random: Random;
  readonly invariants: Invariants;
  readonly syncMsMax: number;
  readonly commitRule: CommitRule;
  readonly fail: (error: Error) => void;
  readonly onLeader: (member: SimMember) => void;
  readonly trace: (line: () => string) => void;
}

/** Tells the invariants what reaches the log. */
class ObservedLogStore extends MemoryLogStore {
  onAppend: (batch: AppendBatch) => void = () => {};
  onDurable: (batch: AppendBatch, before: HardState) => void = () => {};

  override append(batch: AppendBatch, done: (error: Error | null) => void): void {
    this.onAppend(batch);
    const before = this.hardState;
    super.append(batch, (error) => {
      if (error === null) this.onDurable(batch, before);
      done(error);
    });
  }
}

/** One member through its lives: runs, pauses, crashes, starts again. */
export class SimMember {
  readonly id: NodeId;
  readonly store: ObservedLogStore;
  node: RaftNode<Index> | null = null;
  life = 0;
  /** What the state machine would have on disk. */
  checkpoint: Index = 0;
  readonly #options: ResolvedOptions;
  readonly #world: SimWorld;
  #core: RaftCore | null = null;
  #isPaused = false;
  #backlog: (() => void)[] = [];

  constructor(id: NodeId, options: ResolvedOptions, world: SimWorld) {
    this.id = id;
    this.#options = options;
    this.#world = world;
    this.store = new ObservedLogStore((commit) => {
      const { clock, random, syncMsMax } = world;
      clock.setTimer(random.between(0.05, syncMsMax), this.#alive(commit));
    });
    this.store.onAppend = (batch) => this.#onAppend(batch);
    this.store.onDurable = ({ hardState }, before) => {
      if (hardState !== null) world.invariants.hardStateChanged(id, before, hardState);
    };
  }

  get isUp(): boolean {
    return this.node !== null;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get state(): Readonly<RaftState> | null {
    return this.#core?.state ?? null;
  }

  start(): void {
    const { network, random, invariants } = this.#world;
    this.life++;
    invariants.restarted(this.id);
    const transport = network.transport(this.id);
    this.node = new RaftNode<Index>(
      this.#options,
      {
        store: this.store,
        transport: { ...transport, start: (receive) => this.#listen(transport, receive) },
        stateMachine: this.#stateMachine(),
        clock: this.#clock(),
        random: () => random.next(),
      },
      this.store.restore(),
      (options, dependencies, restored) => {
        const { commitRule } = this.#world;
        this.#core = new RaftCore(options, { ...dependencies, commitRule }, restored);
        return this.#core;
      },
    );
    this.node.on('failed', (error) => this.#world.fail(error));
    this.node.on('storageFailed', (error) => this.#world.fail(error));
    this.node.on('role', (role, term) => {
      this.#world.trace(() => `${this.id} is ${role} in term ${term}`);
      if (role === 'leader') this.#world.onLeader(this);
    });
    this.#world.trace(() => `${this.id} starts, log to ${this.store.lastIndex}`);
    void this.node.start();
  }

  /** Power cut: everything not durable is gone. */
  crash(): void {
    this.#world.trace(() => `${this.id} crashes`);
    this.life++;
    this.node = null;
    this.#core = null;
    this.#isPaused = false;
    this.#backlog = [];
    this.#world.network.disconnect(this.id);
    this.store.crash();
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

  /** The state machine makes its state durable, and the log may be cut. */
  compact(): void {
    if (this.node === null || this.#isPaused || this.state === null) return;
    this.checkpoint = this.state.applied;
    void this.node.compact(this.checkpoint);
  }

  #clock(): Clock {
    const { clock } = this.#world;
    return {
      nowMs: () => clock.nowMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, this.#alive(callback)),
      defer: (callback) => clock.defer(this.#alive(callback)),
    };
  }

  #listen(
    transport: ReturnType<SimNetwork['transport']>,
    receive: Parameters<ReturnType<SimNetwork['transport']>['start']>[0],
  ): Promise<void> {
    return transport.start((message) => this.#alive(() => receive(message))());
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
      callback();
      if (this.state !== null) this.#world.invariants.observe(this.id, this.state);
    };
    return run;
  }

  #stateMachine(): StateMachine<Index> {
    return {
      appliedIndex: this.checkpoint,
      appliedConfig: null,
      apply: (entries: readonly Entry[]) => {
        if (this.state !== null) this.#world.invariants.observe(this.id, this.state);
        for (const entry of entries) this.#world.invariants.applied(this.id, entry);
        return entries.map((entry) => entry.index);
      },
    };
  }

  #onAppend(batch: AppendBatch): void {
    const { invariants, trace } = this.#world;
    const [first] = batch.entries;
    if (first !== undefined) {
      invariants.appended(batch.entries, this.store.term(first.index - 1));
    }
    trace(() => {
      const last = batch.entries.at(-1);
      const cut = batch.truncateFrom === null ? '' : ` cut ${batch.truncateFrom}`;
      const range = first === undefined ? '' : ` [${first.index}..${last?.index}] t${last?.term}`;
      const vote = batch.hardState === null ? '' : ` vote ${JSON.stringify(batch.hardState)}`;
      return `${this.id} appends${cut}${range}${vote}`;
    });
  }
}
