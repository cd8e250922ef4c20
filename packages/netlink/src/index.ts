export {
  type AddressChange,
  AddressMonitor,
  type AddressMonitorDependencies,
  type InterfaceAddress,
} from './address-monitor.ts';
export { CommandBatch } from './command-batch.ts';
export { CommandChannel, type CommandResults } from './command-channel.ts';
export { ConntrackAttribute } from './conntrack-attribute.ts';
export {
  ConntrackCursor,
  ConntrackKind,
  type ControlHandler,
  type CursorHandlers,
  type ExpectationHandler,
} from './conntrack-cursor.ts';
export type { TupleDirection } from './conntrack-encoder.ts';
export {
  ConntrackEntry,
  type ConntrackFields,
  type SequenceAdjustment,
} from './conntrack-entry.ts';
export {
  ConntrackExpectation,
  type ExpectationFields,
  type ExpectingFlow,
} from './conntrack-expectation.ts';
export { ConntrackStatus, ConntrackTcpFlag, CtGroup, Protocol } from './ctnetlink-protocol.ts';
export { type DatagramSource, SingleDatagram } from './datagram-source.ts';
export type { DumpFilter } from './dump-request.ts';
export { Dumper, type DumpResult } from './dumper.ts';
export * from './errors.ts';
export { EventListener, type EventListenerDependencies } from './event-listener.ts';
export { formatAddress } from './ip-address.ts';
export { kernelIncarnation } from './kernel-incarnation.ts';
export { inverseL4, l4Shape } from './l4-word.ts';
export type { NetlinkCounter, NetlinkErrnoCounter, NetlinkMetrics } from './metrics.ts';
export { withNamespace } from './namespace.ts';
export { type NatChains, natChains } from './nat-chains.ts';
export { Nat, natOf } from './nat-mapping.ts';
export { AF_INET, AF_INET6, NETLINK_NETFILTER, NETLINK_ROUTE } from './netlink-protocol.ts';
export { NetlinkSocket, type NetlinkSocketOptions } from './netlink-socket.ts';
export {
  type CommandBatchOptions,
  type CommandChannelOptions,
  commandBatchDefaults,
  commandChannelDefaults,
  type DumperOptions,
  dumperDefaults,
  type EventListenerOptions,
  eventListenerDefaults,
} from './options.ts';
export type { AddressScope } from './route-message.ts';
export { type EventFilterOptions, eventFilter, type FilterPrefix } from './socket-filter.ts';
export { type ConntrackSetting, ConntrackSysctls } from './sysctl.ts';
export { TrackingProbe } from './tracking-probe.ts';
