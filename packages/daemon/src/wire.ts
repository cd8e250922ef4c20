import type { DaemonConfig } from './config/options.ts';
import type { Logger } from './logger.ts';
import type { RunningNode } from './run.ts';

/**
 * Builds and starts everything of one node.
 * @throws {Error} Always: this build has no node to start.
 */
export function startNode(config: DaemonConfig, _logger: Logger): Promise<RunningNode> {
  return Promise.reject(
    new Error(`Node ${config.node.id} cannot start: this build contains no replication yet`),
  );
}
