import { initialConfig } from '../../src/core/config.ts';
import type { AppendRequest, RaftMessage, SnapshotMessage } from '../../src/core/message.ts';
import { RaftCore } from '../../src/core/raft.ts';
import type { Ready, ReadyAppend, SnapshotDue } from '../../src/core/ready.ts';
import type { CoreOptions } from '../../src/core/state.ts';
import type { TraceSink } from '../../src/core/trace.ts';
import type {
  ClusterConfig,
  Entry,
  Index,
  NodeId,
  SnapshotMeta,
  Term,
} from '../../src/core/types.ts';
import { EntryType } from '../../src/core/types.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';

export const electionTicks = 20;

export interface CoreSetup {
  readonly id?: NodeId;
  readonly members?: readonly NodeId[];
  readonly config?: ClusterConfig;
  /** Terms of the durable log, from index 1 on. */
  readonly log?: readonly Term[];
  readonly configs?: ReadonlyMap<Index, ClusterConfig>;
  readonly term?: Term;
  readonly votedFor?: NodeId | null;
  readonly tornLog?: boolean;
  /** What the state machine contains already. */
  readonly applied?: Index;
  /** `config` is that of the applied index, and not the first one. */
  readonly isConfigApplied?: boolean;
  /** The newest durable snapshot. */
  readonly snapshot?: SnapshotMeta;
  /** The log begins behind this index. */
  readonly compacted?: Index;
  readonly options?: Partial<CoreOptions>;
  /** Draws election timeouts; the smallest ones when absent. */
  readonly random?: () => number;
  readonly trace?: TraceSink;
}

const defaults: Omit<CoreOptions, 'id'> = {
  heartbeatTicks: 5,
  electionTicksMin: electionTicks,
  electionTicksMax: electionTicks,
  preVote: true,
  checkQuorum: true,
  lease: false,
  appendBytesMax: 1 << 20,
  inflightMessagesMax: 256,
  inflightBytesMax: 1 << 20,
  entryBytesMax: 1000,
  uncommittedBytesMax: 1 << 20,
  applyBytesMax: 1 << 20,
  tailBytesMax: 1 << 20,
};

/** One core on a bench: messages go in and come out by hand, and so do completions of its disk. */
export class CoreBench {
  readonly id: NodeId;
  readonly core: RaftCore;
  readonly store: MemoryLogStore;
  readonly sent: RaftMessage[] = [];
  readonly applied: Entry[] = [];
  readonly reads: { id: number; index: Index | null }[] = [];
  /** The append in flight, held back. */
  pending: ReadyAppend | null = null;
  /** Members to whom a snapshot is due. */
  readonly due: SnapshotDue[] = [];
  /** The restoration in progress, held back until `restore`. */
  restoring: SnapshotMeta | null = null;
  #commitPending: (() => void) | null = null;

  constructor(setup: CoreSetup = {}) {
    const members = setup.members ?? ['a', 'b', 'c'];
    this.id = setup.id ?? members[0]!;
    const log = setup.log ?? [];
    const term = setup.term ?? log.at(-1) ?? 0;
    this.store = new MemoryLogStore((commit) => {
      this.#commitPending = commit;
    });
    this.store.preset(log, { term, votedFor: setup.votedFor ?? null }, setup.configs);
    if (setup.compacted !== undefined) void this.store.compact(setup.compacted);
    const addresses = Object.fromEntries(members.map((id) => [id, id]));
    this.core = new RaftCore(
      { ...defaults, ...setup.options, id: this.id },
      { log: this.store, random: setup.random ?? (() => 0), trace: setup.trace ?? null },
      {
        ...this.store.restore(),
        tornLog: setup.tornLog ?? false,
        appliedIndex: setup.applied ?? 0,
        config: setup.config ?? initialConfig(addresses),
        isConfigApplied: setup.isConfigApplied ?? false,
        snapshot: setup.snapshot ?? null,
      },
    );
  }

  /** Terms of the log as the core sees it, from index 1 on. */
  get log(): Term[] {
    const { log } = this.core.state;
    return Array.from({ length: log.lastIndex }, (_, i) => log.term(i + 1)!);
  }

  /** Does what a driver does, but leaves the append in flight until `sync`. */
  run(): Ready[] {
    const readies: Ready[] = [];
    while (this.core.hasReady()) {
      const ready = this.core.ready();
      readies.push(ready);
      this.sent.push(...ready.send);
      this.reads.push(...ready.readStates);
      this.due.push(...ready.snapshotsDue);
      if (ready.append !== null) this.#hand(ready.append);
      if (ready.restore !== null) this.restoring = ready.restore;
      const last = ready.apply.at(-1);
      if (last !== undefined) {
        this.applied.push(...ready.apply);
        this.core.applied(last.index);
      }
    }
    return readies;
  }

  /** The append in flight becomes durable; what it held back is sent. */
  sync(): Ready[] {
    const { pending } = this;
    if (pending === null) throw new Error('no append is in flight');
    this.pending = null;
    this.#commitPending?.();
    this.sent.push(...pending.thenSend);
    this.core.appendDone(pending.id);
    return this.run();
  }

  /** The state machine has taken up the snapshot. */
  restore(): RaftMessage[] {
    const { restoring } = this;
    if (restoring === null) throw new Error('nothing is to be restored');
    this.restoring = null;
    this.core.restored(restoring);
    return this.settle();
  }

  /** Runs until nothing is left to do, with a disk that answers at once. */
  settle(): RaftMessage[] {
    this.run();
    while (this.pending !== null) this.sync();
    return this.take();
  }

  /** What was sent since the last time. */
  take(): RaftMessage[] {
    return this.sent.splice(0);
  }

  step(message: RaftMessage | SnapshotMessage): RaftMessage[] {
    this.core.step(message);
    return this.settle();
  }

  tick(count: number): RaftMessage[] {
    for (let i = 0; i < count; i++) this.core.tick();
    return this.settle();
  }

  /** Becomes leader by the votes of these. */
  lead(...voters: NodeId[]): this {
    this.tick(electionTicks);
    const term = this.core.state.term + 1;
    const answer = { to: this.id, term, granted: true, tornLog: false } as const;
    for (const from of voters) this.step({ ...answer, kind: 'pre-vote-response', from });
    for (const from of voters) this.step({ ...answer, kind: 'vote-response', from });
    if (this.core.state.role !== 'leader') throw new Error(`${this.id} did not become leader`);
    return this;
  }

  /** `from` acknowledges everything up to `index`. */
  acknowledge(from: NodeId, index: Index): RaftMessage[] {
    const { term } = this.core.state;
    const rest = { success: true, hintIndex: 0, hintTerm: 0 };
    return this.step({ kind: 'append-response', from, to: this.id, term, index, ...rest });
  }

  #hand(append: ReadyAppend): void {
    this.pending = append;
    this.store.append(append, () => {});
  }
}

export function entriesOf(first: Index, terms: readonly Term[]): Entry[] {
  return terms.map((term, i) => ({
    index: first + i,
    term,
    type: EntryType.normal,
    data: Uint8Array.of(term, first + i),
  }));
}

/** An append request of `from` in `term` behind `prev`, an index and a term. */
export function appendOf(
  from: NodeId,
  term: Term,
  prev: readonly [Index, Term],
  terms: readonly Term[],
  commit: Index = 0,
  to: NodeId = 'a',
): AppendRequest {
  const entries = entriesOf(prev[0] + 1, terms);
  return { kind: 'append', from, to, term, prevIndex: prev[0], prevTerm: prev[1], entries, commit };
}

type MessageOf<K, M = RaftMessage> = M extends { kind: infer N }
  ? K extends N
    ? M
    : never
  : never;

export function ofKind<K extends RaftMessage['kind']>(
  messages: readonly RaftMessage[],
  kind: K,
): MessageOf<K>[] {
  return messages.filter((message) => message.kind === kind) as MessageOf<K>[];
}

/** Cores that hand messages to one another until nothing moves. */
export class CoreCluster {
  readonly benches: Map<NodeId, CoreBench>;
  readonly down = new Set<NodeId>();
  /** Drops what it is true for. */
  drop: (message: RaftMessage) => boolean = () => false;

  constructor(benches: readonly CoreBench[]) {
    this.benches = new Map(benches.map((bench) => [bench.id, bench]));
  }

  get(id: NodeId): CoreBench {
    return this.benches.get(id)!;
  }

  get leaders(): CoreBench[] {
    return [...this.benches.values()].filter(
      (bench) => bench.core.state.role === 'leader' && !this.down.has(bench.id),
    );
  }

  deliver(): void {
    for (let round = 0; round < 1000; round++) {
      const messages: RaftMessage[] = [];
      for (const bench of this.benches.values()) messages.push(...bench.settle());
      const passed = messages.filter((m) => !this.isCut(m) && !this.drop(m));
      if (passed.length === 0) return;
      for (const message of passed) this.get(message.to).core.step(message);
    }
    throw new Error('the cluster does not come to rest');
  }

  tick(count: number): void {
    for (let i = 0; i < count; i++) {
      for (const bench of this.benches.values()) if (!this.down.has(bench.id)) bench.core.tick();
      this.deliver();
    }
  }

  /** Ticks until somebody leads; fails after `electionTimeouts`. */
  elect(electionTimeouts = 10): CoreBench {
    for (let i = 0; i < electionTimeouts * electionTicks; i++) {
      this.tick(1);
      if (this.leaders.length === 1) return this.leaders[0]!;
    }
    throw new Error('nobody was elected');
  }

  private isCut(message: RaftMessage): boolean {
    return this.down.has(message.from) || this.down.has(message.to);
  }
}
