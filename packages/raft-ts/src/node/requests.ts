import type { ForwardedRequest, ForwardedResponse } from '../core/message.ts';
import { membersOf } from '../core/quorum.ts';
import type { RaftCore } from '../core/raft.ts';
import type { ReadState } from '../core/read-index.ts';
import type { Entry, Index, NodeId, Term } from '../core/types.ts';
import {
  BusyError,
  EntryTooLargeError,
  NotLeaderError,
  ProposalDroppedError,
  ProposalUnknownError,
  type RaftError,
  ReadIndexFailedError,
} from '../errors.ts';
import type { RaftMetrics } from '../metrics.ts';
import { leaseMs, type ResolvedOptions } from '../options.ts';
import type { Clock, Transport } from '../ports.ts';
import { ForwardInbox, Forwards } from './forwards.ts';
import { Lease } from './lease.ts';
import type { Waiting } from './meter.ts';
import { ProposalTable, type Settler } from './proposal-table.ts';
import { Transfers } from './transfers.ts';

export interface RequestsDependencies {
  readonly core: RaftCore;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: () => number;
  readonly metrics: RaftMetrics | null;
}

interface Read {
  readonly deadlineMs: number;
  readonly answer: (index: Index | null) => void;
}

/**
 * How a read is made linearizable. `readIndex`: a quorum confirms that this leader still leads. `lease`: the leader's clock
 * tells that nobody else can lead yet, and where it does not, as `readIndex`; on other members than the leader the same.
 */
export type ReadPolicy = 'readIndex' | 'lease';

type Outcome = ForwardedResponse['outcome'];

/** What clients want of this member: proposals, reads and transfers, its own and those that other members forward. */
export class Requests<R> {
  readonly #options: ResolvedOptions;
  readonly #dependencies: RequestsDependencies;
  readonly #proposals: ProposalTable<R>;
  readonly #forwards: Forwards;
  readonly #inbox = new ForwardInbox();
  readonly #reads = new Map<number, Read>();
  readonly #transfers = new Transfers();
  readonly #lease: Lease | null;
  /** Terms up to here may have been led before this process started. */
  readonly #bornTerm: Term;
  #readId = 0;

  constructor(options: ResolvedOptions, appliedIndex: Index, dependencies: RequestsDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#bornTerm = dependencies.core.state.term;
    this.#proposals = new ProposalTable(appliedIndex);
    this.#forwards = new Forwards(dependencies.random);
    const durationMs = leaseMs(options);
    const spacingMs = options.tickMs;
    this.#lease = durationMs === null ? null : new Lease({ durationMs, spacingMs });
  }

  /** What has no outcome yet. */
  get waiting(): Waiting {
    const { proposals, size } = this.#forwards;
    return { proposals: this.#waitingProposals, reads: this.#reads.size + size - proposals };
  }

  get #waitingProposals(): number {
    return this.#proposals.size + this.#forwards.proposals;
  }

  propose(data: Uint8Array, client: Settler<R>): void {
    const { core, metrics } = this.#dependencies;
    metrics?.proposalsTotal.inc();
    const settler = metrics === null ? client : this.#timed(client, metrics);
    const refusal = this.#limit(data) ?? (core.state.role === 'leader' ? null : this.#noLeader());
    if (refusal !== null) {
      this.#refuse(settler, refusal);
    } else if (core.state.role === 'leader') {
      this.#proposeHere(data, settler);
    } else {
      this.#forwardProposal(data, settler);
    }
  }

  /** A round of heartbeats may be about to leave. */
  onSending(): void {
    const { core, clock } = this.#dependencies;
    this.#lease?.note(core.leaseRounds, clock.nowMs());
  }

  /** `answer` gets an index that held after this call: by the lease if it is wanted and there is one, else by a quorum. */
  readIndex(policy: ReadPolicy, answer: (result: Index | RaftError) => void): void {
    const { core, metrics, clock } = this.#dependencies;
    metrics?.readsTotal.inc();
    if (policy === 'lease' && this.#holdsLease()) {
      metrics?.leaseReadsTotal.inc();
      answer(core.state.commit);
      return;
    }
    const startMs = clock.nowMs();
    this.#readByQuorum((result) => {
      if (typeof result === 'number') {
        metrics?.readSeconds.observe((clock.nowMs() - startMs) / 1000);
      }
      answer(result);
    });
  }

  /** See `RaftNode.quorumAgeMs`. */
  get quorumAgeMs(): number {
    const { core, clock } = this.#dependencies;
    return this.#lease?.ageMs(core.leaseRounds, clock.nowMs()) ?? Number.POSITIVE_INFINITY;
  }

  #timed(client: Settler<R>, metrics: RaftMetrics): Settler<R> {
    const { clock } = this.#dependencies;
    const startMs = clock.nowMs();
    return {
      resolve: (applied) => {
        metrics.proposalSeconds.observe((clock.nowMs() - startMs) / 1000);
        client.resolve(applied);
      },
      reject: (error) => client.reject(error),
    };
  }

  #holdsLease(): boolean {
    const { core, clock } = this.#dependencies;
    return this.#lease?.holds(core.leaseRounds, clock.nowMs()) ?? false;
  }

  #readByQuorum(answer: (result: Index | RaftError) => void): void {
    if (this.#reads.size + this.#forwards.size >= this.#options.limits.readsMax) {
      answer(new BusyError('queue of reads'));
      return;
    }
    if (this.#dependencies.core.state.role === 'leader') {
      this.#readHere((index) => answer(index ?? new ReadIndexFailedError('leadership lost')));
      return;
    }
    const refusal = this.#noLeader();
    if (refusal !== null) {
      answer(refusal);
      return;
    }
    this.#forward('read-index', this.#options.readTimeoutMs, null, (response) => {
      if (response?.outcome === 'accepted') answer(response.index);
      else answer(new ReadIndexFailedError(response?.outcome ?? 'no answer from the leader'));
    });
  }

  transferLeadership(target: NodeId): Promise<void> {
    const { core, clock } = this.#dependencies;
    const { state } = core;
    if (state.leader === target) return Promise.resolve();
    const timeoutMs = 2 * this.#options.timing.electionTimeoutMsMax;
    const { done, fail } = this.#transfers.wait(target, clock.nowMs() + timeoutMs);
    if (state.role === 'leader') {
      const refusal = core.transferLeadership(target);
      if (refusal !== null) fail(refusal);
    } else if (state.leader === null) {
      fail('no leader is known');
    } else {
      this.#forward('transfer', timeoutMs, target, (response) => {
        if (response?.outcome !== 'accepted') fail(response?.outcome ?? 'no answer');
      });
    }
    return done;
  }

  /** A request of another member; only a member of the present configuration is heard. */
  onForwarded(request: ForwardedRequest): void {
    const { core } = this.#dependencies;
    if (!membersOf(core.state.config).includes(request.from)) return;
    if (request.kind === 'propose') this.#onForwardedProposal(request);
    else if (core.state.role !== 'leader') this.#answer(request, 'not-leader', 0);
    else if (request.kind === 'read-index') {
      this.#readHere((index) => {
        if (index === null) this.#answer(request, 'not-leader', 0);
        else this.#answer(request, 'accepted', index);
      });
    } else {
      const refusal = core.transferLeadership(request.target);
      this.#answer(request, refusal === null ? 'accepted' : 'failed', 0);
    }
  }

  onForwardResponse(response: ForwardedResponse): void {
    this.#forwards.answer(response);
  }

  onReadStates(readStates: readonly ReadState[]): void {
    for (const { id, index } of readStates) {
      const read = this.#reads.get(id);
      this.#reads.delete(id);
      read?.answer(index);
    }
  }

  onApplied(entries: readonly Entry[], results: readonly (R | undefined)[]): void {
    this.#proposals.settle(entries, results, this.#forwards.proposals > 0);
  }

  /** The state was replaced by that at `index`. */
  onRestored(index: Index): void {
    this.#proposals.skipTo(index);
  }

  onLeaderChange(leader: NodeId | null): void {
    const { clock } = this.#dependencies;
    this.#forwards.leaderLost(clock.nowMs() + this.#options.timing.electionTimeoutMsMin);
    this.#transfers.leaderChanged(leader);
  }

  onTick(): void {
    const nowMs = this.#dependencies.clock.nowMs();
    let expired = this.#proposals.expire(nowMs) + this.#forwards.expire(nowMs);
    for (const [id, read] of this.#reads) {
      if (read.deadlineMs > nowMs) break;
      this.#reads.delete(id);
      read.answer(null);
      expired++;
    }
    this.#transfers.expire(nowMs);
    if (expired > 0) this.#dependencies.metrics?.requestsExpiredTotal.inc(expired);
  }

  failAll(reason: string): void {
    this.#proposals.failAll(reason);
    this.#forwards.failAll();
    for (const read of this.#reads.values()) read.answer(null);
    this.#reads.clear();
    this.#transfers.failAll(reason);
  }

  #limit(data: Uint8Array): RaftError | null {
    const { proposalsMax, entryBytesMax } = this.#options.limits;
    if (data.length > entryBytesMax) return new EntryTooLargeError(data.length, entryBytesMax);
    return this.#waitingProposals >= proposalsMax ? new BusyError('queue of proposals') : null;
  }

  #noLeader(): RaftError | null {
    const { leader } = this.#dependencies.core.state;
    return leader === null ? new NotLeaderError(null) : null;
  }

  #refuse(settler: Settler<R>, error: RaftError): void {
    this.#dependencies.metrics?.proposalsRefusedTotal.inc();
    settler.reject(error);
  }

  #proposeHere(data: Uint8Array, settler: Settler<R>): void {
    const entry = this.#dependencies.core.propose(data);
    if (typeof entry === 'string') {
      this.#refuse(settler, this.#refusalError(entry));
      return;
    }
    const deadlineMs = this.#dependencies.clock.nowMs() + this.#options.proposalTimeoutMs;
    this.#proposals.add(entry.index, entry.term, deadlineMs, settler);
  }

  #refusalError(refusal: string): RaftError {
    if (refusal === 'busy') return new BusyError('uncommitted part of the log');
    if (refusal === 'not-leader') return new NotLeaderError(this.#dependencies.core.state.leader);
    return new ProposalDroppedError(refusal);
  }

  #forwardProposal(data: Uint8Array, settler: Settler<R>): void {
    const { clock } = this.#dependencies;
    const deadlineMs = clock.nowMs() + this.#options.proposalTimeoutMs;
    this.#forward('propose', this.#options.proposalTimeoutMs, data, (response) => {
      if (response === null) {
        settler.reject(new ProposalUnknownError('no answer from the leader'));
      } else if (response.outcome === 'accepted') {
        this.#proposals.add(response.index, response.term, deadlineMs, settler);
      } else {
        this.#refuse(settler, this.#refusalError(response.outcome));
      }
    });
  }

  #forward(
    kind: 'propose' | 'read-index' | 'transfer',
    timeoutMs: number,
    payload: Uint8Array | NodeId | null,
    answer: (response: ForwardedResponse | null) => void,
  ): void {
    const { core, transport, clock, metrics } = this.#dependencies;
    const { id: from, leader: to, term } = core.state;
    if (to === null) {
      answer(null);
      return;
    }
    const forward = { kind, leader: to, answer };
    const requestId = this.#forwards.add(forward, clock.nowMs() + timeoutMs);
    metrics?.forwardedTotal.inc();
    const envelope = { from, to, requestId };
    if (kind === 'propose') {
      transport.send({ kind, ...envelope, data: payload as Uint8Array, term });
    } else if (kind === 'transfer') {
      transport.send({ kind, ...envelope, target: payload as NodeId });
    } else {
      transport.send({ kind, ...envelope });
    }
  }

  #onForwardedProposal(request: Extract<ForwardedRequest, { kind: 'propose' }>): void {
    const { core } = this.#dependencies;
    const { from, requestId, term } = request;
    // Late or repeated: silence, since the first copy may be in the log, even by a former life of this member.
    if (term !== undefined && term <= this.#bornTerm) return;
    if (!this.#inbox.admits(from, requestId)) return;
    const isOfThisTerm = term === undefined || term === core.state.term;
    const entry = isOfThisTerm ? core.propose(request.data) : 'not-leader';
    if (typeof entry !== 'string') this.#answer(request, 'accepted', entry.index);
    else if (entry === 'transferring') this.#answer(request, 'dropped', 0);
    else if (entry === 'too-large') this.#answer(request, 'failed', 0);
    else this.#answer(request, entry, 0);
  }

  #answer(request: ForwardedRequest, outcome: Outcome, index: Index): void {
    const { core, transport } = this.#dependencies;
    const { id: from, term, leader } = core.state;
    const { from: to, requestId } = request;
    transport.send({ kind: 'forward-response', from, to, requestId, outcome, index, term, leader });
  }

  #readHere(answer: (index: Index | null) => void): void {
    const { core, clock } = this.#dependencies;
    const id = ++this.#readId;
    this.#reads.set(id, { deadlineMs: clock.nowMs() + this.#options.readTimeoutMs, answer });
    core.readIndex(id);
  }
}
