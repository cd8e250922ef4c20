import {
  type CheckpointPosition,
  type ExpectationFields,
  FlowCodecError,
  FlowCodecVersionError,
  type FlowFields,
  type FlowObserver,
  FlowRecord,
  type FlowTable,
  OPERATION_FORMAT_VERSION_EXPECTATIONS,
  OperationWriter,
  packFlowTable,
  unpackFlowTable,
} from '@raftwall/flow-table';
import {
  type ClusterConfig,
  decodeConfig,
  type Entry,
  EntryType,
  type SnapshotContent,
  type SnapshotMeta,
  type StateMachine,
} from 'raft-ts';
import { accepted, ClusterState, type GroupState, type Outcome, refused } from './cluster-state.ts';
import {
  type ActivateCommand,
  type AliveCommand,
  type BatchCommand,
  type Command,
  CommandKind,
  type DigestCommand,
  decodeCommand,
  type HandoverCommand,
  type ReleaseCommand,
  type RollCallCommand,
  type SurveyCommand,
  type SurveyedCommand,
  type VerificationCommand,
} from './command.ts';
import type { GroupSelectors } from './group-selectors.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';

/** Told of what the log decides, in log order, on every member. */
export interface AppliedListener {
  onActivation(command: ActivateCommand, outcome: Outcome, index: number, before: GroupState): void;
  onRelease(command: ReleaseCommand, outcome: Outcome): void;
  onBatch(command: BatchCommand, outcome: Outcome, index: number): void;
  onAlive(command: AliveCommand, outcome: Outcome, index: number): void;
  onHandover(command: HandoverCommand, index: number): void;
  onMembers(): void;
  onDigest(command: DigestCommand, index: number): void;
  onVerification(command: VerificationCommand, index: number): void;
  onRollCall(command: RollCallCommand, index: number): void;
  onSurvey(command: SurveyCommand, index: number): void;
  onSurveyed(command: SurveyedCommand): void;
  /** A row was created, replaced (another life of the tuple) or changed, by a batch of that node. */
  onFlowChanged(slot: number, replaced: boolean, source: string): void;
  /** Only the remaining time of a row has changed. */
  onFlowTouched(slot: number): void;
  /** A row is about to leave the table. */
  onFlowRemoved(flow: FlowFields): void;
  /** An expectation came into the state or left it, by a batch of that node. */
  onExpectation(expectation: ExpectationFields, change: 'expected' | 'gone', source: string): void;
  /** Everything up to `index` is applied. */
  onApplied(index: number): void;
  /** Table and state are about to be replaced by a snapshot: nothing may be done on their word until `onRestored`. */
  onRestoring(): void;
  /** They are those of `index`; what was decided up to there was not told one by one. */
  onRestored(index: number): void;
}

/** The table's durable form, which is written anew when the table is replaced; the `Checkpointer`. */
interface ReplaceableCheckpoint {
  replace(fill: () => Promise<void>): Promise<void>;
}

export interface StateMachineDependencies {
  readonly state: ClusterState;
  readonly table: FlowTable;
  readonly checkpoint: ReplaceableCheckpoint;
  readonly counters: ReplicatorCounters;
  readonly selectors: GroupSelectors;
  readonly listener: AppliedListener;
}

const emptyPageRows = 10_000;

/** What the log is for: the flow table and who may write it. Every member that applies the same entries has the same. */
export class ReplicatedStateMachine implements StateMachine<Outcome> {
  readonly #dependencies: StateMachineDependencies;
  readonly #flow = new FlowRecord();
  readonly #observer: FlowObserver;
  #appliedIndex: number;
  #appliedTerm: number;
  #index = 0;
  #source = '';

  constructor(applied: { index: number; term: number }, dependencies: StateMachineDependencies) {
    this.#appliedIndex = applied.index;
    this.#appliedTerm = applied.term;
    this.#dependencies = dependencies;
    this.#observer = (slot, change) => this.#onFlow(slot, change);
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  get appliedConfig(): ClusterConfig | null {
    return this.#dependencies.state.config;
  }

  get appliedTerm(): number {
    return this.#appliedTerm;
  }

  apply(entries: readonly Entry[]): readonly Outcome[] {
    const outcomes = entries.map((entry) => this.#applyEntry(entry));
    const last = entries.at(-1);
    if (last !== undefined) {
      this.#appliedIndex = last.index;
      this.#appliedTerm = last.term;
      this.#dependencies.listener.onApplied(last.index);
    }
    return outcomes;
  }

  /**
   * State and flows for a member that the log does not reach. The state is that of the call; the flows are read while applying
   * goes on and may be newer, which replay of the log behind makes right (rule T1).
   */
  snapshot(): SnapshotContent {
    return packFlowTable(this.#dependencies.table, this.position());
  }

  /** What is applied now, as the checkpoint keeps it (rule T1). */
  position(): CheckpointPosition {
    const { state } = this.#dependencies;
    return { index: this.#appliedIndex, term: this.#appliedTerm, meta: state.encode() };
  }

  /**
   * Becomes what another member's `snapshot` gave (rule T5).
   *
   * @throws {FlowSnapshotDamagedError | FlowSnapshotVersionError | ClusterStateFormatError} If it is none; then there is no state.
   */
  async restore(meta: SnapshotMeta, content: SnapshotContent): Promise<void> {
    const { table, state, checkpoint, listener } = this.#dependencies;
    listener.onRestoring();
    await checkpoint.replace(async () => {
      table.clear();
      const position = await unpackFlowTable(content, table);
      state.replaceWith(ClusterState.decode(position.meta));
    });
    this.#appliedIndex = meta.lastIndex;
    this.#appliedTerm = meta.lastTerm;
    listener.onRestored(meta.lastIndex);
  }

  #applyEntry(entry: Entry): Outcome {
    if (entry.type === EntryType.config) {
      this.#dependencies.state.configure(decodeConfig(entry.data));
    }
    if (entry.type !== EntryType.normal) return accepted;
    this.#index = entry.index;
    return this.#applyCommand(decodeCommand(entry.data), entry.index);
  }

  #applyCommand(command: Command, index: number): Outcome {
    const { state, listener } = this.#dependencies;
    switch (command.kind) {
      case CommandKind.batch:
        return this.#applyBatch(command, index);
      case CommandKind.activate:
        return this.#applyActivation(command, index);
      case CommandKind.release: {
        const outcome = state.release(command);
        listener.onRelease(command, outcome);
        return outcome;
      }
      case CommandKind.alive: {
        const outcome = state.alive(command);
        listener.onAlive(command, outcome, index);
        return outcome;
      }
      case CommandKind.member: {
        const outcome = state.announce(command, index);
        listener.onMembers();
        return outcome;
      }
      case CommandKind.level:
        return state.level(command);
      case CommandKind.limit:
        return state.limit(command);
      case CommandKind.handover:
        listener.onHandover(command, index);
        return accepted;
      case CommandKind.digest:
        listener.onDigest(command, index);
        return accepted;
      case CommandKind.verify:
      case CommandKind.verified:
      case CommandKind.compare:
      case CommandKind.listing:
      case CommandKind.compared:
        listener.onVerification(command, index);
        return accepted;
      case CommandKind.rollCall:
        listener.onRollCall(command, index);
        return accepted;
      case CommandKind.survey:
        listener.onSurvey(command, index);
        return accepted;
      case CommandKind.surveyed:
        listener.onSurveyed(command);
        return accepted;
    }
  }

  #applyBatch(command: BatchCommand, index: number): Outcome {
    const { state, listener, counters } = this.#dependencies;
    this.#source = command.node;
    let outcome = state.admitBatch(command);
    if (outcome.kind === 'accepted') outcome = this.#applyOperations(command.operations);
    else if (outcome.kind === 'refused') countBy(counters.operationsRefused, outcome.reason);
    listener.onBatch(command, outcome, index);
    return outcome;
  }

  #applyOperations(operations: Uint8Array): Outcome {
    const { table, counters } = this.#dependencies;
    try {
      const counts = table.apply(operations, this.#observer);
      counters.operationsApplied.create += counts.created + counts.replaced;
      counters.operationsApplied.update += counts.updated;
      counters.operationsApplied.touch += counts.touched;
      counters.operationsApplied.delete += counts.deleted;
      counters.operationsApplied.ignored += counts.ignored;
      this.#applyExpectations(operations);
      return accepted;
    } catch (error) {
      // A malformed blob changes nothing on any member; one of a newer format must stop this member instead.
      if (error instanceof FlowCodecVersionError || !(error instanceof FlowCodecError)) throw error;
      countBy(counters.operationsRefused, 'malformed');
      return refused('malformed');
    }
  }

  /** Most batches have none, and most of the time there are none. */
  #applyExpectations(operations: Uint8Array): void {
    const { state, listener } = this.#dependencies;
    const hasAny = operations[0] === OPERATION_FORMAT_VERSION_EXPECTATIONS;
    if (!hasAny && state.expectations.size === 0) return;
    state.expectations.apply(operations, (expectation, change) =>
      listener.onExpectation(expectation, change, this.#source),
    );
  }

  #applyActivation(command: ActivateCommand, index: number): Outcome {
    const { state, listener } = this.#dependencies;
    const before = state.group(command.group);
    const vouched = state.hasLevelKernel(command);
    const outcome = state.activate(command);
    // Rule K9: no kernel lives that ever had these flows; nobody vouches for them.
    if (outcome.kind === 'accepted' && !vouched) this.#empty(command.group);
    listener.onActivation(command, outcome, index, before);
    return outcome;
  }

  #empty(group: string): void {
    const { table, state, selectors } = this.#dependencies;
    // They go from every kernel with their flows.
    if (selectors.isWhole) state.expectations.clear();
    const writer = new OperationWriter();
    for (let cursor = 0; cursor >= 0; ) {
      writer.reset();
      cursor = table.forEachPage(cursor, emptyPageRows, (slot) => {
        table.read(slot, this.#flow);
        if (selectors.isIn(group, this.#flow)) writer.delete(this.#flow);
      });
      state.expectations.apply(writer.view());
      table.apply(writer.view(), this.#observer);
    }
  }

  #onFlow(slot: number, change: string): void {
    const { table, listener } = this.#dependencies;
    if (change === 'deleted') {
      table.read(slot, this.#flow);
      listener.onFlowRemoved(this.#flow);
      return;
    }
    table.setLocalIndex(slot, this.#index);
    if (change === 'touched') listener.onFlowTouched(slot);
    else listener.onFlowChanged(slot, change === 'replaced', this.#source);
  }
}
