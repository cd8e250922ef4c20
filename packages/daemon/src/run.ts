import type { DaemonConfig } from './config/options.ts';
import { EXIT, type ExitCode, exitCodeOf } from './exit-codes.ts';
import type { Logger } from './logger.ts';
import type { SystemdNotifier } from './systemd-notify.ts';

/** A node that runs. */
export interface RunningNode {
  /** Leaves in order (rule V4); resolves when everything is closed. */
  stop(): Promise<void>;
  /** Resolves with the error when the node is unfit to go on, such as by a failed disk; pending as long as it is fit. */
  readonly failed: Promise<Error>;
}

/** Builds and starts everything of one node. */
export type StartNode = (config: DaemonConfig, logger: Logger) => Promise<RunningNode>;

export interface RunDependencies {
  readonly logger: Logger;
  readonly startNode: StartNode;
  readonly notifier: SystemdNotifier;
  /** Resolves with the name of the signal that asks the daemon to leave. */
  readonly stopSignal: Promise<string>;
}

/** Runs one node until it is asked to leave or it fails, and leaves in order either way (rule V4). */
export async function run(config: DaemonConfig, dependencies: RunDependencies): Promise<ExitCode> {
  const { logger, notifier } = dependencies;
  let node: RunningNode;
  try {
    node = await dependencies.startNode(config, logger);
  } catch (error) {
    logger.fatal({ err: error }, 'The node could not start');
    return exitCodeOf(error);
  }
  await notifier.ready(`Member ${config.node.id} of cluster ${config.cluster.name}`);
  logger.info({ node: config.node.id, cluster: config.cluster.name }, 'The node is up');
  const code = await untilOver(node, dependencies);
  await notifier.stopping();
  return await leave(node, code, logger);
}

async function untilOver(node: RunningNode, dependencies: RunDependencies): Promise<ExitCode> {
  const { logger, stopSignal } = dependencies;
  return await Promise.race([
    stopSignal.then((signal) => {
      logger.info({ signal }, 'Leaving in order');
      return EXIT.ok;
    }),
    node.failed.then((error) => {
      logger.fatal({ err: error }, 'The node has failed, leaving in order');
      return exitCodeOf(error);
    }),
  ]);
}

async function leave(node: RunningNode, code: ExitCode, logger: Logger): Promise<ExitCode> {
  try {
    await node.stop();
  } catch (error) {
    logger.fatal({ err: error }, 'The node could not leave in order');
    return code === EXIT.ok ? exitCodeOf(error) : code;
  }
  logger.info('The node has left');
  return code;
}
