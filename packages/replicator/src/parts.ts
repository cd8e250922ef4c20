import { Activation } from './activation.ts';
import { Announcer } from './announcer.ts';
import type { Applier } from './applier.ts';
import { Capture } from './capture.ts';
import { DigestWatch } from './digest-watch.ts';
import type { Domain } from './domain.ts';
import type { EventLog } from './event-log.ts';
import { ExpectationComparison } from './expectation-comparison.ts';
import { ForeignDeletes } from './foreign-deletes.ts';
import { HolderWatch } from './holder-watch.ts';
import { HooksWatch } from './hooks-watch.ts';
import { KernelEvents } from './kernel-events.ts';
import type { ReplicatorOptions } from './options.ts';
import { type Consensus, KernelEventKind } from './ports.ts';
import type { Promotion } from './promotion.ts';
import { Readiness } from './readiness.ts';
import { ReconcileSchedule } from './reconcile-schedule.ts';
import { Reconciler, type ReconcilerDependencies } from './reconciler.ts';
import type { ReplicatorDependencies } from './replicator-dependencies.ts';
import { RollCall } from './roll-call.ts';
import type { Room } from './room.ts';
import { Verification } from './verification.ts';

/** The parts of a replicator that need the log. */
export interface Parts {
  readonly consensus: Consensus;
  readonly capture: Capture;
  readonly reconciler: Reconciler;
  readonly schedule: ReconcileSchedule;
  readonly kernelEvents: KernelEvents;
  readonly hooksWatch: HooksWatch;
  readonly foreignDeletes: ForeignDeletes;
  readonly digestWatch: DigestWatch;
  readonly verification: Verification;
  readonly activation: Activation;
  readonly announcer: Announcer;
  readonly rollCall: RollCall;
  readonly holderWatch: HolderWatch;
  readonly readiness: Readiness;
}

/** What the parts are joined by. */
export interface PartsContext extends ReplicatorDependencies {
  readonly consensus: Consensus;
  readonly domain: Domain;
  readonly applier: Applier;
  readonly room: Room;
  readonly promotion: Promotion;
  readonly events: EventLog;
  /** Entries up to this index were committed before this node started; infinite while that is not known. */
  readonly replayedUntil: () => number;
  readonly appliedIndex: () => number;
  readonly truth: ReconcilerDependencies['truth'];
  readonly mayClean: () => boolean;
  readonly obstacle: () => string | null;
  readonly onActive: (epoch: number) => void;
  readonly onInactive: (yielded: boolean) => void;
  readonly onReadiness: (ready: boolean) => void;
}

/** Makes the parts and tells each what it needs of the others. */
export function makeParts(options: ReplicatorOptions, context: PartsContext): Parts {
  const foreignDeletes = new ForeignDeletes(context);
  const capture = makeCapture(options, context, foreignDeletes, () => activation.restart());
  const { node, kernelIncarnation } = options;
  const rollCall = new RollCall(
    { node, kernelIncarnation, answerMs: options.activity.rollCallMs },
    context,
  );
  const activation = makeActivation(options, context, capture, rollCall);
  const hooksWatch = new HooksWatch(options.hooks, context);
  const readiness = new Readiness(options.readiness, {
    ...context,
    impairment: () => hooksWatch.lack ?? context.room.shortage,
    kernelIndex: () => context.applier.kernelIndex,
    onChange: context.onReadiness,
  });
  const reconciler = new Reconciler(options.reconciler, { ...context, capture });
  const expectations = makeComparison(context, capture);
  const schedule = new ReconcileSchedule(options.reconciler, {
    ...context,
    reconciler,
    readiness,
    expectations,
  });
  return {
    consensus: context.consensus,
    capture,
    activation,
    rollCall,
    readiness,
    hooksWatch,
    foreignDeletes,
    reconciler,
    schedule,
    verification: new Verification(
      { ...options.checks, node: options.node },
      { ...context, reconciler, schedule },
    ),
    digestWatch: new DigestWatch(
      { node: options.node, intervalMs: options.checks.digestIntervalMs },
      { ...context, isActive: () => activation.state === 'active' },
    ),
    kernelEvents: new KernelEvents({ ...context, capture, reconciler, foreignDeletes }),
    holderWatch: new HolderWatch(
      { ...options, holderLostMs: options.activity.holderLostMs },
      {
        ...context,
        state: () => context.state,
        wantsEpoch: () => context.activity.mastering,
      },
    ),
    announcer: new Announcer(
      {
        ...options,
        virtualAddresses: options.domain.virtualAddresses,
        aliveIntervalMs: options.activity.aliveIntervalMs,
      },
      {
        ...context,
        isReady: () => readiness.ready,
        activeEpoch: () => (activation.state === 'active' ? activation.epoch : 0),
      },
    ),
  };
}

function makeComparison(context: PartsContext, capture: Capture): ExpectationComparison {
  const { state, table, applier } = context;
  return new ExpectationComparison({
    ...context,
    expectations: state.expectations,
    isReplicated: (master) => table.find(master) >= 0,
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
  context: PartsContext,
  foreignDeletes: ForeignDeletes,
  onLostSequence: () => void,
): Capture {
  const { retryMs } = options.activity;
  return new Capture(
    { ...options.capture, node: options.node, retryMs },
    {
      ...context,
      onLostSequence,
      foreignDeletes,
      restore: (slot) => context.applier.restore(slot),
      flowsMax: () => context.state.flowsMax,
    },
  );
}

function makeActivation(
  options: ReplicatorOptions,
  context: PartsContext,
  capture: Capture,
  rollCall: RollCall,
): Activation {
  const { group, node, kernelIncarnation } = options;
  return new Activation(
    { ...options.activity, group, node, kernelIncarnation },
    {
      ...context,
      state: () => context.state,
      callRoll: () => rollCall.run(),
      onMastering: () => context.applier.setMode('addOnly'),
      promote: () => context.promotion.run(),
      beforeRelease: () => capture.flushAll(),
    },
  );
}
