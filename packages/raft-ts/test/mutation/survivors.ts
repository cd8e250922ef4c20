interface Group {
  readonly reason: string;
  /** Keys of mutants, as the run names them. */
  readonly mutants: readonly string[];
}

/** Why mutants of the core may survive. */
const groups: readonly Group[] = [
  {
    reason: 'the field is written before it is first read',
    mutants: [
      'state.ts electionElapsed: 0 -> 1',
      'state.ts electionTimeout: 0 -> 1',
      'state.ts heartbeatElapsed: 0 -> 1',
      'state.ts promisedTick: 0 -> 1',
      'state.ts matched: 0 -> 1',
      'state.ts isTransferCampaign: false -> true',
      'state.ts uncommittedBytes: 0 -> 1',
      'state.ts transferElapsed: 0 -> 1',
      'state.ts isTimeoutNowSent: false -> true',
      'state.ts isLeaseVoid: false -> true',
    ],
  },
  {
    reason: 'the first ready is due anyway: it tells role and configuration',
    mutants: ['state.ts isFlushDue: false -> true'],
  },
  {
    reason: 'a name for each append, or a state that is none; any other would do',
    mutants: ['raft.ts #appendId: 0 -> 1', 'raft.ts #soft: 1 -> 2'],
  },
  {
    reason: 'without leases nobody looks at the promise',
    mutants: ['state.ts constructor: 0 -> 1 (2)', 'state.ts constructor: options.lease -> true'],
  },
  {
    reason: 'saves making an event when there is no sink; `trace` asks again',
    mutants: [
      'state.ts commitTo: this.trace !== null -> true',
      'replication.ts appendOwn: state.trace !== null -> true',
    ],
  },
  {
    reason:
      'what it guards against has no effect either: nothing is committed, sent or confirmed twice',
    mutants: [
      'leader.ts tickLeader: return; -> nothing',
      'leader.ts onAppendResponse: return; -> nothing (2)',
      'leader.ts onHeartbeatResponse: message.readRound > peer.readRound -> message.readRound >= peer.readRound',
      'leader.ts advanceCommit: return; -> nothing',
      'membership.ts onLeaderCommit: return; -> nothing (2)',
      'replication.ts maybeCommit: index <= state.commit -> false',
      'replication.ts maybeCommit: index <= state.commit -> index < state.commit',
      'replication.ts maybeCommit: false -> true',
      'replication.ts maybeCommit: false -> true (2)',
      'snapshot.ts installSnapshot: lastIndex > state.commit -> lastIndex >= state.commit',
      'snapshot.ts installSnapshot: isNews -> true',
    ],
  },
  {
    reason: 'an acknowledgement that is not given is only given later, when the leader asks again',
    mutants: ['snapshot.ts installSnapshot: lastIndex + 1 -> lastIndex - 1'],
  },
  {
    reason: 'the reset has made the configuration that of the snapshot; done again it is the same',
    mutants: [
      'snapshot.ts installSnapshot: !isGivenUp -> true',
      'snapshot.ts onRestored: state.configs.apply(index); -> nothing',
    ],
  },
  {
    reason: 'what the snapshot holds is committed, and the commit leaves one of two equal entries',
    mutants: ['config.ts rebase: at.index > lastIndex -> at.index >= lastIndex'],
  },
  {
    reason: 'votes that are left over are not looked at by a leader',
    mutants: ['leader.ts becomeLeader: state.leaveRole(); -> nothing'],
  },
  {
    reason:
      'cannot happen while the invariants hold: every member has a progress, strangers are turned away before',
    mutants: [
      'leader.ts stepLeader: peer === undefined -> false',
      'leader.ts stepLeader: return; -> nothing',
      'replication.ts confirmedRound: 0 -> 1',
      'replication.ts maybeCommit: 0 -> 1',
    ],
  },
  {
    reason: 'a target that is level was asked before it was removed, one that is not is not asked',
    mutants: ['leader.ts continueTransfer: return; -> nothing (2)'],
  },
  {
    reason: 'nobody is no voter, so the transfer is refused',
    mutants: ['leader.ts handOver: heir !== null -> true'],
  },
  {
    reason: 'a candidate has a new term that is not durable, so the request waits in any case',
    mutants: ['candidate.ts requestVotes: 0 -> 1'],
  },
  {
    reason: 'the store knows the term of its compacted entry as well',
    mutants: ['log.ts constructor: lastIndex === compacted.index -> false'],
  },
  {
    reason: 'the terms are known to differ here',
    mutants: ['log.ts isUpToDate: lastTerm > this.#lastTerm -> lastTerm >= this.#lastTerm'],
  },
  {
    reason: 'the same entry is found, or is cut, one step later',
    mutants: [
      'log.ts findConflictByTerm: at > this.#compacted.index -> at >= this.#compacted.index',
      'log.ts compact: index > this.#compacted.index -> index >= this.#compacted.index',
      'log.ts compact: index > this.#compacted.index -> true',
      'log.ts #cutTail: from <= this.#tailFirst -> from < this.#tailFirst',
      'log.ts #cutTail: return; -> nothing',
      'log.ts reset: 0 -> 1 (2)',
      'raft.ts holds: meta.lastIndex <= state.commit -> meta.lastIndex < state.commit',
    ],
  },
  {
    reason: 'when the array of released entries is cut: memory only, the entries are the same',
    mutants: [
      'log.ts trim: 1024 -> 1025',
      'log.ts trim: 2 -> 3',
      'log.ts trim: this.#head * 2 -> this.#head / 2',
      'log.ts trim: this.#head * 2 > this.#tail.length -> this.#head * 2 <= this.#tail.length',
      'log.ts trim: this.#head * 2 > this.#tail.length -> this.#head * 2 >= this.#tail.length',
      'log.ts trim: this.#head > 1024 && this.#head * 2 > this.#tail.length -> false',
      'log.ts trim: this.#head > 1024 && this.#head * 2 > this.#tail.length -> this.#head > 1024 || this.#head * 2 > this.#tail.length',
      'log.ts trim: this.#head > 1024 && this.#head * 2 > this.#tail.length -> true',
      'log.ts trim: this.#head > 1024 -> this.#head <= 1024',
      'log.ts trim: this.#head > 1024 -> this.#head >= 1024',
      'snapshot.ts onRestored: state.log.trim(index); -> nothing',
    ],
  },
  {
    reason: 'a short cut: the long way comes to the same',
    mutants: [
      'quorum.ts votersOf: config.votersOutgoing.length === 0 -> false',
      'replication.ts releaseUncommitted: index === state.log.lastIndex -> false',
      "replication.ts replicateTo: peer.state === 'snapshot' -> false",
      'replication.ts replicateTo: return; -> nothing',
    ],
  },
];

/** The reason of each mutant that may survive, by its key. */
export const reasons: Readonly<Record<string, string>> = Object.fromEntries(
  groups.flatMap(({ reason, mutants }) => mutants.map((key) => [key, reason])),
);
