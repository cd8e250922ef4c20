import type { Patch } from './compiled-sources.ts';

/** A rule of the library, and how to break it. */
export interface BrokenRule {
  readonly rule: string;
  readonly patches: readonly Patch[];
}

const patch = (file: string, from: string, to: string): Patch => ({ file: `${file}.ts`, from, to });

/** Rules beside the guards against known bugs (`test/mutation/guards.ts`). */
export const ownRules: readonly BrokenRule[] = [
  {
    rule: 'a vote is given once in a term',
    patches: [
      patch(
        'core/voter',
        'return state.votedFor === null && state.leader === null;',
        'return true;',
      ),
    ],
  },
  {
    rule: 'a vote is given only to a log that is up to date',
    patches: [
      patch(
        'core/voter',
        'const isGranted = isUpToDate && isVoteFree(state, message);',
        'const isGranted = isVoteFree(state, message);',
      ),
      patch(
        'core/voter',
        'answer(state, message, isUpToDate && isFree);',
        'answer(state, message, isFree);',
      ),
    ],
  },
  {
    rule: 'nobody helps to replace a leader that is heard',
    patches: [patch('core/voter', '|| isSticky(state, message);', ';')],
  },
  {
    rule: 'who hears nobody asks before it raises the term',
    patches: [
      patch('core/candidate', '(state.options.preVote || state.tornLog) && !isTransfer', 'false'),
    ],
  },
  {
    rule: 'the vote of a torn member counts only when all grant (L3)',
    patches: [
      patch(
        'core/candidate',
        "return message.tornLog ? 'granted-torn' : 'granted';",
        "return 'granted';",
      ),
      patch(
        'core/candidate',
        "return state.tornLog ? 'granted-torn' : 'granted';",
        "return 'granted';",
      ),
    ],
  },
  {
    rule: 'a torn member starts in a new term (L3)',
    patches: [patch('core/state', 'this.term++;', '')],
  },
  {
    rule: 'a read waits until a quorum has answered its round',
    patches: [patch('core/leader', 'state.reads.confirm(confirmedRound(state))', 'state.reads.confirm(Infinity)')],
  },
  {
    rule: 'a read waits until its index is applied',
    patches: [
      patch(
        'testing/sim-member',
        'await this.#applied(await node.readIndex());',
        'await node.readIndex();',
      ),
    ],
  },
  {
    rule: 'a proposal that comes twice is taken once',
    patches: [patch('node/requests', 'if (!this.#inbox.admits(from, requestId)) return;', '')],
  },
  {
    rule: 'a request of a term before the start is not taken again',
    patches: [
      patch('node/requests', 'if (term !== undefined && term <= this.#bornTerm) return;', ''),
    ],
  },
  {
    rule: 'the last group is written again on open (L1)',
    patches: [
      patch(
        'storage/log-opening',
        'await writeLastGroupAgain(fileSystem, log);',
        'await dataSyncAsync(fileSystem, log.segments.at(-1)!.file);',
      ),
    ],
  },
  {
    rule: 'what lies behind a torn group is marked (L3)',
    patches: [patch('storage/log-opening', 'vote.state.tornLog || log.isTorn', 'false')],
  },
  {
    rule: 'term and vote come before the entries (L2)',
    patches: [
      patch(
        'storage/segment-log-store',
        'if (Object.keys(change).length > 0) await vote.update(change);',
        '',
      ),
    ],
  },
  {
    rule: 'an answer waits for the sync',
    patches: [
      patch(
        'storage/segment-log-store',
        'fileSystem.dataSync(segment.file, (syncError) => {',
        '((done) => done(null))((syncError) => {',
      ),
    ],
  },
];
