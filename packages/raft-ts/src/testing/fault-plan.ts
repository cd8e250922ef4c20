import type { Random } from './random.ts';
import type { NetworkFaults } from './sim-network.ts';

/** Faults that strike at a moment; the rates of `FaultPlan` hold all the time. */
export const faultKinds = [
  'crash',
  'crash many',
  'crash in a write',
  'partition',
  'isolate the leader',
  'one-way cut',
  'clogged path',
  'heal the network',
  'pause',
  'clock drift',
  'clock step',
  'late timers',
  'leadership transfer',
  'compaction',
  'lost state',
  'torn last group',
  'slow disk',
  'disk full',
  'sync error',
  'bit flip',
  'misdirected write',
  'wiped member',
  'other members at a start',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/**
 * Which damage to logs a run may see. Both at once could leave no way back: a torn member's vote counts only when all voters
 * grant (rule L3), and one whose data are lost never does.
 */
type DamageKind = 'torn' | 'lost';

const onlyWith: Partial<Record<FaultKind, DamageKind>> = {
  'torn last group': 'torn',
  'bit flip': 'lost',
  'misdirected write': 'lost',
  'wiped member': 'lost',
};

/** What may go wrong in one run, and how badly. */
export interface FaultPlan {
  readonly kinds: readonly FaultKind[];
  readonly damage: DamageKind;
  /** Mean true milliseconds between two strikes. */
  readonly strikeMeanMs: number;
  readonly network: NetworkFaults;
  /** Chance that a new leader is soon cut off or crashed. */
  readonly harassRate: number;
  readonly syncMsMax: number;
  /** Members keep their logs in files on a simulated disk. */
  readonly isOnDisk: boolean;
  readonly isMembershipChanging: boolean;
  /** Members have a place for snapshots; else nobody can be served what was cut. */
  readonly hasSnapshots: boolean;
  /** The state machine has storage of its own; else it lives from snapshots and the log. */
  readonly isStateDurable: boolean;
  /** Applied entries after which a member takes a snapshot by itself; null for only when somebody needs one. */
  readonly snapshotEntriesMax: number | null;
  /** Entries that compaction leaves. */
  readonly trailingEntries: number;
}

/** What a caller may want to decide itself. */
export interface FaultPlanChoice {
  readonly membership?: boolean | undefined;
  readonly disk?: boolean | undefined;
}

/** Swarm testing (Groce et al. 2012): each run has some of the faults only, so that none hides what another one finds. */
export function drawFaultPlan(random: Random, choice: FaultPlanChoice): FaultPlan {
  const damage = random.pick(['torn', 'lost'] as const);
  const share = random.pick([0.15, 0.4, 0.8]);
  const kinds = faultKinds.filter((kind) => {
    const isOn = random.chance(share);
    return isOn && (onlyWith[kind] ?? damage) === damage;
  });
  const hasSnapshots = random.chance(0.8);
  const isStateDurable = !hasSnapshots || random.chance(0.5);
  return {
    kinds,
    damage,
    hasSnapshots,
    isStateDurable,
    snapshotEntriesMax: hasSnapshots
      ? random.pick(isStateDurable ? [null, 50] : [10, 50, 200])
      : null,
    trailingEntries: hasSnapshots ? random.pick([0, 10, 100]) : 100,
    strikeMeanMs: random.pick([100, 400, 1_000]),
    network: {
      lossRate: random.pick([0, 0.02, 0.1, 0.3]),
      duplicateRate: random.pick([0, 0.05, 0.3]),
      delayMsMin: 0.2,
      delayMsMax: random.pick([1, 5, 30]),
      straggleRate: random.pick([0, 0.02, 0.1]),
    },
    harassRate: random.pick([0, 0, 0.9]),
    syncMsMax: random.pick([1, 5, 40]),
    isMembershipChanging: choice.membership ?? random.chance(0.35),
    isOnDisk: choice.disk ?? random.chance(0.15),
  };
}
