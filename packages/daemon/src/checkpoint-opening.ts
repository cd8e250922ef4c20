import {
  Checkpoint,
  CheckpointDamagedError,
  type CheckpointMetrics,
  discardCheckpoint,
  type FlowTable,
  type LoadedCheckpoint,
} from '@raftwall/flow-table';
import type { Logger } from './logger.ts';

export interface OpenedCheckpoint {
  readonly store: Checkpoint;
  /** Null for a new or a discarded checkpoint: the log is replayed from its beginning. */
  readonly position: LoadedCheckpoint | null;
}

export interface CheckpointParts {
  readonly logger: Logger;
  readonly metrics: CheckpointMetrics;
}

/**
 * Opens the checkpoint and loads the table from it. One that is damaged is discarded (rule T4) and the log replayed from
 * its beginning, or a snapshot asked for where the log was cut by then.
 */
export async function openCheckpoint(
  directory: string,
  table: FlowTable,
  { logger, metrics }: CheckpointParts,
): Promise<OpenedCheckpoint> {
  try {
    return await openAndLoad(directory, table, metrics);
  } catch (error) {
    if (!(error instanceof CheckpointDamagedError)) throw error;
    logger.error({ err: error, directory }, 'the checkpoint is damaged and is discarded');
    await discardCheckpoint(directory);
    return await openAndLoad(directory, table, metrics);
  }
}

async function openAndLoad(
  directory: string,
  table: FlowTable,
  metrics: CheckpointMetrics,
): Promise<OpenedCheckpoint> {
  const store = await Checkpoint.open(directory, {}, { metrics });
  try {
    return { store, position: await store.load(table) };
  } catch (error) {
    await store.close();
    throw error;
  }
}
