import { type Entry, EntryType, type Index, type NodeId } from '../core/types.ts';
import { ProposalUnknownError } from '../errors.ts';
import type { Applied } from '../node/proposal-table.ts';
import { InvariantError, type Invariants } from './invariants.ts';
import type { Random } from './random.ts';
import type { SimMember } from './sim-member.ts';

interface Proposal {
  readonly member: NodeId;
  readonly life: number;
  outcome: 'open' | 'done' | 'none' | 'unknown';
  index: Index;
}

interface Read {
  readonly atLeast: Index;
  index: Index | null;
}

function encode(id: number, padding: number): Uint8Array {
  const data = new Uint8Array(4 + padding);
  new DataView(data.buffer).setUint32(0, id);
  return data;
}

function decode(entry: Entry): number {
  return new DataView(entry.data.buffer, entry.data.byteOffset).getUint32(0);
}

/** Clients of a run: each proposal is unique, so that the log tells afterwards whether every answer was true. */
export class Workload {
  readonly #random: Random;
  readonly #invariants: Invariants;
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

  propose(member: SimMember, count: number): void {
    for (let i = 0; i < count; i++) {
      const id = this.#proposals.length;
      const { id: name, life } = member;
      const proposal: Proposal = { member: name, life, outcome: 'open', index: 0 };
      this.#proposals.push(proposal);
      const padding = this.#random.integer(0, 60);
      member.node?.propose(encode(id, padding)).then(
        (applied: Applied<Index>) => {
          proposal.outcome = 'done';
          proposal.index = applied.index;
        },
        (error: unknown) => {
          proposal.outcome = error instanceof ProposalUnknownError ? 'unknown' : 'none';
        },
      );
    }
  }

  read(member: SimMember): void {
    const read: Read = { atLeast: this.#invariants.committed.index, index: null };
    this.#reads.push(read);
    member.node?.readIndex().then(
      (index) => {
        read.index = index;
      },
      () => {},
    );
  }

  /** After the run, when all answers have come. @throws {InvariantError} If an answer was not true. */
  check(): void {
    const places = this.#places();
    this.#proposals.forEach((proposal, id) => {
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
      const id = decode(entry);
      if (places.has(id)) throw new InvariantError(`proposal ${id} is in the log twice`);
      places.set(id, entry.index);
    }
    return places;
  }

  #checkOrder(places: ReadonlyMap<number, Index>): void {
    const newest = new Map<string, Index>();
    this.#proposals.forEach((proposal, id) => {
      const place = places.get(id);
      if (place === undefined) return;
      const source = `${proposal.member}/${proposal.life}`;
      if (place < (newest.get(source) ?? 0)) {
        throw new InvariantError(`proposal ${id} of ${source} overtook an earlier one`);
      }
      newest.set(source, place);
    });
  }
}
