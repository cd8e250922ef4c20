import { FlowAttribute, type FlowFields } from '@raftwall/flow-table';
import { type Prefix, prefixContains } from './address.ts';

/** Whether the flow is in one of these conntrack zones, in either direction. */
export function isInZone(flow: FlowFields, zones: ReadonlySet<number>): boolean {
  const isDirectional = (flow.attributes & FlowAttribute.zoneDirection) !== 0;
  const isReplyZoned = isDirectional && flow.zoneDirection === 2;
  return zones.has(flow.zone) || (isReplyZoned && zones.has(flow.replyZone));
}

/** Whether one of its addresses, of either tuple, is in one of the prefixes. */
export function touches(flow: FlowFields, prefixes: readonly Prefix[]): boolean {
  return prefixes.some(
    (prefix) =>
      prefix.family === flow.family &&
      (prefixContains(prefix, flow.originalSource) ||
        prefixContains(prefix, flow.originalDestination) ||
        prefixContains(prefix, flow.replySource) ||
        prefixContains(prefix, flow.replyDestination)),
  );
}
