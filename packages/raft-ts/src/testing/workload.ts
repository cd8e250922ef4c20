import { EntryType, type Index, type NodeId } from '../core/types.ts';
import { ProposalUnknownError } from '../errors.ts';
import { InvariantError, type Invariants } from './invariants.ts';
import type { Random } from './random.ts';
import type { SimMember } from './sim-member.ts';
import { type Command, decodeCommand, encodeCommand, type Outcome } from './sim-state-machine.ts';

interface Proposal {
  readonly member: NodeId;
  readonly life: number;
  outcome: 'open' | 'done' | 'none' | 'unknown';
  index: Index;
}

/** What became of a command: `none` surely left no trace, `unknown` may take effect, now or later. */
export type Answer = Outcome | 'none' | 'unknown';

interface Read {
  readonly atLeast: Index;
  index: Index | null;
}

/** Proposals of a run: each is unique, so that the log tells afterwards whether every answer was true. */
export class Workload {
  readonly #random: Random;
  readonly #invariants: Invariants;
  /** By command id, from 1 on. */
  readonly #proposals: Proposal[] = [];
  readonly #reads: Read[] = [];

  constructor(random: Random, invariants: Invariants) {
    this.#random = random;
    this.#invariants = invariants;
  }

  get proposed(): number {
    return this.#proposals.length;
  }

  /** Proposals of which the client knows that they are done. */
  get done(): number {
    return this.#proposals.filter((proposal) => proposal.outcome === 'done').length;
  }

  get reads(): number {
    return this.#reads.filter((read) => read.index !== null).length;
  }

  /** Id of the next command. */
  get nextId(): number {
    return this.#proposals.length + 1;
  }

  /** Does not settle when the member crashes. */
  async submit(member: SimMember, command: Omit<Command, 'id'>): Promise<Answer> {
    const id = this.nextId;
    const proposal: Proposal = { member: member.id, life: member.life, outcome: 'open', index: 0 };
    this.#proposals.push(proposal);
    if (member.node === null) return 'none';
    try {
      const padding = this.#random.integer(0, 60);
      const applied = await member.node.propose(encodeCommand({ id, ...command }, padding));
      proposal.outcome = 'done';
      proposal.index = applied.index;
      return applied.result;
    } catch (error) {
      proposal.outcome = error instanceof ProposalUnknownError ? 'unknown' : 'none';
      return proposal.outcome;
    }
  }

  /** Proposals that fill the log and the windows. */
  burst(member: SimMember, count: number): void {
    for (let i = 0; i < count; i++) void this.submit(member, { kind: 'none', key: 0, expect: 0 });
  }

  readIndex(member: SimMember): void {
    const read: Read = { atLeast: this.#invariants.committed.index, index: null };
    this.#reads.push(read);
    member.node?.readIndex({ policy: member.readPolicy }).then(
      (index) => {
        read.index = index;
      },
      () => {},
    );
  }

  /** After the run, when all answers have come. @throws {InvariantError} If an answer was not true. */
  check(): void {
    const places = this.#places();
    this.#proposals.forEach((proposal, position) => {
      const id = position + 1;
      const place = places.get(id);
      if (proposal.outcome === 'done' && place !== proposal.index) {
        throw new InvariantError(`proposal ${id} is done at ${proposal.index}, but at ${place}`);
      }
      if (proposal.outcome === 'none' && place !== undefined) {
        throw new InvariantError(`proposal ${id} was surely dropped, but is at ${place}`);
      }
    });
    for (const { atLeast, index } of this.#reads) {
      if (index !== null && index < atLeast) {
        throw new InvariantError(`stale read: ${index}, when ${atLeast} was committed before`);
      }
    }
    this.#checkOrder(places);
  }

  #places(): Map<number, Index> {
    const places = new Map<number, Index>();
    for (const entry of this.#invariants.appliedEntries) {
      if (entry === undefined || entry.type !== EntryType.normal) continue;
      const { id } = decodeCommand(entry);
      if (places.has(id)) throw new InvariantError(`proposal ${id} is in the log twice`);
      places.set(id, entry.index);
    }
    return places;
  }

  #checkOrder(places: ReadonlyMap<number, Index>): void {
    const newest = new Map<string, Index>();
    this.#proposals.forEach((proposal, position) => {
      const place = places.get(position + 1);
      if (place === undefined) return;
      const source = `${proposal.member}/${proposal.life}`;
      if (place < (newest.get(source) ?? 0)) {
        throw new InvariantError(`proposal ${position + 1} of ${source} overtook an earlier one`);
      }
      newest.set(source, place);
    });
  }
}
