import type { RaftCore } from '../core/raft.ts';
import type { Index } from '../core/types.ts';
import type { StateMachine } from '../ports.ts';
import type { Snapshots } from './snapshots.ts';

/** What the limit of compaction depends on. */
export interface CompactionDependencies {
  readonly core: RaftCore;
  readonly stateMachine: Pick<StateMachine<unknown>, 'appliedConfig'>;
  readonly snapshots: Snapshots | null;
}

/** How far the log of this member may be cut. */
export class CompactionLimit {
  readonly #trailingEntries: number;
  readonly #parts: CompactionDependencies;

  constructor(trailingEntries: number, parts: CompactionDependencies) {
    this.#trailingEntries = trailingEntries;
    this.#parts = parts;
  }

  /** Highest index that may go: applied here, and not needed to bring a member level or to know who is one. */
  get index(): Index {
    const { core } = this.#parts;
    const known = Math.min(core.state.applied, this.#spared, this.#configLimit);
    return Math.max(0, known - this.#trailingEntries);
  }

  /** Something is held back only because the newest configuration is nowhere but in the log. */
  get isHeldByConfig(): boolean {
    return this.#configLimit < Math.min(this.#parts.core.state.applied, this.#spared);
  }

  /** Without snapshots a member can get entries only from the logs of others. */
  get #spared(): Index {
    const { core, snapshots } = this.#parts;
    return snapshots?.canSend ? core.snapshotFloor : core.allMatched;
  }

  /**
   * After a restart the configuration is found in log or snapshot: there it must stay. What the state machine keeps does not
   * do where a lost state may be made good by others (rule T4): the member would take part with its first configuration.
   */
  get #configLimit(): Index {
    const { core, stateMachine, snapshots } = this.#parts;
    const { oldestIndex } = core.state.configs;
    const isInLog = oldestIndex > core.state.log.compacted.index;
    const isKept = snapshots?.holdsConfig(oldestIndex) ?? stateMachine.appliedConfig !== null;
    return isKept || !isInLog ? Number.POSITIVE_INFINITY : oldestIndex - 1;
  }
}
