import type { LogReader } from '../ports.ts';
import { assert } from './assert.ts';
import { ConfigHistory } from './config.ts';
import { RaftLog } from './log.ts';
import type { RaftMessage } from './message.ts';
import type { Progress } from './progress.ts';
import { isVoter, type Vote } from './quorum.ts';
import { ReadIndexQueue, type ReadState } from './read-index.ts';
import type { SnapshotDue } from './ready.ts';
import { installSnapshot } from './snapshot.ts';
import { type TraceSink, trace } from './trace.ts';
import type {
  ClusterConfig,
  Entry,
  HardState,
  Index,
  LogId,
  NodeId,
  Role,
  SnapshotMeta,
  Term,
} from './types.ts';

/** Limits and times of the core; times in ticks. */
export interface CoreOptions {
  readonly id: NodeId;
  readonly heartbeatTicks: number;
  /** The election timeout is drawn anew each time from min to max, both included. */
  readonly electionTicksMin: number;
  readonly electionTicksMax: number;
  readonly preVote: boolean;
  readonly checkQuorum: boolean;
  /**
   * Members keep what a leader's lease rests on: for `electionTicksMin` after hearing a leader, and after a start, they help
   * nobody to replace it unless it asked for that. Equal on all members.
   */
  readonly lease: boolean;
  /** One append request carries about this much, at least one entry. */
  readonly appendBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly entryBytesMax: number;
  /** The leader refuses proposals while more than this is appended and not committed. */
  readonly uncommittedBytesMax: number;
  readonly applyBytesMax: number;
  /** Durable and applied entries beyond this much leave memory. */
  readonly tailBytesMax: number;
}

/** Decides whether the leader may commit the entry that a quorum holds. */
export type CommitRule = (entryTerm: Term | undefined, leaderTerm: Term) => boolean;

/** Raft paper 5.4.2: only entries of the leader's own term are committed by counting. */
export const ownTermOnly: CommitRule = (entryTerm, leaderTerm) => entryTerm === leaderTerm;

/** What the core reads from and draws from; nothing else reaches it. */
export interface CoreDependencies {
  readonly log: LogReader;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /**
   * Replaced only by tests that prove that the simulator sees a broken rule.
   *
   * @internal
   */
  readonly commitRule?: CommitRule;
  /** Gets every transition; nothing is made for it when absent. */
  readonly trace?: TraceSink | null;
}

/** What was durable when the member started. */
export interface CoreRestored {
  readonly hardState: HardState;
  readonly compacted: LogId;
  readonly lastIndex: Index;
  readonly tornLog: boolean;
  /** What the state machine contains already; everything up to here is committed. */
  readonly appliedIndex: Index;
  /** Configuration as of `appliedIndex`, or the first one when nothing was applied. */
  readonly config: ClusterConfig;
  /** False when `config` is the first one: then the whole log is searched for newer ones. */
  readonly isConfigApplied: boolean;
  /** The newest durable snapshot, if there is one. It may be ahead of log and state: then it is taken up from there. */
  readonly snapshot?: SnapshotMeta | null;
}

const restoreChunkBytes = 1 << 20;

/** State of one member that all roles share. The role files act on it; `RaftCore` dispatches. */
export class RaftState {
  readonly options: CoreOptions;
  readonly random: () => number;
  readonly commitRule: CommitRule;
  readonly trace: TraceSink | null;
  readonly log: RaftLog;
  readonly configs: ConfigHistory;

  role: Role = 'follower';
  leader: NodeId | null = null;
  term: Term;
  votedFor: NodeId | null;
  /** What of term and vote is durable. */
  durable: HardState;
  commit: Index;
  applied: Index;
  /** Last entry handed out for apply. */
  applying: Index;
  /** A snapshot that the state machine must take up when the log has been reset. */
  restoreDue: SnapshotMeta | null = null;
  /** The one that it is taking up. */
  restoring: SnapshotMeta | null = null;
  tornLog: boolean;
  clearTornDue = false;

  now = 0;
  electionElapsed = 0;
  electionTimeout = 0;
  heartbeatElapsed = 0;
  electionsForgone = 0;

  /** Tick until which this member has promised not to elect another leader, see `CoreOptions.lease`. */
  promisedTick = 0;

  /** Follower: how far the log is known to equal the present leader's. */
  matched: Index = 0;
  /** Follower: what the present leader says that all members hold. */
  allMatched: Index = 0;
  /** Candidate: votes of this campaign. */
  votes = new Map<NodeId, Vote>();
  isTransferCampaign = false;
  /** Leader only. */
  progress = new Map<NodeId, Progress>();
  reads = new ReadIndexQueue();
  uncommittedBytes = 0;
  transferTarget: NodeId | null = null;
  transferElapsed = 0;
  isTimeoutNowSent = false;
  /** A voter was asked to stand for election in this term: it may win at any time, however late the request arrives. */
  isLeaseVoid = false;
  /** Something was appended, committed or acknowledged: the members may need messages. */
  isFlushDue = false;

  /** Since the start, for metrics. */
  readonly counts = { elections: 0, electionsWon: 0, quorumLosses: 0 };
  send: RaftMessage[] = [];
  sendAfterAppend: RaftMessage[] = [];
  readStates: ReadState[] = [];
  snapshotsDue: SnapshotDue[] = [];
  isConfigChanged = true;

  constructor(options: CoreOptions, dependencies: CoreDependencies, restored: CoreRestored) {
    this.options = options;
    this.random = dependencies.random;
    this.commitRule = dependencies.commitRule ?? ownTermOnly;
    this.trace = dependencies.trace ?? null;
    const { compacted, lastIndex, appliedIndex } = restored;
    this.log = new RaftLog(dependencies.log, compacted, lastIndex, options.tailBytesMax);
    const snapshot = restored.snapshot ?? null;
    this.commit = Math.min(Math.max(appliedIndex, compacted.index), lastIndex);
    const end = Math.max(lastIndex, snapshot?.lastIndex ?? 0);
    assert(appliedIndex <= end, 'log and snapshot end before the applied index');
    this.applied = appliedIndex;
    this.applying = appliedIndex;
    this.durable = restored.hardState;
    this.term = restored.hardState.term;
    this.votedFor = restored.hardState.votedFor;
    this.tornLog = restored.tornLog;
    if (restored.tornLog) {
      // A leader of the old term may count on entries that are lost here, so that term must end.
      this.term++;
      this.votedFor = null;
    }
    this.configs = this.#restoreConfigs(restored);
    if (snapshot !== null) installSnapshot(this, snapshot);
    this.configs.apply(this.applied);
    // What was promised before the start is not known any more.
    this.promisedTick = options.lease ? options.electionTicksMin : 0;
    this.resetElectionTimer();
  }

  get id(): NodeId {
    return this.options.id;
  }

  get config(): ClusterConfig {
    return this.configs.current;
  }

  get isHardStateDirty(): boolean {
    return this.durable.term !== this.term || this.durable.votedFor !== this.votedFor;
  }

  get isVoter(): boolean {
    return isVoter(this.config, this.id);
  }

  /**
   * A voter may stand for election. So may one that the newest configuration removes while that may be uncommitted: its log
   * may be the only one that the old half can elect (dissertation, section 4.2.2). Its own vote does not count then.
   */
  get mayCampaign(): boolean {
    const { previous } = this.configs;
    const isJoint = previous !== null && previous.votersOutgoing.length > 0;
    return this.isVoter || (isJoint && isVoter(previous, this.id));
  }

  /** The log no longer reaches back to the applied index, and no snapshot is at hand that would. */
  get isStateLost(): boolean {
    const { applied, restoring, restoreDue } = this;
    const reached = Math.max(applied, restoring?.lastIndex ?? 0, restoreDue?.lastIndex ?? 0);
    return reached < this.log.compacted.index;
  }

  resetElectionTimer(): void {
    const { electionTicksMin, electionTicksMax } = this.options;
    const span = electionTicksMax - electionTicksMin + 1;
    this.electionElapsed = 0;
    this.electionTimeout = electionTicksMin + Math.floor(this.random() * span);
  }

  becomeFollower(term: Term, leader: NodeId | null): void {
    assert(term >= this.term, 'a term must not fall');
    const isNewLeader = term > this.term || leader !== this.leader;
    if (term > this.term) {
      this.term = term;
      this.votedFor = null;
    }
    this.leaveRole();
    this.role = 'follower';
    this.leader = leader;
    if (isNewLeader) {
      this.matched = this.commit;
      this.allMatched = 0;
      trace(this, { event: 'BecomeFollower', leader });
    }
    this.resetElectionTimer();
  }

  /** Ends what belongs to the role that is left. */
  leaveRole(): void {
    for (const failed of this.reads.failAll()) this.readStates.push(failed);
    this.reads = new ReadIndexQueue();
    if (this.progress.size > 0) this.progress = new Map();
    if (this.votes.size > 0) this.votes = new Map();
    this.transferTarget = null;
    this.uncommittedBytes = 0;
    this.isFlushDue = false;
    if (this.snapshotsDue.length > 0) this.snapshotsDue = [];
  }

  /** A promise about term, vote or log: leaves when the durable state bears it out. */
  sendDurable(message: RaftMessage, index: Index): void {
    const isDurable = !this.isHardStateDirty && index <= this.log.stableIndex;
    (isDurable ? this.send : this.sendAfterAppend).push(message);
  }

  /** Appends to the log; a configuration holds at once. */
  appendEntry(entry: Entry): void {
    this.log.append(entry);
    if (this.configs.append(entry)) this.#onConfig('ChangeConf', this.configs.currentIndex);
  }

  /** Drops a conflicting tail; a configuration in it is rolled back. */
  truncate(from: Index): void {
    assert(from > this.commit, 'a committed entry would be truncated');
    this.log.truncate(from);
    this.withdrawAcknowledgements(from);
    if (this.configs.truncate(from)) this.#onConfig('ChangeConf', this.configs.currentIndex);
  }

  /** What waits to tell an earlier leader that entries from `from` on are here is not said any more: they are gone. */
  withdrawAcknowledgements(from: Index): void {
    this.sendAfterAppend = this.sendAfterAppend.filter(
      (message) => message.kind !== 'append-response' || message.index < from,
    );
  }

  commitTo(index: Index): void {
    if (index <= this.commit) return;
    assert(index <= this.log.lastIndex, 'commit beyond the log');
    this.commit = index;
    if (this.trace !== null) trace(this, { event: 'Commit' });
    if (this.configs.commit(index)) this.#onConfig('ApplyConfChange', this.configs.oldestIndex);
    if (this.tornLog && this.log.term(index) === this.term) this.#clearTorn();
  }

  #onConfig(event: 'ChangeConf' | 'ApplyConfChange', index: Index): void {
    this.isConfigChanged = true;
    const { current, oldest } = this.configs;
    trace(this, { event, index, config: event === 'ChangeConf' ? current : oldest });
  }

  /**
   * A committed entry of the present term is here, so everything that was ever acknowledged before the tear is: a torn
   * member starts in a new term. Its vote counts in full again (rule L3).
   */
  #clearTorn(): void {
    this.tornLog = false;
    this.clearTornDue = true;
  }

  /** The configuration of the newest state that is durable, and those that follow in the log. */
  #restoreConfigs(restored: CoreRestored): ConfigHistory {
    const { snapshot, appliedIndex, compacted, isConfigApplied } = restored;
    const isNewer = snapshot != null && !(isConfigApplied && appliedIndex >= snapshot.lastIndex);
    const known = isConfigApplied ? Math.max(appliedIndex, compacted.index) : compacted.index;
    const from = isNewer ? Math.max(snapshot.lastIndex, compacted.index) : known;
    const configs = isNewer
      ? new ConfigHistory(snapshot.config, snapshot.configIndex)
      : new ConfigHistory(restored.config, known);
    for (let next = from + 1; next <= restored.lastIndex; ) {
      const entries = this.log.entries(next, restored.lastIndex + 1, restoreChunkBytes);
      for (const entry of entries) configs.append(entry);
      next += entries.length;
    }
    configs.commit(this.commit);
    return configs;
  }
}
