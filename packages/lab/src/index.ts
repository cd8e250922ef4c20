/** The lab: firewalls, hosts and switches as network namespaces; traffic, faults and what comes of them. */
export { firewallAddresses, plan, virtualAddresses } from './address-plan.ts';
export { Cluster, type ClusterOptions } from './cluster.ts';
export {
  type ConntrackFilter,
  conntrackView,
  differences,
  normalizeFlow,
} from './conntrack-view.ts';
export {
  CommandFailedError,
  LabError,
  type LabErrorCode,
  ProcessEndedError,
  RootNeededError,
  TimedOutError,
} from './errors.ts';
export { faults } from './faults/catalogue.ts';
export type { Fault, Mend, Scene, VictimRole } from './faults/fault.ts';
export { frozenDaemon } from './faults/frozen-daemon.ts';
export { admit, changeMembers, readmit } from './faults/readmission.ts';
export { Firewall, type FirewallEvents, type FirewallOptions } from './firewall.ts';
export { seedFlows } from './flow-seeder.ts';
export { type CellOptions, type CellResult, measureCell, shortcomings } from './matrix/cell.ts';
export { Namespace, NamespaceSet, sweepOrphans } from './namespace.ts';
export type { StatusView, VrrpMode } from './raftwall-daemon.ts';
export { applyRuleset, type InvalidCounters, type RulesetOptions } from './ruleset.ts';
export { schedule } from './soak/schedule.ts';
export { type SoakOptions, soak } from './soak/soak.ts';
export { type SshOptions, SshSession } from './ssh-session.ts';
export { tableDifferences } from './table-agreement.ts';
export { Timeline, type TimelineEvent, type TimelineOutput, type Tone } from './timeline.ts';
export { Topology } from './topology.ts';
export { NumberedStream, type StreamReport } from './traffic/numbered-stream.ts';
export type { TrafficReport } from './traffic/protocol.ts';
export { Traffic, type TrafficOptions } from './traffic/traffic.ts';
export { type WaitOptions, waitFor } from './wait.ts';
export { capabilities, netlinkSockets, Witness, type WitnessOptions } from './witness.ts';
