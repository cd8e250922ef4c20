import { assert } from './assert.ts';
import { campaign, onCandidateAppendDone, stepCandidate } from './candidate.ts';
import { stepFollower } from './follower.ts';
import {
  onLeaderAppendDone,
  type ProposeRefusal,
  propose,
  readIndex,
  reportUnreachable,
  startReadRound,
  stepLeader,
  type TransferRefusal,
  tickLeader,
  transferLeadership,
} from './leader.ts';
import { type LeaseRounds, leaseRounds } from './lease.ts';
import { changeMembership, type MembershipChange, type MembershipRefusal } from './membership.ts';
import type { RaftMessage, SnapshotMessage } from './message.ts';
import { membersOf } from './quorum.ts';
import type { Ready, ReadyAppend, SoftState } from './ready.ts';
import { allMatched, flushReplication, quorumActiveTick } from './replication.ts';
import {
  installSnapshot,
  isRestoreReady,
  onRestored,
  snapshotFloor,
  takeRestore,
} from './snapshot.ts';
import { type CoreDependencies, type CoreOptions, type CoreRestored, RaftState } from './state.ts';
import { trace, traceReady, traceReceived, traceSent } from './trace.ts';
import type { Entry, Index, NodeId, SnapshotMeta } from './types.ts';
import { answerVoteRequest, ignoresVoteRequest, refuseVoteRequest } from './voter.ts';
import { isWellFormed } from './well-formed.ts';

/** What only the leader of the term sends. */
const leadersKinds: ReadonlySet<string> = new Set([
  'append',
  'heartbeat',
  'timeout-now',
  'snapshot',
]);

/** Election timeouts that a member without its state lets pass before it stands for election. */
const lostStatePatience = 3;

/** Elections in a row that a member may forgo because its own timer was late (rule L5). */
const electionsForgoneMax = 3;

interface AppendInFlight {
  readonly id: number;
  readonly append: ReadyAppend;
}

/** What one member knows of another while it leads. */
export interface MemberProgress {
  readonly id: NodeId;
  readonly matchIndex: Index;
  /** Heard of within an election timeout. */
  readonly active: boolean;
  readonly needsSnapshot: boolean;
}

/**
 * Raft as a state machine without I/O: no clock, no randomness of its own, no promises. Input goes in by the methods, effects come out of
 * `ready()`. The caller's duties are listed in `index.ts`.
 */
export class RaftCore {
  readonly #state: RaftState;
  #inFlight: AppendInFlight | null = null;
  #appendId = 0;
  #soft: SoftState = { role: 'follower', leader: null, term: -1 };

  constructor(options: CoreOptions, dependencies: CoreDependencies, restored: CoreRestored) {
    this.#state = new RaftState(options, dependencies, restored);
    trace(this.#state, { event: 'InitState' });
  }

  /**
   * Read-only view for status, tests and the simulator.
   *
   * @internal
   */
  get state(): Readonly<RaftState> {
    return this.#state;
  }

  /**
   * One tick of logical time. With `mayCampaign` false an election that is due is put off, at most three times in a row:
   * the caller's own timer was late, so silence proves nothing (rule L5). Returns true when one was put off.
   */
  tick(mayCampaign = true): boolean {
    const state = this.#state;
    state.now++;
    state.electionElapsed++;
    if (state.role === 'leader') {
      tickLeader(state);
      return false;
    }
    // Who lost its state cannot give snapshots: it leaves the others time, but its log may be needed to go on at all.
    const timeout = state.electionTimeout * (state.isStateLost ? lostStatePatience : 1);
    if (state.electionElapsed < timeout || !state.mayCampaign) return false;
    if (!mayCampaign && state.electionsForgone < electionsForgoneMax) {
      state.electionsForgone++;
      state.resetElectionTimer();
      return true;
    }
    state.electionsForgone = 0;
    campaign(state, false);
    return false;
  }

  /** Stands for election now, with pre-vote; not while a lease may rest on this member (`CoreOptions.lease`). */
  campaign(): void {
    const { role, options, now, promisedTick } = this.#state;
    const isBound = options.lease && now < promisedTick;
    if (role !== 'leader' && !isBound) campaign(this.#state, false);
  }

  /**
   * A message of a peer. Malformed ones and those of another addressee have no effect. A `snapshot` message is stepped only
   * when the snapshot is durable here.
   */
  step(message: RaftMessage | SnapshotMessage): void {
    const state = this.#state;
    if (message.to !== state.id || !isWellFormed(message)) return;
    traceReceived(state, message);
    if (message.kind === 'vote' || message.kind === 'pre-vote') {
      if (ignoresVoteRequest(state, message)) return;
    } else if (this.#isStrangersAnswer(message)) return;
    if (message.term < state.term) this.#answerStale(message);
    else this.#stepPresent(message);
  }

  /** Appends to the log of the leader; a refusal surely left no trace. */
  propose(data: Uint8Array): Entry | ProposeRefusal {
    return propose(this.#state, data);
  }

  /** Asks for an index that every write completed before this call is at or below; the answer is a `ReadState`. */
  readIndex(id: number): void {
    readIndex(this.#state, id);
  }

  /** Hands leadership to `target` once it is level; given up after one election timeout. Null when it was begun. */
  transferLeadership(target: NodeId): TransferRefusal | null {
    return transferLeadership(this.#state, target);
  }

  /** Begins a change of the members; `expected` is the index of the configuration it builds on, or null for any. */
  changeMembership(change: MembershipChange, expected: Index | null): Entry | MembershipRefusal {
    return changeMembership(this.#state, change, expected);
  }

  /** Messages to `id` are probably lost. */
  reportUnreachable(id: NodeId): void {
    reportUnreachable(this.#state, id);
  }

  /** The append with this id is durable; any other id is a late report and has no effect. */
  appendDone(id: number): void {
    if (this.#inFlight === null || this.#inFlight.id !== id) return;
    const state = this.#state;
    const { hardState, thenSend } = this.#inFlight.append;
    this.#inFlight = null;
    if (hardState !== null) state.durable = hardState;
    state.log.appendDone();
    traceSent(state, thenSend);
    if (state.role === 'leader') onLeaderAppendDone(state);
    else if (state.role === 'candidate') onCandidateAppendDone(state);
  }

  /** Entries up to `index` have been applied. */
  applied(index: Index): void {
    const state = this.#state;
    assert(index >= state.applied && index <= state.applying, 'applied what was not handed out');
    state.applied = index;
    state.configs.apply(index);
    state.log.trim(index);
  }

  /** The state machine has been replaced by the snapshot that `ready` handed out. */
  restored(meta: SnapshotMeta): void {
    onRestored(this.#state, meta.lastIndex);
  }

  /** True when the log holds everything of this snapshot: its content would be no news. */
  holds(meta: SnapshotMeta): boolean {
    const state = this.#state;
    if (state.isStateLost) return false;
    return meta.lastIndex <= state.commit || state.log.matches(meta.lastIndex, meta.lastTerm);
  }

  /** Leader: this snapshot is on its way to a member that one is due to; the log behind it is kept for it. */
  snapshotChosen(to: NodeId, meta: SnapshotMeta): void {
    const peer = this.#state.progress.get(to);
    if (peer?.isSnapshotRequested) peer.pendingSnapshot = meta.lastIndex;
  }

  /** Leader: the snapshot that was due has arrived, or has failed for now. */
  reportSnapshot(to: NodeId, isSent: boolean): void {
    this.#state.progress.get(to)?.snapshotEnded(isSent);
  }

  /** The log behind this index is needed for members to whom a snapshot is on its way. */
  get snapshotFloor(): Index {
    return snapshotFloor(this.#state);
  }

  /** Entries up to `index` leave the store; the caller has made sure that nobody needs them. */
  compact(index: Index): void {
    assert(index <= this.#state.applied, 'compaction of entries that were not applied');
    this.#state.log.compact(index);
  }

  /** Whether `ready` would give anything to do. */
  hasReady(): boolean {
    const state = this.#state;
    if (state.send.length > 0 || state.isFlushDue || state.readStates.length > 0) return true;
    if (state.isConfigChanged || this.#hasApply() || this.#isSoftChanged()) return true;
    if (state.snapshotsDue.length > 0 || isRestoreReady(state)) return true;
    return this.#inFlight === null && (this.#isAppendDue() || state.sendAfterAppend.length > 0);
  }

  /** Everything to do now; what is handed out here is not handed out again. */
  ready(): Ready {
    const state = this.#state;
    if (state.role === 'leader') {
      startReadRound(state);
      flushReplication(state);
    }
    state.isFlushDue = false;
    const append = this.#takeAppend();
    const restore = takeRestore(state);
    const apply = this.#takeApply();
    const { send, readStates, snapshotsDue } = state;
    state.send = [];
    state.readStates = [];
    state.snapshotsDue = [];
    const config = state.isConfigChanged ? state.config : null;
    state.isConfigChanged = false;
    const softState = this.#takeSoft();
    const ready = { send, append, apply, restore, snapshotsDue, readStates, softState, config };
    traceReady(state, ready);
    return ready;
  }

  /** True for a leader with a quorum, or a follower that heard its leader, within an election timeout. */
  get hasQuorum(): boolean {
    const state = this.#state;
    const { electionTicksMin } = state.options;
    if (state.role === 'leader') return state.now - quorumActiveTick(state) <= electionTicksMin;
    return state.leader !== null && state.electionElapsed < electionTicksMin;
  }

  /** What a leader's lease rests on; null for who does not lead. */
  get leaseRounds(): LeaseRounds | null {
    return leaseRounds(this.#state);
  }

  /** Generation of the configuration (rule L4); null while the log is empty: such a member takes what it is given. */
  get generation(): number | null {
    const { log, config } = this.#state;
    return log.lastIndex === 0 ? null : config.generation;
  }

  /** The highest index that all members are known to hold durably; 0 when that is not known. */
  get allMatched(): Index {
    return allMatched(this.#state);
  }

  /** On the leader: where every member stands, itself included; else empty. */
  members(): MemberProgress[] {
    const { id: self, now, log, options, progress } = this.#state;
    return [...progress].map(([id, peer]) => ({
      id,
      matchIndex: id === self ? log.stableIndex : peer.match,
      active: id === self || now - peer.lastActiveTick <= options.electionTicksMin,
      needsSnapshot: peer.needsSnapshot,
    }));
  }

  #isStrangersAnswer(message: RaftMessage | SnapshotMessage): boolean {
    const isAnswer = message.kind.endsWith('-response');
    return isAnswer && !membersOf(this.#state.config).includes(message.from);
  }

  /** The sender lives in an old term: it must learn ours, or a deposed leader and a node left behind never would. */
  #answerStale(message: RaftMessage | SnapshotMessage): void {
    const state = this.#state;
    const { kind } = message;
    if (kind === 'vote' || kind === 'pre-vote') refuseVoteRequest(state, message);
    if (kind === 'snapshot') this.#takeStaleSnapshot(message.meta);
    if (kind !== 'append' && kind !== 'heartbeat' && kind !== 'snapshot') return;
    const { id: from, term } = state;
    const to = message.from;
    state.sendDurable(
      {
        kind: 'append-response',
        from,
        to,
        term,
        success: false,
        index: 0,
        hintIndex: 0,
        hintTerm: 0,
      },
      0,
    );
  }

  /** Its sender leads no more, but it is durable here. A leader holds what is committed in its log. */
  #takeStaleSnapshot(meta: SnapshotMeta): void {
    const state = this.#state;
    if (state.role === 'leader') return;
    if (state.role !== 'follower') state.becomeFollower(state.term, null);
    installSnapshot(state, meta);
  }

  #stepPresent(message: RaftMessage | SnapshotMessage): void {
    const state = this.#state;
    const { kind, from, term } = message;
    if (kind === 'pre-vote') {
      // A question only: neither term nor timers change.
      answerVoteRequest(state, message);
      return;
    }
    const isLeaders = leadersKinds.has(kind);
    if (isLeaders) {
      assert(term > state.term || state.role !== 'leader', 'two leaders in one term');
      if (term > state.term || state.leader !== from) {
        state.becomeFollower(term, from);
      }
    } else if (term > state.term && !(kind === 'pre-vote-response' && message.granted)) {
      state.becomeFollower(term, null);
    }
    if (kind === 'vote') answerVoteRequest(state, message);
    else if (state.role === 'follower' || kind === 'snapshot') stepFollower(state, message);
    else if (state.role === 'leader') stepLeader(state, message);
    else stepCandidate(state, message);
  }

  #isAppendDue(): boolean {
    const state = this.#state;
    return state.isHardStateDirty || state.log.hasUnhanded || state.clearTornDue;
  }

  #takeAppend(): ReadyAppend | null {
    const state = this.#state;
    if (this.#inFlight !== null) return null;
    const thenSend = state.sendAfterAppend;
    state.sendAfterAppend = [];
    if (!this.#isAppendDue()) {
      for (const message of thenSend) state.send.push(message);
      return null;
    }
    const { term, votedFor } = state;
    const hardState = state.isHardStateDirty ? { term, votedFor } : null;
    const clearTorn = state.clearTornDue;
    state.clearTornDue = false;
    const id = ++this.#appendId;
    const append = { id, hardState, ...state.log.takeAppend(), clearTorn, thenSend };
    this.#inFlight = { id, append };
    return append;
  }

  #applyEnd(): Index {
    return Math.min(this.#state.commit, this.#state.log.stableIndex);
  }

  #hasApply(): boolean {
    const { applied, applying, restoreDue, restoring, isStateLost } = this.#state;
    if (restoreDue !== null || restoring !== null || isStateLost) return false;
    return applied === applying && applying < this.#applyEnd();
  }

  #takeApply(): readonly Entry[] {
    const state = this.#state;
    if (!this.#hasApply()) return [];
    const { applyBytesMax } = state.options;
    const entries = state.log.entries(state.applying + 1, this.#applyEnd() + 1, applyBytesMax);
    state.applying += entries.length;
    return entries;
  }

  #isSoftChanged(): boolean {
    const { role, leader, term } = this.#state;
    const soft = this.#soft;
    return soft.role !== role || soft.leader !== leader || soft.term !== term;
  }

  #takeSoft(): SoftState | null {
    if (!this.#isSoftChanged()) return null;
    const { role, leader, term } = this.#state;
    this.#soft = { role, leader, term };
    return this.#soft;
  }
}
