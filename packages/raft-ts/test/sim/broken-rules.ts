import { guards } from '../mutation/guards.ts';
import type { Patch } from './compiled-sources.ts';

/** A rule of the library, how to break it, and what the simulator must say then. */
export interface BrokenRule {
  readonly rule: string;
  readonly patches: readonly Patch[];
  /** So many seeds must be enough: several times what it took when this was written. */
  readonly seedsMax: number;
  readonly found: RegExp;
  /** Runs that can see it; as the seed draws when absent. */
  readonly choice?: { readonly disk?: boolean; readonly membership?: boolean };
}

/** The guards that keep known bugs away, by their names in `test/mutation/guards.ts`. */
const brokenGuards: readonly (readonly [guard: string, seedsMax: number, found: RegExp])[] = [
  ['a vote answer waits until it is durable', 20, /names term|vote that is not durable/],
  ['a vote request waits until the own vote is durable', 20, /names term/],
  ['commit only what the request vouches for', 20, /commit beyond the log|committed/],
  ['a conflict cuts the tail', 40, /appended entry is not the next one|log matching/],
  ['a failed append stops the member', 60, /durable|gap before entry/],
  ['an acknowledgement waits until its entries are durable', 20, /before it is durable/],
  ['the leader counts itself when its append is done', 20, /without a majority/],
  [
    'no change before the former one is committed',
    600,
    /committed|majority|leader completeness|out of order|election safety|no agreement/,
  ],
  ['every leader leaves a committed joint configuration', 60, /no agreement/],
  ['both halves of a joint configuration', 60, /without a majority|committed|leader/],
  ['a majority is more than half', 60, /without a majority|committed|leader/],
  ['learners do not count', 120, /without a majority|committed/],
  ['other first members are refused', 40, /election safety|committed|without a majority|leader/],
  ['a read round waits for a commit of the own term', 120, /not linearizable|stale read/],
];

const patch = (file: string, from: string, to: string): Patch => ({ file: `${file}.ts`, from, to });

const ownRules: readonly BrokenRule[] = [
  {
    rule: 'only entries of the own term are committed by counting (Raft paper, figure 8)',
    patches: [
      patch('core/state', '(entryTerm, leaderTerm) => entryTerm === leaderTerm', '() => true'),
    ],
    seedsMax: 1_500,
    found: /leader completeness|committed entries change|state machine safety|committed entry/,
    choice: { disk: false, membership: false },
  },
  {
    rule: 'a vote is given once in a term',
    patches: [
      patch(
        'core/voter',
        'return state.votedFor === null && state.leader === null;',
        'return true;',
      ),
    ],
    seedsMax: 20,
    found: /voted for|vote that is not durable|election safety/,
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
    seedsMax: 120,
    found: /leader completeness|committed/,
  },
  {
    rule: 'nobody helps to replace a leader that is heard',
    patches: [patch('core/voter', ' || isSticky(state, message);', ';')],
    seedsMax: 400,
    found: /replaced without cause/,
  },
  {
    rule: 'who hears nobody asks before it raises the term',
    patches: [
      patch('core/candidate', '(state.options.preVote || state.tornLog) && !isTransfer', 'false'),
    ],
    seedsMax: 40,
    found: /replaced without cause/,
  },
  {
    rule: 'the vote of a torn member counts only when all grant (L3)',
    patches: [
      patch('core/candidate', "message.tornLog ? 'granted-torn' : 'granted'", "'granted'"),
      patch('core/candidate', "state.tornLog ? 'granted-torn' : 'granted'", "'granted'"),
    ],
    seedsMax: 200,
    found: /leader completeness|committed/,
  },
  {
    rule: 'a torn member starts in a new term (L3)',
    patches: [patch('core/state', 'this.term++;', '')],
    seedsMax: 120,
    found: /voted for|committed|leader completeness|no agreement/,
  },
  {
    rule: 'a read waits until a quorum has answered its round',
    patches: [
      patch(
        'core/leader',
        'state.reads.confirm(confirmedRound(state))',
        'state.reads.confirm(Number.MAX_VALUE)',
      ),
    ],
    seedsMax: 1_000,
    found: /not linearizable|stale read/,
  },
  {
    rule: 'a proposal that comes twice is taken once',
    patches: [patch('node/requests', 'if (!this.#inbox.admits(from, requestId)) return;', '')],
    seedsMax: 40,
    found: /in the log twice|overtook/,
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
    seedsMax: 600,
    found: /forgot its durable entry|is damaged|was synced, but/,
    choice: { disk: true },
  },
  {
    rule: 'term and vote are written before the entries (L2)',
    patches: [
      patch(
        'storage/segment-log-store',
        'if (Object.keys(change).length > 0) await vote.update(change);',
        '',
      ),
    ],
    seedsMax: 60,
    found: /forgot its durable term or vote/,
    choice: { disk: true },
  },
  {
    rule: 'a group is answered when it is synced (L1)',
    patches: [
      patch(
        'storage/segment-log-store',
        'fileSystem.dataSync(segment.file, (syncError) => {',
        '((done: (error: null) => void) => done(null))((syncError: Error | null) => {',
      ),
    ],
    seedsMax: 120,
    found: /forgot its durable entry|is damaged|was synced, but/,
    choice: { disk: true },
  },
];

function ofGuard(name: string, seedsMax: number, found: RegExp): BrokenRule {
  const guard = guards.find((other) => other.guard === name);
  if (guard === undefined) throw new Error(`test/mutation/guards.ts has no guard: ${name}`);
  const patches = guard.edits.map(({ file, find, replace }) => {
    return { file: file.replace(/^src\//, ''), from: find, to: replace };
  });
  return { rule: `B${guard.bug} ${name}`, patches, seedsMax, found };
}

export const brokenRules: readonly BrokenRule[] = [
  ...ownRules,
  ...brokenGuards.map(([name, seedsMax, found]) => ofGuard(name, seedsMax, found)),
];
