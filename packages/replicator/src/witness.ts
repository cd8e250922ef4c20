import type { FlowFields, FlowTable } from '@raftwall/flow-table';
import { ActivationLog } from './activation-log.ts';
import type { AdministeredNode } from './administered-node.ts';
import { Announcer } from './announcer.ts';
import type { ClusterState, Outcome } from './cluster-state.ts';
import type {
  ActivateCommand,
  DigestCommand,
  ReleaseCommand,
  RollCallCommand,
  SurveyCommand,
  SurveyedCommand,
  VerificationCommand,
} from './command.ts';
import { DigestWatch } from './digest-watch.ts';
import { RefusalError } from './errors.ts';
import { EventLog } from './event-log.ts';
import { GroupSelectors } from './group-selectors.ts';
import { handLeadershipOver, heirs } from './heirs.ts';
import { HolderWatch } from './holder-watch.ts';
import type { ReplicatorCounters } from './metrics.ts';
import type { ActivityOptions, ChecksOptions, GroupOptions } from './options.ts';
import type { Clock, Consensus, HostFacts, Logger } from './ports.ts';
import type { AppliedListener } from './state-machine.ts';
import { Survey } from './survey.ts';
import { Verification } from './verification.ts';

const tickMs = 100;
const noKernel = '';
const whyNotReady = 'this member is a witness: it votes and keeps the log, and carries no traffic';

export interface WitnessOptions {
  readonly cluster: string;
  readonly node: string;
  readonly version: string;
  /** As on the firewalls. */
  readonly groups: readonly GroupOptions[];
  readonly activity: ActivityOptions;
  readonly checks: ChecksOptions;
}

export interface WitnessDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly counters: ReplicatorCounters;
  readonly state: ClusterState;
  readonly table: FlowTable;
  readonly hostFacts: () => Promise<HostFacts>;
}

interface Parts {
  readonly consensus: Consensus;
  readonly announcer: Announcer;
  readonly digestWatch: DigestWatch;
  readonly verification: Verification;
  readonly survey: Survey;
}

/**
 * Rule V10: a member that votes, keeps log and table, and has nothing to do with any kernel. It is never ready or active. As the
 * leader it ends the epochs of lost holders, and gives leadership away.
 */
export class Witness implements AppliedListener, AdministeredNode {
  readonly options: WitnessOptions;
  readonly dependencies: WitnessDependencies;
  readonly selectors: GroupSelectors;
  readonly events = new EventLog();
  readonly activations: ActivationLog;
  readonly #holderWatches = new Map<string, HolderWatch>();
  #parts: Parts | null = null;
  #appliedIndex: number;
  #replayedUntil = Number.POSITIVE_INFINITY;
  #failure: string | null = null;
  #givingAway = false;
  #failedTransfers = 0;
  #cancelTick: (() => void) | null = null;
  #stopped = false;

  constructor(options: WitnessOptions, appliedIndex: number, dependencies: WitnessDependencies) {
    this.options = options;
    this.dependencies = dependencies;
    this.#appliedIndex = appliedIndex;
    this.selectors = new GroupSelectors(options.groups);
    this.activations = new ActivationLog(dependencies.counters);
  }

  /** The parts that need the log; valid from `start` on. */
  get parts(): Parts {
    if (this.#parts === null) throw new Error('the witness has not started');
    return this.#parts;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  start(consensus: Consensus): Promise<void> {
    this.#parts = this.#makeParts(consensus);
    consensus.onChange(() => this.#tick());
    this.#scheduleTick();
    return Promise.resolve();
  }

  /** There is nothing to hand over but leadership. */
  leave(): Promise<void> {
    const { consensus } = this.parts;
    return handLeadershipOver(this.options.node, { ...this.dependencies, consensus });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTick?.();
  }

  /** Storage is gone. */
  fail(reason: string): void {
    this.#failure = reason;
    this.events.add('storage', reason, {});
  }

  kernelSide(): ReturnType<AdministeredNode['kernelSide']> {
    return {
      witness: true,
      kernelIndex: 0,
      ready: false,
      notReadyReason: this.#failure ?? whyNotReady,
      vrrp: null,
      locals: new Map(),
      capture: { lastProposed: 0, lastApplied: 0, oldestUncommittedMs: 0 },
      kernel: {
        tableDifference: this.parts.digestWatch.difference,
        entriesInKernel: null,
        entriesMax: null,
        queued: 0,
        failuresByErrno: {},
        overruns: 0,
        reconciling: false,
        reconcileProgress: null,
        lastReconcile: null,
      },
    };
  }

  drain(): Promise<void> {
    return Promise.reject(new RefusalError('unsupported', 'a witness carries no traffic'));
  }

  undrain(): void {}

  deleteFlows(): Promise<number> {
    const message = 'a witness carries no flows; they are deleted on the active node';
    return Promise.reject(new RefusalError('not-active', message));
  }

  /** There is nothing to compare the table with. */
  reconcileNow(): Promise<void> {
    return Promise.resolve();
  }

  // What the log decided, in log order.

  onActivation(command: ActivateCommand, outcome: Outcome, index: number): void {
    const { epoch } = this.dependencies.state.group(command.group);
    this.activations.note({ index, command, outcome, epoch });
    if (outcome.kind !== 'accepted') return;
    this.events.add('activation', `${command.node} is the active node`, { epoch, index });
  }

  onRelease({ node, epoch, reason }: ReleaseCommand, outcome: Outcome): void {
    if (outcome.kind !== 'accepted') return;
    this.events.add('activation', `${node} released epoch ${epoch}`, { epoch, reason });
  }

  onDigest(command: DigestCommand, index: number): void {
    this.#parts?.digestWatch.onApplied(command, index);
  }

  onVerification(command: VerificationCommand, index: number): void {
    this.#parts?.verification.onApplied(command, index);
  }

  onSurvey(command: SurveyCommand, index: number): void {
    this.#parts?.survey.onSurvey(command, index);
  }

  onSurveyed(command: SurveyedCommand): void {
    this.#parts?.survey.onSurveyed(command);
  }

  /** Whoever calls waits for everybody in contact, a witness too. */
  onRollCall(_command: RollCallCommand): void {
    this.#parts?.announcer.onRollCall();
  }

  onFlowRemoved(flow: FlowFields): void {
    this.#parts?.verification.noteRemoved(flow);
  }

  onApplied(index: number): void {
    this.#appliedIndex = index;
  }

  onRestored(index: number): void {
    this.#replayedUntil = Number.POSITIVE_INFINITY;
    this.onApplied(index);
    const message = `the table was replaced by a snapshot of index ${index}`;
    this.events.add('snapshot', message, { index });
  }

  // What concerns kernels and those who carry traffic.

  onBatch(): void {}
  onAlive(): void {}
  onHandover(): void {}
  onMembers(): void {}
  onFlowChanged(): void {}
  onFlowTouched(): void {}
  onExpectation(): void {}
  onRestoring(): void {}

  #makeParts(consensus: Consensus): Parts {
    const { node, checks } = this.options;
    const context = {
      ...this.dependencies,
      consensus,
      events: this.events,
      replayedUntil: () => this.#replayedUntil,
    };
    return {
      consensus,
      announcer: new Announcer(
        { node, kernelIncarnation: noKernel, virtualAddresses: [] },
        {
          ...context,
          addresses: { current: () => [], onChange: () => undefined },
          isReady: () => false,
        },
      ),
      digestWatch: new DigestWatch(
        { node, intervalMs: checks.digestIntervalMs },
        { ...context, isActive: () => false },
      ),
      survey: new Survey({ ...checks, node }, context),
      verification: new Verification(
        { ...checks, node },
        {
          ...context,
          active: () => this.#active,
          inspect: () => Promise.resolve(null),
          repair: () => Promise.resolve(),
          tableRepair: { made() {}, gone() {}, flush() {} },
        },
      ),
    };
  }

  get #active(): string | null {
    const { node, released } = this.dependencies.state.group(this.options.groups[0]!.name);
    return released ? null : node;
  }

  #scheduleTick(): void {
    this.#cancelTick = this.dependencies.clock.setTimer(tickMs, () => {
      this.#tick();
      if (!this.#stopped) this.#scheduleTick();
    });
  }

  #tick(): void {
    if (this.#stopped) return;
    this.#seekLiving();
    this.parts.announcer.check();
    for (const { name } of this.dependencies.state.groups()) this.#holderWatch(name).check();
    if (!this.#givingAway) void this.#giveLeadershipAway();
  }

  #seekLiving(): void {
    if (this.#replayedUntil !== Number.POSITIVE_INFINITY) return;
    this.parts.announcer.once('living', async () => {
      this.#replayedUntil = await this.parts.consensus.readIndex();
    });
  }

  #holderWatch(group: string): HolderWatch {
    const known = this.#holderWatches.get(group);
    if (known !== undefined) return known;
    const watch = new HolderWatch(
      { group, node: this.options.node, holderLostMs: this.options.activity.holderLostMs },
      {
        ...this.dependencies,
        consensus: this.parts.consensus,
        state: () => this.dependencies.state,
        wantsEpoch: () => false,
      },
    );
    this.#holderWatches.set(group, watch);
    return watch;
  }

  /** To the best heir; to the next one when that one would not have it. */
  async #giveLeadershipAway(): Promise<void> {
    const { consensus } = this.parts;
    const { state, logger } = this.dependencies;
    const status = consensus.status();
    if (status.role !== 'leader' || !status.quorum) return;
    const candidates = heirs(status, state, this.options.node);
    const heir = candidates[this.#failedTransfers % candidates.length];
    if (heir === undefined) return;
    this.#givingAway = true;
    try {
      await consensus.transferLeadership(heir);
      this.#failedTransfers = 0;
      logger.info({ to: heir }, 'a witness does not lead: leadership is given away');
    } catch (error) {
      this.#failedTransfers += 1;
      logger.warn({ err: error, to: heir }, 'leadership could not be given away');
      await new Promise<void>((resolve) =>
        this.dependencies.clock.setTimer(this.options.activity.retryMs, resolve),
      );
    }
    this.#givingAway = false;
  }
}
