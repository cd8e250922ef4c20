import { join } from 'node:path';
import { AdminApi, NodeRegistry } from '@raftwall/admin-api';
import { dashboardFiles } from '@raftwall/dashboard';
import { type Checkpoint, FlowTable } from '@raftwall/flow-table';
import { errnoName, kernelIncarnation } from '@raftwall/netlink';
import {
  Admin,
  Checkpointer,
  ClusterState,
  GroupSelectors,
  type Outcome,
  ReplicatedStateMachine,
  Replicator,
  ReplicatorCounters,
  Witness,
} from '@raftwall/replicator';
import { FileSnapshotStore, RaftNode, SegmentLogStore, SystemClock, TcpTransport } from 'raft-ts';
import { LocalAddresses } from './addresses.ts';
import { openCheckpoint } from './checkpoint-opening.ts';
import type { DaemonConfig } from './config/options.ts';
import { Failure } from './failure.ts';
import { readFirewallFacts, readWitnessFacts } from './host-facts.ts';
import type { Logger } from './logger.ts';
import { NetlinkKernel } from './netlink-kernel.ts';
import {
  adminApiOptions,
  groupOptions,
  kernelOptions,
  raftOptions,
  replicatorOptions,
  segmentLogOptions,
  snapshotOptions,
  transportOptions,
  witnessOptions,
} from './part-options.ts';
import { programOf } from './port-owner.ts';
import { RaftConsensus } from './raft-consensus.ts';
import type { RunningNode } from './run.ts';
import { openSeams, type Seams } from './seams.ts';
import { VERSION } from './version.ts';
import { type JoinedVrrp, joinVrrp } from './vrrp.ts';

const checkpointIntervalMs = 1_000;
const transferTimeoutMs = 10_000;

/**
 * Builds and starts everything of one node: the one page that knows all the parts.
 *
 * @throws {Error} Whatever keeps a part from starting; what had started is stopped again.
 */
export async function startNode(config: DaemonConfig, logger: Logger): Promise<RunningNode> {
  const seams = await openSeams(process.env);
  const node = new WiredNode(config, logger, seams);
  try {
    await node.start();
    return node;
  } catch (error) {
    await node.stopParts();
    throw error;
  }
}

interface Storage {
  readonly table: FlowTable;
  readonly state: ClusterState;
  readonly checkpoint: Checkpoint;
  /** What the checkpoint contains; the log is replayed behind it. */
  readonly applied: { readonly index: number; readonly term: number };
}

interface Host {
  readonly kernel: NetlinkKernel;
  readonly addresses: LocalAddresses;
  readonly vrrp: JoinedVrrp;
}

/** What this node is in its cluster. */
type Member = Replicator | Witness;

interface Part {
  readonly member: Member;
  /** Where there is no VRRP, the leader's role takes its place. */
  follow(consensus: RaftConsensus): void;
}

class WiredNode implements RunningNode {
  readonly #config: DaemonConfig;
  readonly #logger: Logger;
  readonly #seams: Seams;
  readonly #clock = new SystemClock();
  readonly #metrics = new NodeRegistry();
  readonly #failure = new Failure();
  readonly #onFailure = (error: Error): void => this.#failure.report(error);
  /** How to stop what has started, the newest last. */
  readonly #stops: (() => Promise<unknown>)[] = [];
  #leave: () => Promise<void> = () => Promise.resolve();

  constructor(config: DaemonConfig, logger: Logger, seams: Seams) {
    this.#config = config;
    this.#logger = logger;
    this.#seams = seams;
    this.#stops.push(async () => seams.close());
  }

  get failed(): Promise<Error> {
    return this.#failure.occurred;
  }

  async start(): Promise<void> {
    const storage = await this.#openStorage();
    const { member, follow } = this.#config.node.witness
      ? this.#makeWitness(storage)
      : await this.#makeFirewall(storage);
    const checkpointer = this.#makeCheckpointer(storage, member);
    const stateMachine = new ReplicatedStateMachine(storage.applied, {
      ...storage,
      checkpoint: checkpointer,
      counters: member.dependencies.counters,
      selectors: new GroupSelectors(groupOptions(this.#config)),
      listener: member,
    });
    const raft = await this.#joinCluster(stateMachine, member);
    const consensus = new RaftConsensus(raft);
    follow(consensus);
    this.#stops.push(async () => member.stop());
    await member.start(consensus);
    checkpointer.start({
      position: () => stateMachine.position(),
      compact: (index) => raft.compact(index),
    });
    this.#stops.push(() => checkpointer.stop());
    await this.#serve(member);
    this.#leave = () => member.leave();
  }

  /** Leaves in order (rule V4). */
  async stop(): Promise<void> {
    await this.#leave();
    await this.stopParts();
  }

  async stopParts(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }

  async #openStorage(): Promise<Storage> {
    const table = new FlowTable({}, { nowMs: () => this.#clock.nowMs() });
    const directory = join(this.#config.node.dataDir, 'table');
    const { store, position } = await openCheckpoint(directory, table, {
      logger: this.#logger,
      metrics: this.#metrics.checkpoint,
    });
    this.#stops.push(() => store.close());
    const applied = { index: position?.appliedIndex ?? 0, term: position?.appliedTerm ?? 0 };
    const state =
      position === null || applied.index === 0
        ? new ClusterState()
        : ClusterState.decode(position.meta);
    return { table: this.#seams.table(table), state, checkpoint: store, applied };
  }

  async #joinHost(): Promise<Host> {
    const kernel = new NetlinkKernel(kernelOptions(this.#config), this.#onFailure);
    this.#stops.push(() => kernel.close());
    const addresses = new LocalAddresses(this.#onFailure);
    this.#stops.push(() => addresses.stop());
    const vrrp = await joinVrrp(this.#config, addresses, this.#logger);
    this.#stops.push(() => vrrp.stop());
    return { kernel, addresses, vrrp };
  }

  async #makeFirewall(storage: Storage): Promise<Part> {
    const host = await this.#joinHost();
    const member = this.#makeReplicator(storage, host);
    return { member, follow: (consensus) => host.vrrp.follow(consensus) };
  }

  /** Rule V10: neither kernel nor addresses nor VRRP, and so no capability. */
  #makeWitness(storage: Storage): Part {
    const member = new Witness(witnessOptions(this.#config, VERSION), storage.applied.index, {
      ...storage,
      clock: this.#clock,
      logger: this.#logger,
      counters: new ReplicatorCounters(),
      hostFacts: () => readWitnessFacts(this.#config),
    });
    return { member, follow: () => undefined };
  }

  #makeReplicator(storage: Storage, host: Host): Replicator {
    const options = replicatorOptions(
      this.#config,
      host.kernel.timeouts(),
      kernelIncarnation(),
      VERSION,
    );
    return new Replicator(options, storage.applied.index, {
      kernel: this.#seams.kernel(host.kernel),
      addresses: host.addresses,
      portsOf: (group) => host.vrrp.portsOf(group),
      clock: this.#clock,
      logger: this.#logger,
      counters: new ReplicatorCounters(),
      errnoName,
      programOf,
      hostFacts: () => readFirewallFacts(this.#config, host.addresses.current()),
      state: storage.state,
      table: storage.table,
    });
  }

  async #joinCluster(
    stateMachine: ReplicatedStateMachine,
    member: Member,
  ): Promise<RaftNode<Outcome>> {
    const { fileSystem } = this.#seams;
    const metrics = this.#metrics;
    const store = new SegmentLogStore(segmentLogOptions(this.#config), {
      fileSystem,
      metrics: metrics.log,
    });
    const tcp = new TcpTransport(transportOptions(this.#config), {
      incarnation: () => store.incarnation,
      metrics: metrics.transport,
      onPeerRefused: (err) => this.#logger.warn({ err }, 'a peer was refused'),
      onError: (err) => this.#logger.error({ err }, 'the transport is impaired'),
    });
    const transport = this.#seams.transport(tcp);
    const snapshots = new FileSnapshotStore(snapshotOptions(this.#config), {
      fileSystem,
      metrics: metrics.snapshots,
    });
    const parts = { store, snapshots, transport, stateMachine, metrics: metrics.raft };
    const raft = await RaftNode.open<Outcome>(raftOptions(this.#config), parts);
    this.#stops.push(() => raft.close());
    const onStopped = (error: Error): void => {
      member.fail(`this member has stopped: ${error.message}`);
      this.#onFailure(error);
    };
    // Entries of Raft's own count too: a leader may name one of them as the commit index (rule V1).
    raft.on('applied', (index) => member.onApplied(index));
    member.onApplied(raft.status().appliedIndex);
    raft.on('snapshotInstalled', ({ lastIndex: index }) =>
      this.#logger.info({ index }, 'the table was replaced by a snapshot'),
    );
    raft.on('snapshotFailed', (err) => this.#logger.warn({ err }, 'no snapshot could be taken'));
    raft.on('storageFailed', onStopped);
    raft.on('failed', onStopped);
    return raft;
  }

  #makeCheckpointer({ checkpoint, applied }: Storage, member: Member): Checkpointer {
    return new Checkpointer(
      { intervalMs: checkpointIntervalMs, writtenIndex: applied.index },
      {
        store: checkpoint,
        clock: this.#clock,
        logger: this.#logger,
        onFailure: (error) => {
          member.fail(`the checkpoint failed: ${error.message}`);
          this.#onFailure(error);
        },
      },
    );
  }

  async #serve(member: Member): Promise<void> {
    const vrrpMode = this.#config.vrrp?.mode ?? null;
    const node = new Admin({ vrrpMode, transferTimeoutMs }, member);
    const { counters, table } = member.dependencies;
    this.#metrics.observe({ node, counters, tableUsage: () => table.usage() });
    const api = new AdminApi(adminApiOptions(this.#config, dashboardFiles), {
      node,
      config: this.#config,
      registry: this.#metrics.registry,
      logger: this.#logger,
    });
    await api.start();
    this.#stops.push(() => api.stop());
  }
}
