export { type AppendFault, FaultyLogStore } from './faulty-log-store.ts';
export { InvariantError, Invariants } from './invariants.ts';
export {
  findViolations,
  HistoryTooAmbiguousError,
  isLinearizable,
  judgeHistories,
  type RegisterOperation,
  registerModel,
  type SequentialModel,
  type Timed,
  type Verdict,
} from './linearizability.ts';
export {
  type LogStoreCheck,
  type LogStoreStorage,
  logStoreContract,
  type TestRunner,
} from './log-store-contract.ts';
export { type FallibleStorage, logStoreFailureContract } from './log-store-failures.ts';
export { type CrashOutcome, MemoryLogStore, type SyncDelay } from './memory-log-store.ts';
export { MemorySnapshotStore } from './memory-snapshot-store.ts';
export { Random } from './random.ts';
export { SimClock } from './sim-clock.ts';
export { type NetworkFaults, SimNetwork } from './sim-network.ts';
export { type SimulationReport, Simulator, type SimulatorOptions } from './simulator.ts';
