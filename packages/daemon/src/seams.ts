import type { FlowTable } from '@raftwall/flow-table';
import type { Kernel } from '@raftwall/replicator';
import { type FileSystem, nodeFileSystem, type Transport } from 'raft-ts';

/** Where a test can break a node from inside: its disk, its kernel commands, its messages, its table. */
export interface Seams {
  /** What log, vote and snapshots are written through. */
  readonly fileSystem: FileSystem;
  kernel(real: Kernel): Kernel;
  transport(real: Transport): Transport;
  /** The table, which is this node's alone to spoil. */
  table(real: FlowTable): FlowTable;
  close(): void;
}

const sound: Seams = {
  fileSystem: nodeFileSystem,
  kernel: (real) => real,
  transport: (real) => real,
  table: (real) => real,
  close: () => undefined,
};

/**
 * Nothing is broken unless `RAFTWALL_FAULTS` names a file with faults; what reads it is in no published package.
 *
 * @throws {FaultPlanError} If the file has faults of its own.
 */
export async function openSeams(environment: NodeJS.ProcessEnv): Promise<Seams> {
  const file = environment['RAFTWALL_FAULTS'];
  if (file === undefined || file === '') return sound;
  const { InjectedFaults } = await import('./testing/injected-faults.ts');
  return InjectedFaults.open(file);
}
