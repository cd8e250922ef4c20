import type { FlowFields } from '@raftwall/flow-table';
import { Announcer } from './announcer.ts';
import { Departure } from './departure.ts';
import { DifferenceList } from './difference-list.ts';
import { DigestWatch } from './digest-watch.ts';
import type { EventLog } from './event-log.ts';
import { ForeignDeletes } from './foreign-deletes.ts';
import { HolderFirst } from './holder-first.ts';
import { HooksWatch } from './hooks-watch.ts';
import type { ReplicatorOptions } from './options.ts';
import type { Consensus } from './ports.ts';
import type { ReplicatorDependencies } from './replicator-dependencies.ts';
import { RollCall } from './roll-call.ts';
import { Survey } from './survey.ts';
import type { TrafficGroup } from './traffic-group.ts';
import { Verification, type VerificationDependencies } from './verification.ts';
import type { TableRepair } from './verification-answers.ts';

/** The parts that a node has once, however many traffic groups there are. */
export interface NodeParts {
  readonly consensus: Consensus;
  readonly hooksWatch: HooksWatch;
  readonly foreignDeletes: ForeignDeletes;
  readonly digestWatch: DigestWatch;
  readonly verification: Verification;
  readonly survey: Survey;
  readonly announcer: Announcer;
  readonly rollCall: RollCall;
  readonly holderFirst: HolderFirst;
  readonly departure: Departure;
}

type Inspect = VerificationDependencies['inspect'];

/** What the traffic groups of a node have in common. */
export interface NodeContext extends ReplicatorDependencies {
  readonly consensus: Consensus;
  readonly events: EventLog;
  readonly rollCall: RollCall;
  readonly hooksWatch: HooksWatch;
  readonly foreignDeletes: ForeignDeletes;
  /** Entries up to this index were committed before this node started; infinite while that is not known. */
  readonly replayedUntil: () => number;
  readonly appliedIndex: () => number;
}

/** What these parts are joined by. */
export interface NodePartsContext extends ReplicatorDependencies {
  readonly consensus: Consensus;
  readonly events: EventLog;
  readonly replayedUntil: NodeContext['replayedUntil'];
  readonly groups: readonly TrafficGroup[];
}

/** Makes the parts and tells each what it needs. */
export function makeNodeParts(options: ReplicatorOptions, context: NodePartsContext): NodeParts {
  const { node, kernelIncarnation, checks } = options;
  const { groups } = context;
  return {
    consensus: context.consensus,
    foreignDeletes: new ForeignDeletes(context),
    departure: new Departure({ ...options.activity, node, vrrpMode: options.vrrpMode }, context),
    holderFirst: new HolderFirst(
      {
        ...{ node, vrrpMode: options.vrrpMode, handoverMs: options.activity.handoverMs },
        group: options.groups[0]!.name,
      },
      context,
    ),
    hooksWatch: new HooksWatch(options.hooks, context),
    rollCall: new RollCall(
      { node, kernelIncarnation, answerMs: options.activity.rollCallMs },
      context,
    ),
    survey: new Survey({ ...checks, node }, context),
    verification: new Verification(
      { ...checks, node },
      {
        ...context,
        active: () => activeOf(context.state, options),
        inspect: (namedMax) => inspectAll(groups, namedMax),
        repair: async () => {
          for (const { parts } of groups) await parts.schedule.run('verify --repair');
        },
        tableRepair: tableRepairOf(groups),
      },
    ),
    digestWatch: new DigestWatch(
      { node, intervalMs: checks.digestIntervalMs },
      { ...context, isActive: () => groups[0]?.parts.activation.state === 'active' },
    ),
    announcer: new Announcer(
      { node, kernelIncarnation, virtualAddresses: options.domain.virtualAddresses },
      { ...context, isReady: () => groups.every(({ parts }) => parts.readiness.ready) },
    ),
  };
}

/** What differs in any of them; null if one cannot be compared now. */
async function inspectAll(groups: readonly TrafficGroup[], namedMax: number): ReturnType<Inspect> {
  const all = new DifferenceList(namedMax);
  for (const { parts } of groups) {
    const round = await parts.reconciler.run('verify', 'inspect');
    if (round?.found === undefined) return null;
    all.addAll(round.found);
  }
  return all;
}

/** The group that the flow belongs to says it, if this node is its active one. */
function tableRepairOf(groups: readonly TrafficGroup[]): TableRepair {
  const captureOf = (flow: FlowFields) =>
    groups.find(({ domain }) => domain.contains(flow))?.parts.capture;
  return {
    made: (flow) => captureOf(flow)?.report(flow, false),
    gone: (flow) => captureOf(flow)?.reportGone(flow),
    flush: () => {
      for (const { parts } of groups) parts.capture.flush();
    },
  };
}

function activeOf(state: NodeContext['state'], { groups }: ReplicatorOptions): string | null {
  const { node, released } = state.group(groups[0]!.name);
  return released ? null : node;
}
