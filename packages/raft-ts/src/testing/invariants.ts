import { Buffer } from 'node:buffer';
import type { Message } from '../core/message.ts';
import type { RaftState } from '../core/state.ts';
import type { ClusterConfig, Entry, HardState, Index, LogId, NodeId, Term } from '../core/types.ts';

/** Thrown when a run of the simulator breaks a property of Raft; the message names the property. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

interface Seen {
  readonly entry: Entry;
  readonly prevTerm: Term;
}

interface Watermark {
  commit: Index;
  applied: Index;
  term: Term;
  /** Set while it leads in `term`: what its next commit must be counted by. */
  config: ClusterConfig | null;
}

/** Members that keep their log in files have copies. */
function isSame(a: Entry, b: Entry): boolean {
  return (
    a === b || (a.term === b.term && a.type === b.type && Buffer.compare(a.data, b.data) === 0)
  );
}

function keyOf(index: Index, term: Term): string {
  return `${index}/${term}`;
}

/** Watches all members of a run from outside (Raft paper, figure 3, and what follows from it). */
export class Invariants {
  readonly #leaders = new Map<Term, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  readonly #seen = new Map<string, Seen>();
  /** Highest index that a member ever acknowledged in a term. */
  readonly #acknowledged = new Map<string, Index>();
  readonly #committed: Term[] = [];
  /** Term of the member that was first seen to call an index committed. */
  readonly #committedIn: Term[] = [];
  readonly #applied: Entry[] = [];
  readonly #watermarks = new Map<NodeId, Watermark>();
  #checkedLeaders = new Set<string>();

  /** Newest entry that any member called committed. */
  get committed(): LogId {
    const index = this.#committed.length - 1;
    return index < 1 ? { index: 0, term: 0 } : { index, term: this.#committed[index]! };
  }

  /** Entries by index that some member has applied; holes where only `noop`s stand. */
  get appliedEntries(): readonly (Entry | undefined)[] {
    return this.#applied;
  }

  get leaderTerms(): number {
    return this.#leaders.size;
  }

  /** A member starts again: what was not durable may fall. */
  restarted(id: NodeId): void {
    this.#watermarks.delete(id);
  }

  /** After every step of a member. */
  observe(id: NodeId, state: Readonly<RaftState>): void {
    this.#checkMonotone(id, state);
    if (state.role === 'leader') this.#checkLeader(id, state);
  }

  /** A message leaves: one vote in one term; and what it acknowledges. */
  sent(message: Message): void {
    if (message.kind === 'append-response' && message.success) {
      const key = `${message.from}/${message.term}`;
      const before = this.#acknowledged.get(key) ?? 0;
      this.#acknowledged.set(key, Math.max(before, message.index));
    }
    if (message.kind !== 'vote-response' || !message.granted) return;
    this.#vote(message.from, message.term, message.to);
  }

  /** A member hands entries to its log. */
  appended(entries: readonly Entry[], prevTerm: Term | undefined): void {
    let previous = prevTerm;
    for (const entry of entries) {
      if (previous === undefined) throw new InvariantError(`gap before entry ${entry.index}`);
      this.#checkLogMatching(entry, previous);
      previous = entry.term;
    }
  }

  /** Term and vote become durable. */
  hardStateChanged(id: NodeId, before: HardState, after: HardState): void {
    if (after.term < before.term) throw new InvariantError(`durable term of ${id} fell`);
    if (after.votedFor !== null) this.#vote(id, after.term, after.votedFor);
  }

  /** A member has applied an entry: no other may ever apply another one in its place. */
  applied(id: NodeId, entry: Entry): void {
    const before = this.#applied[entry.index];
    if (before === undefined) this.#applied[entry.index] = entry;
    else if (!isSame(before, entry)) {
      throw new InvariantError(`state machine safety: ${id} applied another entry ${entry.index}`);
    }
    if (this.#committed[entry.index] !== entry.term) {
      throw new InvariantError(`${id} applied entry ${entry.index}, which is not committed`);
    }
  }

  #vote(voter: NodeId, term: Term, candidate: NodeId): void {
    const key = `${voter}/${term}`;
    const before = this.#votes.get(key);
    if (before !== undefined && before !== candidate) {
      throw new InvariantError(`${voter} voted for ${before} and ${candidate} in term ${term}`);
    }
    this.#votes.set(key, candidate);
  }

  #checkLogMatching(entry: Entry, prevTerm: Term): void {
    const key = keyOf(entry.index, entry.term);
    const before = this.#seen.get(key);
    if (before === undefined) this.#seen.set(key, { entry, prevTerm });
    else if (!isSame(before.entry, entry) || before.prevTerm !== prevTerm) {
      throw new InvariantError(`log matching: two entries are ${key}`);
    }
  }

  #checkMonotone(id: NodeId, state: Readonly<RaftState>): void {
    const mark = this.#watermarks.get(id) ?? { commit: 0, applied: 0, term: 0, config: null };
    if (state.term < mark.term) throw new InvariantError(`term of ${id} fell`);
    if (state.commit < mark.commit) throw new InvariantError(`commit index of ${id} fell`);
    if (state.applied < mark.applied) throw new InvariantError(`applied index of ${id} fell`);
    if (state.applied > state.commit) throw new InvariantError(`${id} applied beyond its commit`);
    if (state.commit > mark.commit && state.term === mark.term && mark.config !== null) {
      this.#checkQuorum(id, state, mark.config);
    }
    const { compacted } = state.log;
    // Where a snapshot begins the log, only its last entry is left to look at.
    if (compacted.index > mark.commit)
      this.#commit(id, compacted.index, compacted.term, state.term);
    const from = Math.max(mark.commit, compacted.index);
    for (let index = from + 1; index <= state.commit; index++) {
      this.#commit(id, index, state.log.term(index), state.term);
    }
    mark.term = state.term;
    mark.commit = state.commit;
    mark.applied = state.applied;
    mark.config = state.role === 'leader' ? state.config : null;
    this.#watermarks.set(id, mark);
  }

  /** What a leader commits is durable on a majority of each half of its configuration. */
  #checkQuorum(id: NodeId, state: Readonly<RaftState>, config: ClusterConfig): void {
    const { commit, term, log } = state;
    const holds = (voter: NodeId): boolean => {
      if (voter === id) return log.stableIndex >= commit;
      return (this.#acknowledged.get(`${voter}/${term}`) ?? 0) >= commit;
    };
    for (const half of [config.voters, config.votersOutgoing]) {
      if (half.length === 0 || 2 * half.filter(holds).length > half.length) continue;
      throw new InvariantError(`${id} committed ${commit} without a majority of ${half}`);
    }
  }

  #commit(id: NodeId, index: Index, term: Term | undefined, inTerm: Term): void {
    if (term === undefined) throw new InvariantError(`${id} committed what it does not hold`);
    const before = this.#committed[index];
    if (before === undefined) {
      this.#committed[index] = term;
      this.#committedIn[index] = inTerm;
    } else if (before !== term) {
      throw new InvariantError(
        `committed entries change: ${index} was of term ${before}, ${id} has ${term}`,
      );
    }
  }

  #checkLeader(id: NodeId, state: Readonly<RaftState>): void {
    const key = `${state.term}/${id}`;
    if (this.#checkedLeaders.has(key)) return;
    this.#checkedLeaders.add(key);
    const before = this.#leaders.get(state.term);
    if (before !== undefined && before !== id) {
      throw new InvariantError(`election safety: ${before} and ${id} lead in term ${state.term}`);
    }
    this.#leaders.set(state.term, id);
    for (let index = state.log.compacted.index + 1; index < this.#committed.length; index++) {
      // A leader that thaws may find that it was elected in a term that is long over.
      if (this.#committedIn[index]! > state.term) continue;
      if (state.log.term(index) !== this.#committed[index]) {
        throw new InvariantError(
          `leader completeness: ${id} leads term ${state.term} without committed entry ${index}`,
        );
      }
    }
  }
}
