import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { Clock, Logger } from './ports.ts';

/** What became of a flow that another program deleted. */
export type ForeignDeleteOutcome = 'replicated' | 'restored';

export interface ForeignDeletesDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
  /** Name of the program behind a netlink port id, if it still lives. */
  readonly programOf: (portId: number) => string | null;
}

interface Culprit {
  readonly program: string | null;
  readonly outcome: ForeignDeleteOutcome;
  flows: number;
}

const reportAfterMs = 1_000;
/** Programs told apart in one report. */
const culpritsMax = 64;

/** Rule K16: says who deleted flows by hand, once for many: a flush arrives as one DESTROY a flow. */
export class ForeignDeletes {
  readonly #dependencies: ForeignDeletesDependencies;
  readonly #culprits = new Map<number, Culprit>();
  #cancelTimer: (() => void) | null = null;

  constructor(dependencies: ForeignDeletesDependencies) {
    this.#dependencies = dependencies;
  }

  note(portId: number, outcome: ForeignDeleteOutcome): void {
    const { counters, clock, programOf } = this.#dependencies;
    countBy(counters.foreignDeletes, outcome);
    const known = this.#culprits.get(portId);
    if (known !== undefined) known.flows += 1;
    else if (this.#culprits.size < culpritsMax) {
      this.#culprits.set(portId, { program: programOf(portId), outcome, flows: 1 });
    }
    this.#cancelTimer ??= clock.setTimer(reportAfterMs, () => this.#report());
  }

  stop(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = null;
  }

  #report(): void {
    this.#cancelTimer = null;
    for (const [portId, { program, outcome, flows }] of this.#culprits) {
      const details = { portId, program: program ?? 'unknown, it has ended', flows };
      const what = outcome === 'restored' ? 'they are restored' : 'their end is replicated';
      this.#dependencies.logger.warn(details, `another program deleted flows, ${what}`);
    }
    this.#culprits.clear();
  }
}
