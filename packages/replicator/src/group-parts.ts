import { type FlowKeyFields, FlowRecord } from '@raftwall/flow-table';
import { Activation } from './activation.ts';
import type { Applier } from './applier.ts';
import { Capture } from './capture.ts';
import type { Domain } from './domain.ts';
import { ExpectationComparison } from './expectation-comparison.ts';
import type { GroupSelectors } from './group-selectors.ts';
import { HolderWatch } from './holder-watch.ts';
import { KernelEvents } from './kernel-events.ts';
import type { NodeContext } from './node-parts.ts';
import type { ReplicatorOptions } from './options.ts';
import { type Consensus, KernelEventKind } from './ports.ts';
import type { Promotion } from './promotion.ts';
import { Readiness } from './readiness.ts';
import { ReconcileSchedule } from './reconcile-schedule.ts';
import { Reconciler, type ReconcilerDependencies } from './reconciler.ts';
import type { GroupPorts } from './replicator-dependencies.ts';
import type { Room } from './room.ts';
import { SignOfLife } from './sign-of-life.ts';
import type { Turns } from './turns.ts';

/** The parts of one traffic group that need the log. */
export interface GroupParts {
  readonly consensus: Consensus;
  readonly capture: Capture;
  readonly reconciler: Reconciler;
  readonly schedule: ReconcileSchedule;
  readonly kernelEvents: KernelEvents;
  readonly activation: Activation;
  readonly signOfLife: SignOfLife;
  readonly holderWatch: HolderWatch;
  readonly readiness: Readiness;
}

/** What the parts are joined by. */
export interface GroupContext extends NodeContext, GroupPorts {
  readonly domain: Domain;
  readonly applier: Applier;
  readonly room: Room;
  readonly promotion: Promotion;
  readonly group: string;
  readonly selectors: GroupSelectors;
  readonly rounds: Turns;
  /** Its active node asks for leadership (rule A5). */
  readonly leads: boolean;
  readonly truth: ReconcilerDependencies['truth'];
  readonly mayClean: () => boolean;
  readonly mayLead: () => boolean;
  readonly obstacle: () => string | null;
  readonly onActive: (epoch: number) => void;
  readonly onInactive: (yielded: boolean) => void;
  readonly onReadiness: (ready: boolean) => void;
}

/** Makes the parts and tells each what it needs of the others. */
export function makeGroupParts(options: ReplicatorOptions, context: GroupContext): GroupParts {
  const { group } = context;
  const capture = makeCapture(options, context, () => activation.restart());
  const activation = makeActivation(options, context, capture);
  const readiness = new Readiness(options.readiness, {
    ...context,
    impairment: () => context.hooksWatch.lack ?? context.room.shortage,
    kernelIndex: () => context.applier.kernelIndex,
    onChange: context.onReadiness,
  });
  const reconciler = new Reconciler(options.reconciler, {
    ...context,
    capture,
    isWhole: context.selectors.isWhole,
  });
  const expectations = makeComparison(context, capture);
  const { node, activity } = options;
  return {
    consensus: context.consensus,
    capture,
    activation,
    readiness,
    reconciler,
    schedule: new ReconcileSchedule(options.reconciler, {
      ...context,
      reconciler,
      readiness,
      expectations,
    }),
    kernelEvents: new KernelEvents({ ...context, capture, reconciler }),
    holderWatch: new HolderWatch(
      { node, group, holderLostMs: activity.holderLostMs },
      {
        ...context,
        state: () => context.state,
        wantsEpoch: () => context.activity.mastering || activation.departing,
      },
    ),
    signOfLife: new SignOfLife(
      { node, group, aliveIntervalMs: activity.aliveIntervalMs },
      {
        ...context,
        activeEpoch: () => (activation.state === 'active' ? activation.epoch : 0),
      },
    ),
  };
}

function makeComparison(context: GroupContext, capture: Capture): ExpectationComparison {
  const { state, table, applier, selectors, group } = context;
  const flow = new FlowRecord();
  const isForeign = (master: FlowKeyFields): boolean => {
    const slot = selectors.isWhole ? -1 : table.find(master);
    if (slot < 0) return false;
    table.read(slot, flow);
    return !selectors.isIn(group, flow);
  };
  return new ExpectationComparison({
    ...context,
    expectations: state.expectations,
    isReplicated: (master) => table.find(master) >= 0 && !isForeign(master),
    isForeign,
    toLog: {
      made: (it) => capture.handleExpectation(KernelEventKind.new, it),
      gone: (it) => capture.handleExpectation(KernelEventKind.destroy, it),
      flush: () => capture.flush(),
    },
    toKernel: {
      made: (it) => applier.expectationChanged(it, 'expected'),
      gone: (it) => applier.expectationChanged(it, 'gone'),
    },
  });
}

function makeCapture(
  options: ReplicatorOptions,
  context: GroupContext,
  onLostSequence: () => void,
): Capture {
  const { retryMs } = options.activity;
  return new Capture(
    { ...options.capture, node: options.node, retryMs },
    {
      ...context,
      onLostSequence,
      restore: (slot) => context.applier.restore(slot),
      flowsMax: () => context.state.flowsMax,
    },
  );
}

function makeActivation(
  options: ReplicatorOptions,
  context: GroupContext,
  capture: Capture,
): Activation {
  const { node, kernelIncarnation } = options;
  const { group, leads } = context;
  return new Activation(
    {
      ...options.activity,
      ...{ group, leads, node, kernelIncarnation, quorumLostMs: options.readiness.quorumLostMs },
    },
    {
      ...context,
      state: () => context.state,
      callRoll: () => context.rollCall.run(),
      mayLead: context.mayLead,
      onMastering: () => context.applier.setMode('addOnly'),
      promote: () => context.promotion.run(),
      beforeRelease: () => capture.flushAll(),
    },
  );
}
