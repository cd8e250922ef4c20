import type { Logger } from 'pino';
import type { DaemonConfig } from './config/options.ts';

/** A node that runs. */
export interface RunningNode {
  /** Leaves in order (rule V4); resolves when everything is closed. */
  stop(): Promise<void>;
  /** Resolves with the error when the node's storage has failed; pending as long as it has not. */
  readonly failed: Promise<Error>;
}

/**
 * Builds and starts everything of one node.
 * @throws {Error} Always: this build has no node to start.
 */
export function startNode(config: DaemonConfig, _logger: Logger): Promise<RunningNode> {
  return Promise.reject(
    new Error(`Node ${config.node.id} cannot start: this build contains no replication yet`),
  );
}
