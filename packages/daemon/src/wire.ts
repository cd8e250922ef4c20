import { join } from 'node:path';
import { AdminApi } from '@raftwall/admin-api';
import { dashboardFiles } from '@raftwall/dashboard';
import { FlowTable } from '@raftwall/flow-table';
import { errnoName, kernelIncarnation } from '@raftwall/netlink';
import {
  Admin,
  Checkpointer,
  ClusterState,
  type Outcome,
  ReplicatedStateMachine,
  Replicator,
  ReplicatorCounters,
} from '@raftwall/replicator';
import { RaftNode, SegmentLogStore, SystemClock, TcpTransport } from 'raft-ts';
import { LocalAddresses } from './addresses.ts';
import { openCheckpoint } from './checkpoint-opening.ts';
import type { DaemonConfig } from './config/options.ts';
import { Failure } from './failure.ts';
import type { Logger } from './logger.ts';
import { NetlinkKernel } from './netlink-kernel.ts';
import {
  adminApiOptions,
  raftOptions,
  replicatorOptions,
  transportOptions,
} from './part-options.ts';
import { RaftConsensus } from './raft-consensus.ts';
import type { RunningNode } from './run.ts';
import { VERSION } from './version.ts';
import { joinVrrp } from './vrrp.ts';

const checkpointIntervalMs = 1_000;
const transferTimeoutMs = 10_000;

/**
 * Builds and starts everything of one node, and says how it is taken down again: the one page that knows all the parts.
 *
 * @throws {Error} Whatever keeps a part from starting; what had started is stopped again.
 */
export async function startNode(config: DaemonConfig, logger: Logger): Promise<RunningNode> {
  const failure = new Failure();
  const started: (() => Promise<unknown>)[] = [];
  const stopAll = async (): Promise<void> => {
    for (const stop of started.splice(0).reverse()) await stop();
  };
  try {
    const leave = await startParts(config, logger, failure, started);
    return {
      failed: failure.occurred,
      stop: async () => {
        await leave();
        await stopAll();
      },
    };
  } catch (error) {
    await stopAll();
    throw error;
  }
}

async function startParts(
  config: DaemonConfig,
  logger: Logger,
  failure: Failure,
  started: (() => Promise<unknown>)[],
): Promise<() => Promise<void>> {
  const clock = new SystemClock();
  const counters = new ReplicatorCounters();
  const incarnation = kernelIncarnation();
  const onFailure = (error: Error): void => failure.report(error);

  const table = new FlowTable({}, { nowMs: () => clock.nowMs() });
  const checkpoint = await openCheckpoint(join(config.node.dataDir, 'table'), table, logger);
  started.push(() => checkpoint.store.close());
  const { position } = checkpoint;
  const state = position === null ? new ClusterState() : ClusterState.decode(position.meta);

  const kernel = new NetlinkKernel(kernelOptions(config), onFailure);
  started.push(() => kernel.close());
  const addresses = new LocalAddresses(onFailure);
  started.push(() => addresses.stop());
  const vrrp = await joinVrrp(config, addresses, logger);
  started.push(() => vrrp.stop());

  const applied = { index: position?.appliedIndex ?? 0, term: position?.appliedTerm ?? 0 };
  const replicator = new Replicator(
    replicatorOptions(config, incarnation, VERSION),
    applied.index,
    {
      kernel,
      activity: vrrp.activity,
      readinessSink: vrrp.readiness,
      addresses,
      clock,
      logger,
      counters,
      errnoName,
      state,
      table,
    },
  );
  const stateMachine = new ReplicatedStateMachine(applied, {
    state,
    table,
    counters,
    listener: replicator,
  });
  const store = new SegmentLogStore({
    directory: join(config.node.dataDir, 'log'),
    clusterId: config.cluster.name,
  });
  const transport = new TcpTransport(transportOptions(config), {
    incarnation: () => store.incarnation,
    onPeerRefused: (refusal) => logger.warn(refusal, 'a peer was refused'),
  });
  const raft = await RaftNode.open<Outcome>(raftOptions(config), {
    store,
    transport,
    stateMachine,
  });
  started.push(() => raft.close());
  const onStorageFailure = (error: Error): void => {
    replicator.fail(`the storage failed: ${error.message}`);
    failure.report(error);
  };
  raft.on('storageFailed', onStorageFailure);
  raft.on('failed', onStorageFailure);

  const consensus = new RaftConsensus(raft);
  vrrp.follow(consensus);
  await replicator.start(consensus);
  started.push(async () => replicator.stop());

  const checkpointer = new Checkpointer(
    { intervalMs: checkpointIntervalMs },
    {
      store: checkpoint.store,
      clock,
      logger,
      position: () => ({
        index: stateMachine.appliedIndex,
        term: stateMachine.appliedTerm,
        meta: state.encode(),
      }),
      compact: (index) => raft.compact(index),
      onFailure: onStorageFailure,
    },
  );
  checkpointer.start(applied.index);
  started.push(() => checkpointer.stop());

  const admin = new Admin({ vrrpMode: config.vrrp?.mode ?? null, transferTimeoutMs }, replicator);
  const api = new AdminApi(adminApiOptions(config, dashboardFiles), {
    node: admin,
    registry: null,
    logger,
  });
  await api.start();
  started.push(() => api.stop());

  return async () => {
    await replicator.leave();
    await handLeadershipOver(raft, logger);
  };
}

function kernelOptions(config: DaemonConfig): ConstructorParameters<typeof NetlinkKernel>[0] {
  return {
    tcpWindowTracking: config.kernel.tcpWindowTracking,
    protocols: replicatorOptions(config, '', VERSION).domain.protocols,
  };
}

/** Rule V4: leadership goes to the member that is most level, so that nobody has to wait for an election. */
async function handLeadershipOver(raft: RaftNode<Outcome>, logger: Logger): Promise<void> {
  const status = raft.status();
  if (status.role !== 'leader') return;
  const others = status.members
    .filter(({ id, role, reachable }) => id !== status.id && role === 'voter' && reachable)
    .sort((a, b) => (b.matchIndex ?? 0) - (a.matchIndex ?? 0));
  const [target] = others;
  if (target === undefined) return;
  await raft
    .transferLeadership(target.id)
    .catch((error) => logger.warn({ err: error }, 'leadership could not be handed over'));
}
