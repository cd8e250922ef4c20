interface Edit {
  /** Below the package. */
  readonly file: string;
  /** Must stand in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** What keeps the core from having one of the known bugs, and how to take it away. */
export interface Guard {
  /** Number of the bug, its test is `test/bugs/bNN.test.ts`. */
  readonly bug: number;
  readonly guard: string;
  readonly edits: readonly Edit[];
}

const edit = (file: string, find: string, replace: string): Edit => ({
  file: `src/${file}.ts`,
  find,
  replace,
});

export const guards: readonly Guard[] = [
  {
    bug: 1,
    guard: 'only entries of the own term are committed by counting',
    edits: [
      edit('core/state', '(entryTerm, leaderTerm) => entryTerm === leaderTerm', '() => true'),
    ],
  },
  {
    bug: 2,
    guard: 'the vote is free only in a new term',
    edits: [edit('core/state', 'if (term > this.term) {', 'if (term >= this.term) {')],
  },
  {
    bug: 2,
    guard: 'no vote where a leader of the term is known',
    edits: [edit('core/voter', ' && state.leader === null;', ';')],
  },
  {
    bug: 3,
    guard: 'a vote answer waits until it is durable',
    edits: [
      edit('core/voter', 'else state.sendDurable(response, 0);', 'else state.send.push(response);'),
    ],
  },
  {
    bug: 3,
    guard: 'a vote request waits until the own vote is durable',
    edits: [
      edit(
        'core/candidate',
        'else state.sendDurable(request, 0);',
        'else state.send.push(request);',
      ),
    ],
  },
  {
    bug: 4,
    guard: 'commit only what the request vouches for',
    edits: [edit('core/follower', 'Math.min(message.commit, last)', 'message.commit')],
  },
  {
    bug: 5,
    guard: 'a heartbeat carries no more than the match',
    edits: [edit('core/replication', 'commit: Math.min(peer.match, commit),', 'commit,')],
  },
  {
    bug: 5,
    guard: 'a follower believes no more than what matches',
    edits: [
      edit(
        'core/follower',
        'Math.min(message.commit, matchedWithLeader(state))',
        'Math.min(message.commit, state.log.lastIndex)',
      ),
    ],
  },
  {
    bug: 6,
    guard: 'a follower acknowledges what the request covered',
    edits: [
      edit(
        'core/follower',
        'acknowledge(state, message.from, last);',
        'acknowledge(state, message.from, state.log.lastIndex);',
      ),
    ],
  },
  {
    bug: 7,
    guard: 'entries that match are passed over',
    edits: [edit('core/follower', 'if (state.log.matches(entry.index, entry.term)) continue;', '')],
  },
  {
    bug: 8,
    guard: 'what lies below the commit index is no news',
    edits: [edit('core/follower', 'message.prevIndex < state.commit', 'false')],
  },
  {
    bug: 9,
    guard: 'a conflict cuts the tail',
    edits: [edit('core/log', 'this.#last = from - 1;', 'this.#last = this.#handed;')],
  },
  {
    bug: 10,
    guard: 'a failed append stops the member',
    edits: [edit('node/raft-node', 'if (error !== null) this.#fail(error);', '')],
  },
  {
    bug: 11,
    guard: 'an acknowledgement waits until its entries are durable',
    edits: [edit('core/state', ' && index <= this.log.stableIndex;', ';')],
  },
  {
    bug: 11,
    guard: 'the leader counts itself when its append is done',
    edits: [
      edit(
        'core/replication',
        'if (id === state.id) return state.log.stableIndex;\n    return state.progress.get(id)?.match ?? 0;',
        'if (id === state.id) return state.log.lastIndex;\n    return state.progress.get(id)?.match ?? 0;',
      ),
    ],
  },
  {
    bug: 11,
    guard: 'nothing is applied before it is durable here',
    edits: [
      edit(
        'core/raft',
        'return Math.min(this.#state.commit, this.#state.log.stableIndex);',
        'return this.#state.commit;',
      ),
    ],
  },
  {
    bug: 12,
    guard: 'an overwritten append in flight is shortened',
    edits: [edit('core/log', 'this.#inFlightLast = Math.min(this.#inFlightLast, this.#last);', '')],
  },
  {
    bug: 12,
    guard: 'a completion names its append',
    edits: [edit('core/raft', ' || this.#inFlight.id !== id) return;', ') return;')],
  },
  {
    bug: 13,
    guard: 'only a leader appends proposals',
    edits: [
      edit(
        'core/leader',
        "if (state.role !== 'leader') return 'not-leader';\n  if (state.transferTarget !== null) return 'transferring';\n  if (data",
        "if (state.transferTarget !== null) return 'transferring';\n  if (data",
      ),
    ],
  },
  {
    bug: 13,
    guard: 'a completion without the vote in it is no own vote',
    edits: [edit('core/candidate', 'state.isHardStateDirty || state.votes', 'state.votes')],
  },
  {
    bug: 14,
    guard: 'the configuration goes with its entry',
    edits: [edit('core/state', 'this.configs.truncate(from)', 'false')],
  },
  {
    bug: 14,
    guard: "a snapshot's configuration takes the place of those that it supersedes",
    edits: [edit('core/snapshot', 'state.configs.reset(config, configIndex);', '')],
  },
  {
    bug: 15,
    guard: 'no change before a commit of the own term',
    edits: [
      edit('core/membership', "if (!hasOwnTermCommit(state)) return refused('not-ready');", ''),
    ],
  },
  {
    bug: 16,
    guard: 'no change before the former one is committed',
    edits: [
      edit('core/membership', "if (isChangeInProgress(state)) return refused('in-progress');", ''),
    ],
  },
  {
    bug: 17,
    guard: 'the joint configuration is left when its entry is committed',
    edits: [edit('core/membership', 'if (configs.currentIndex > state.commit) return;', '')],
  },
  {
    bug: 18,
    guard: 'every leader leaves a committed joint configuration',
    edits: [
      edit(
        'core/membership',
        'if (config.autoLeave) proposeConfig(state, leaveJoint(config));',
        '',
      ),
    ],
  },
  {
    bug: 19,
    guard: 'both halves of a joint configuration',
    edits: [
      edit(
        'core/quorum',
        'return Math.min(incoming, majorityIndex',
        'return Math.max(incoming, majorityIndex',
      ),
    ],
  },
  {
    bug: 19,
    guard: 'a majority is more than half',
    edits: [edit('core/quorum', 'sorted[voters.length >> 1]', 'sorted[(voters.length - 1) >> 1]')],
  },
  {
    bug: 19,
    guard: 'learners do not count',
    edits: [
      edit(
        'core/quorum',
        'const incoming = majorityIndex(config.voters, reached);',
        'const incoming = majorityIndex([...config.voters, ...config.learners], reached);',
      ),
    ],
  },
  {
    bug: 20,
    guard: 'a record is read only with its checksum',
    edits: [
      edit(
        'storage/record',
        'if (crc32(image.subarray(position + at.dataBytes, end), seed) !== crc) return null;',
        '',
      ),
    ],
  },
  {
    bug: 21,
    guard: 'the log refuses everything after an error',
    edits: [
      edit(
        'storage/segment-log-store',
        'this.#failure ?? this.#findProblem(batch)',
        'this.#findProblem(batch)',
      ),
    ],
  },
  {
    bug: 21,
    guard: 'the member stops at the first error',
    edits: [edit('node/raft-node', 'if (error !== null) this.#fail(error);', '')],
  },
  {
    bug: 22,
    guard: 'the state is replaced when the log is',
    edits: [edit('core/snapshot', ' && state.log.isResetDurable;', ';')],
  },
  {
    bug: 22,
    guard: 'an older snapshot is no news',
    edits: [edit('core/snapshot', 'lastIndex > state.commit;', 'true;')],
  },
  {
    bug: 23,
    guard: 'a conflicting entry at the last index goes',
    edits: [
      edit(
        'core/snapshot',
        'isNews && !state.log.matches(lastIndex, lastTerm)',
        'isNews && state.log.term(lastIndex) === undefined',
      ),
    ],
  },
  {
    bug: 23,
    guard: 'what follows an entry that matches stays',
    edits: [edit('core/snapshot', 'isNews && !state.log.matches(lastIndex, lastTerm)', 'isNews')],
  },
  {
    bug: 24,
    guard: 'nothing is applied while the state is being replaced',
    edits: [
      edit(
        'core/raft',
        'if (restoreDue !== null || restoring !== null || isStateLost) return false;',
        '',
      ),
    ],
  },
  {
    bug: 25,
    guard: 'a read round waits for a commit of the own term',
    edits: [
      edit(
        'core/leader',
        'if (!state.reads.hasGathered || !hasOwnTermCommit(state)) return;',
        'if (!state.reads.hasGathered) return;',
      ),
    ],
  },
  {
    bug: 26,
    guard: 'an answer confirms rounds up to its own',
    edits: [edit('core/read-index', ' && this.#rounds[0]!.round <= round)', ')')],
  },
  {
    bug: 26,
    guard: 'reads fail with the leadership',
    edits: [
      edit(
        'core/state',
        'for (const failed of this.reads.failAll()) this.readStates.push(failed);',
        '',
      ),
    ],
  },
  {
    bug: 27,
    guard: 'asking another member to take over ends the lease',
    edits: [edit('core/leader', 'state.isLeaseVoid = true;', '')],
  },
  {
    bug: 27,
    guard: 'a lease waits for the first commit of the own term',
    edits: [edit('core/lease', ' && hasOwnTermCommit(state)', '')],
  },
  {
    bug: 27,
    guard: 'the time of a lease begins when its round is sent',
    edits: [
      edit(
        'node/lease',
        'this.#startMs = this.#sent.shift()!.atMs;',
        'this.#sent.shift();\n      this.#startMs = performance.now();',
      ),
    ],
  },
  {
    bug: 27,
    guard: 'a lease is measured by the clock',
    edits: [edit('node/lease', 'nowMs - this.#startMs < this.#options.durationMs', 'true')],
  },
  {
    bug: 27,
    guard: 'a started member keeps promises that it does not remember',
    edits: [edit('core/state', 'options.lease ? options.electionTicksMin : 0', '0')],
  },
  {
    bug: 27,
    guard: 'a promise outlives the leader that it was given to',
    edits: [
      edit(
        'core/voter',
        'if (state.options.lease && state.now < state.promisedTick) return true;',
        '',
      ),
    ],
  },
  {
    bug: 28,
    guard: 'another data directory is another member',
    edits: [
      edit('transport/peer-registry', 'known !== undefined && known !== incarnation', 'false'),
    ],
  },
  {
    bug: 29,
    guard: 'a stale pre-vote is answered with the own term',
    edits: [
      edit(
        'core/raft',
        "if (kind === 'vote' || kind === 'pre-vote') refuseVoteRequest(state, message);",
        "if (kind === 'vote') refuseVoteRequest(state, message);",
      ),
    ],
  },
  {
    bug: 29,
    guard: 'the leader itself may ask',
    edits: [
      edit('core/voter', ' || message.from === state.leader) return false;', ') return false;'),
    ],
  },
  {
    bug: 29,
    guard: 'a pre-vote changes no timer',
    edits: [
      edit(
        'core/voter',
        'answer(state, message, isUpToDate && isFree);',
        'state.resetElectionTimer();\n    answer(state, message, isUpToDate && isFree);',
      ),
    ],
  },
  {
    bug: 29,
    guard: 'a pre-vote looks at the log',
    edits: [
      edit(
        'core/voter',
        'answer(state, message, isUpToDate && isFree);',
        'answer(state, message, isFree);',
      ),
    ],
  },
  {
    bug: 30,
    guard: 'strangers are not answered unless they are ahead',
    edits: [edit('core/voter', 'return !mayAsk(state, message) || isSticky', 'return isSticky')],
  },
  {
    bug: 30,
    guard: 'a leader of an old term is told the own one',
    edits: [
      edit(
        'core/raft',
        "if (kind !== 'append' && kind !== 'heartbeat' && kind !== 'snapshot') return;",
        'return;',
      ),
    ],
  },
  {
    bug: 31,
    guard: 'who is asked for a vote gives it, whatever its own configuration says',
    edits: [
      edit(
        'core/voter',
        'const isGranted = isUpToDate && isVoteFree(state, message);',
        'const isGranted = isUpToDate && isVoteFree(state, message) && state.isVoter;',
      ),
    ],
  },
  {
    bug: 32,
    guard: 'the target is a voter',
    edits: [edit('core/leader', "if (!isVoter(state.config, target)) return 'not-voter';", '')],
  },
  {
    bug: 32,
    guard: 'proposals are refused meanwhile',
    edits: [
      edit(
        'core/leader',
        "if (state.transferTarget !== null) return 'transferring';\n  if (data",
        'if (data',
      ),
    ],
  },
  {
    bug: 32,
    guard: 'a transfer ends after an election timeout',
    edits: [
      edit(
        'core/leader',
        'if (state.transferTarget !== null && ++state.transferElapsed >= electionTicksMin) {',
        'if (state.transferElapsed < 0) {',
      ),
    ],
  },
  {
    bug: 32,
    guard: 'the target is level first',
    edits: [
      edit('core/leader', 'if (state.progress.get(target)?.match !== log.lastIndex) return;', ''),
    ],
  },
  {
    bug: 32,
    guard: 'the log of the target is durable',
    edits: [
      edit('core/follower', 'if (log.stableIndex < message.lastIndex) return;', ''),
      edit('core/follower', 'if (!log.matches(message.lastIndex, message.lastTerm)) return;', ''),
    ],
  },
  {
    bug: 33,
    guard: 'an empty request finds out what was lost',
    edits: [edit('core/leader', 'if (peer.match < state.log.lastIndex) peer.pokeDue = true;', '')],
  },
  {
    bug: 33,
    guard: 'a lost probe is repeated',
    edits: [edit('core/leader', 'peer.probeSent = false;', '')],
  },
  {
    bug: 33,
    guard: 'an entry of any size is sent alone',
    edits: [
      edit(
        'core/log',
        'if (bytes > bytesMax && cut > start) break;',
        'if (bytes > bytesMax) break;',
      ),
    ],
  },
  {
    bug: 33,
    guard: 'a snapshot that failed is due again',
    edits: [edit('core/progress', 'this.isSnapshotRequested = false;', '')],
  },
  {
    bug: 34,
    guard: 'what the store returned is what was asked for',
    edits: [
      edit(
        'core/log',
        "assert(read.length > 0 && read[0]!.index === from, 'the store returned other entries');",
        '',
      ),
    ],
  },
  {
    bug: 35,
    guard: 'an undecided proposal is unknown',
    edits: [
      edit(
        'node/proposal-table',
        "waiter.settler.reject(new ProposalUnknownError('not decided in time'));",
        "waiter.settler.reject(new ProposalDroppedError('not decided in time'));",
      ),
    ],
  },
  {
    bug: 35,
    guard: 'a repeated request of a member is let in once',
    edits: [edit('node/forwards', 'if (sequence <= origin.sequence) return false;', '')],
  },
  {
    bug: 36,
    guard: 'one append at a time',
    edits: [edit('core/raft', 'if (this.#inFlight !== null) return null;', '')],
  },
  {
    bug: 36,
    guard: 'term and vote come with the entries of the term',
    edits: [
      edit(
        'core/raft',
        'const hardState = state.isHardStateDirty ? { term, votedFor } : null;',
        'const hardState = state.isHardStateDirty && !state.log.hasUnhanded ? { term, votedFor } : null;',
      ),
    ],
  },
  {
    bug: 37,
    guard: 'other first members are refused',
    edits: [
      edit(
        'node/opening',
        'throw new BootstrapMismatchError(Object.keys(kept), Object.keys(given));',
        'return { ...restored, bootstrap: given };',
      ),
    ],
  },
  {
    bug: 37,
    guard: 'the first members are kept at the first start',
    edits: [
      edit(
        'node/opening',
        'if (kept === null || !isSameAddresses(kept, given)) await parts.store.noteBootstrap(given);',
        '',
      ),
    ],
  },
  {
    bug: 37,
    guard: 'what a truncation brings back are the first members that were kept',
    edits: [
      edit(
        'node/opening',
        'if (holdsConfig(parts, restored)) return restored;',
        'if (holdsConfig(parts, restored)) return { ...restored, bootstrap: given };',
      ),
    ],
  },
];
