import { ExpectationTable } from '@raftwall/flow-table';
import { Packr, Unpackr } from 'msgpackr';
import { type ClusterConfig, decodeConfig, encodeConfig } from 'raft-ts';
import type {
  ActivateCommand,
  AliveCommand,
  BatchCommand,
  LevelCommand,
  LimitCommand,
  MemberCommand,
  ReleaseCommand,
} from './command.ts';
import { ClusterStateFormatError } from './errors.ts';

const stateVersion = 1;
/** With expectations; a state without any stays readable by releases that know none. */
const stateVersionExpectations = 2;

/** Who may write the flows of a traffic group, as committed (rules A1 to A4). */
export interface GroupState {
  readonly name: string;
  /** Number of the newest accepted activation, 0 before any. */
  readonly epoch: number;
  readonly node: string | null;
  readonly attempt: string;
  /** The kernel that became the truth with this epoch. */
  readonly kernelIncarnation: string;
  /** The epoch has ended without a successor: its batches are refused, and anybody may activate. */
  readonly released: boolean;
  /** The node has brought its kernel up to the activation: from then on the kernel was the truth (rule K8). */
  readonly promoted: boolean;
  /** The only batch sequence that apply takes next. */
  readonly nextSequence: number;
}

/** What a member has committed about itself. */
export interface MemberState {
  readonly id: string;
  readonly addresses: readonly string[];
  /** Empty for a witness, which has none (rule V10). */
  readonly kernelIncarnation: string;
  /** That kernel was level with the table at least once. */
  readonly level: boolean;
  /** It said last that it may take the virtual address over. */
  readonly ready: boolean;
  /** Log index at which it last named its kernel; 0: not known. */
  readonly announcedIndex: number;
}

/** Rule V10: it has told of itself, and has no kernel. */
export function isWitness(member: MemberState | undefined): boolean {
  return member !== undefined && member.announcedIndex > 0 && member.kernelIncarnation === '';
}

/** How apply decided about a command; equal on all members. */
export type Outcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'refused'; readonly reason: RefusedReason };

export type RefusedReason = 'stale-epoch' | 'gap' | 'epoch-moved' | 'malformed';

export const accepted: Outcome = { kind: 'accepted' };
const duplicate: Outcome = { kind: 'duplicate' };
const refusals: Readonly<Record<RefusedReason, Outcome>> = {
  'stale-epoch': { kind: 'refused', reason: 'stale-epoch' },
  gap: { kind: 'refused', reason: 'gap' },
  'epoch-moved': { kind: 'refused', reason: 'epoch-moved' },
  malformed: { kind: 'refused', reason: 'malformed' },
};

export function refused(reason: RefusedReason): Outcome {
  return refusals[reason];
}

/** Flows that a cluster carries until its limit is set otherwise. */
const flowsMaxDefault = 1_048_576;

const noGroup = {
  epoch: 0,
  node: null,
  attempt: '',
  kernelIncarnation: '',
  released: true,
  promoted: false,
  nextSequence: 1,
} as const;

/**
 * The replicated state beside the flows: epochs, sequences and members. A pure function of the log: no clock, no local
 * knowledge, so that every member decides alike.
 */
export class ClusterState {
  /** What the helpers of the replicated flows expect. */
  readonly expectations = new ExpectationTable();
  readonly #groups = new Map<string, GroupState>();
  readonly #members = new Map<string, MemberState>();
  #flowsMax = flowsMaxDefault;
  #generation = 0;
  #config: ClusterConfig | null = null;

  /** How many flows capture may let into the table (rule T3). */
  get flowsMax(): number {
    return this.#flowsMax;
  }

  /** Raft's members as committed here, so that the log may be cut behind the entry that says so; null before any change. */
  get config(): ClusterConfig | null {
    return this.#config;
  }

  group(name: string): GroupState {
    return this.#groups.get(name) ?? { name, ...noGroup };
  }

  groups(): readonly GroupState[] {
    return [...this.#groups.values()];
  }

  member(id: string): MemberState | undefined {
    return this.#members.get(id);
  }

  members(): readonly MemberState[] {
    return [...this.#members.values()];
  }

  /** Rule A3: the first activation that names the current epoch wins. Rule A4: the same attempt again is a success. */
  activate(command: ActivateCommand): Outcome {
    const group = this.group(command.group);
    if (group.attempt === command.attempt) return duplicate;
    if (group.epoch !== command.expectedEpoch) return refused('epoch-moved');
    this.#groups.set(command.group, {
      name: command.group,
      epoch: group.epoch + 1,
      node: command.node,
      attempt: command.attempt,
      kernelIncarnation: command.kernelIncarnation,
      released: false,
      promoted: false,
      nextSequence: 1,
    });
    this.#markLevel(command.node, command.kernelIncarnation);
    return accepted;
  }

  /**
   * Whether any kernel that was ever level is known to live: without one, nobody vouches for the table (rule K9). What the
   * activating node had committed of a kernel that it no longer has does not count, nor does a member that has not named
   * its kernel since the roll call.
   */
  hasLevelKernel(activating: {
    readonly node: string;
    readonly kernelIncarnation: string;
    readonly rollCallIndex: number;
  }): boolean {
    const { node, rollCallIndex } = activating;
    return this.members().some(({ id, level, kernelIncarnation, announcedIndex }) => {
      if (!level) return false;
      if (id === node) return kernelIncarnation === activating.kernelIncarnation;
      return rollCallIndex === 0 || announcedIndex > rollCallIndex;
    });
  }

  release(command: ReleaseCommand): Outcome {
    const group = this.group(command.group);
    if (group.epoch !== command.epoch || group.node !== command.node) return refused('stale-epoch');
    if (group.released) return duplicate;
    this.#groups.set(command.group, { ...group, released: true });
    return accepted;
  }

  /** Rule A1: only the next sequence of the current epoch and node. Moves the sequence when it accepts. */
  admitBatch(command: BatchCommand): Outcome {
    const group = this.group(command.group);
    if (!this.#isWriter(group, command)) return refused('stale-epoch');
    if (command.sequence < group.nextSequence) return duplicate;
    if (command.sequence > group.nextSequence) return refused('gap');
    const nextSequence = group.nextSequence + 1;
    this.#groups.set(command.group, { ...group, promoted: true, nextSequence });
    return accepted;
  }

  alive(command: AliveCommand): Outcome {
    const group = this.group(command.group);
    if (!this.#isWriter(group, command)) return refused('stale-epoch');
    if (!group.promoted) this.#groups.set(command.group, { ...group, promoted: true });
    return accepted;
  }

  announce(command: MemberCommand, index: number): Outcome {
    const known = this.#members.get(command.node);
    const sameKernel = known?.kernelIncarnation === command.kernelIncarnation;
    this.#members.set(command.node, {
      id: command.node,
      addresses: command.addresses,
      kernelIncarnation: command.kernelIncarnation,
      level: sameKernel && known.level,
      ready: command.ready,
      announcedIndex: index,
    });
    return accepted;
  }

  level(command: LevelCommand): Outcome {
    const known = this.#members.get(command.node);
    if (known?.kernelIncarnation !== command.kernelIncarnation) return refused('stale-epoch');
    if (known.level) return duplicate;
    this.#markLevel(command.node, command.kernelIncarnation);
    return accepted;
  }

  limit(command: LimitCommand): Outcome {
    this.#flowsMax = command.flowsMax;
    return accepted;
  }

  configure(config: ClusterConfig): void {
    this.#config = config;
    this.#recover(config.generation);
  }

  /**
   * Rule L4: the cluster was recovered from one member, and its log may lack what was acknowledged before. Every epoch ends:
   * what a node proposes under one of before is refused, and whoever carries traffic activates anew.
   */
  #recover(generation: number): void {
    if (generation <= this.#generation) return;
    this.#generation = generation;
    for (const { name, epoch } of this.groups()) {
      this.#groups.set(name, { name, ...noGroup, epoch: epoch + 1 });
    }
  }

  #isWriter(group: GroupState, command: { epoch: number; node: string }): boolean {
    return group.epoch === command.epoch && group.node === command.node && !group.released;
  }

  #markLevel(node: string, kernelIncarnation: string): void {
    const known = { addresses: [], announcedIndex: 0, ready: false, ...this.#members.get(node) };
    this.#members.set(node, { ...known, id: node, kernelIncarnation, level: true });
  }

  /** Becomes what a snapshot holds; `other` is not used afterwards. */
  replaceWith(other: ClusterState): void {
    this.#groups.clear();
    this.#members.clear();
    for (const group of other.groups()) this.#groups.set(group.name, group);
    for (const member of other.members()) this.#members.set(member.id, member);
    this.#flowsMax = other.#flowsMax;
    this.#generation = other.#generation;
    this.#config = other.#config;
    this.expectations.clear();
    this.expectations.apply(other.expectations.encode());
  }

  /** Bytes for the checkpoint's `meta` (rule T1). */
  encode(): Uint8Array {
    const groups = this.groups().map((g) => [
      g.name,
      g.epoch,
      g.node,
      g.attempt,
      g.kernelIncarnation,
      g.released,
      g.promoted,
      g.nextSequence,
    ]);
    const members = this.members().map((m) => [
      m.id,
      m.addresses,
      m.kernelIncarnation,
      m.level,
      m.announcedIndex,
      m.ready,
    ]);
    const hasExpectations = this.expectations.size > 0;
    return new Packr({ useRecords: false }).pack([
      hasExpectations ? stateVersionExpectations : stateVersion,
      groups,
      members,
      this.#flowsMax,
      this.#generation,
      this.#config && encodeConfig(this.#config),
      ...(hasExpectations ? [this.expectations.encode()] : []),
    ]);
  }

  /** @throws {ClusterStateFormatError} If the bytes are damaged or of a newer format version. */
  static decode(bytes: Uint8Array): ClusterState {
    const state = new ClusterState();
    try {
      const content = new Unpackr({ useRecords: false }).unpack(bytes);
      const [version, groups, members, flowsMax, generation = 0, config = null, expectations] =
        content;
      if (version !== stateVersion && version !== stateVersionExpectations) {
        throw new ClusterStateFormatError(
          `format version ${version}, this program reads ${stateVersionExpectations}`,
        );
      }
      state.#flowsMax = flowsMax;
      state.#generation = generation;
      state.#config = config && decodeConfig(config);
      if (expectations !== undefined) state.expectations.apply(expectations);
      for (const [
        name,
        epoch,
        node,
        attempt,
        kernelIncarnation,
        released,
        promoted,
        nextSequence,
      ] of groups) {
        state.#groups.set(name, {
          name,
          epoch,
          node,
          attempt,
          kernelIncarnation,
          released,
          promoted,
          nextSequence,
        });
      }
      for (const [
        id,
        addresses,
        kernelIncarnation,
        level,
        announcedIndex = 0,
        ready = false,
      ] of members) {
        state.#members.set(id, { id, addresses, kernelIncarnation, level, announcedIndex, ready });
      }
    } catch (cause) {
      if (cause instanceof ClusterStateFormatError) throw cause;
      throw new ClusterStateFormatError(String(cause));
    }
    return state;
  }
}
