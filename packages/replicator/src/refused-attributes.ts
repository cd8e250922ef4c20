import { FlowAttribute } from '@raftwall/flow-table';
import { SlotFlag } from './local-flag.ts';
import { Errno } from './ports.ts';

/** Attributes without which a flow is still worth having, and the flag that says that this kernel refused them. */
const optional = [
  { name: 'master', attribute: FlowAttribute.master, flag: SlotFlag.masterRefused },
  { name: 'helper', attribute: FlowAttribute.helper, flag: SlotFlag.helperRefused },
  { name: 'labels', attribute: FlowAttribute.labels, flag: SlotFlag.labelsRefused },
] as const;

/** What the kernel means by an errno (ctnetlink_create_conntrack): no such master, no such helper, no room for labels. */
const culprits: ReadonlyMap<number, number> = new Map([
  [Errno.enoent, FlowAttribute.master],
  [Errno.eopnotsupp, FlowAttribute.helper],
  [Errno.enospc, FlowAttribute.labels],
]);

const sequenceAdjust = FlowAttribute.sequenceAdjustOriginal | FlowAttribute.sequenceAdjustReply;
const anyOptional = FlowAttribute.master | FlowAttribute.helper | FlowAttribute.labels;
/** These errnos name no attribute: it may be any of them. */
const vague: ReadonlySet<number> = new Set([Errno.einval, Errno.erange]);

/**
 * Which attributes to leave out when a message is tried again (rule K13).
 *
 * @param sent attributes that the refused message carried.
 * @returns `FlowAttribute` bits; 0 if the errno is not about an attribute that may be left out.
 */
export function refusedAttributes(errno: number, sent: number): number {
  const suspected = culprits.get(errno) ?? (vague.has(errno) ? anyOptional : 0);
  return suspected & sent;
}

/** The same as local flags of the row, so that no later message carries them either. */
export function refusedFlags(attributes: number): number {
  let flags = 0;
  for (const it of optional) if (attributes & it.attribute) flags |= it.flag;
  return flags;
}

/** Attributes that this kernel refused before. */
export function attributesRefused(flags: number): number {
  let attributes = 0;
  for (const it of optional) if (flags & it.flag) attributes |= it.attribute;
  return attributes;
}

/** Names of attributes, for counters. */
export function namesOfRefused(attributes: number): readonly string[] {
  return optional.filter((it) => attributes & it.attribute).map((it) => it.name);
}

/** IPS_SEQ_ADJUST of nf_conntrack_common.h. */
const sequenceAdjusted = 1 << 6;

/**
 * Whether everything is known without which the flow's packets would be falsified (rule K13): one whose sequence numbers
 * the kernel shifts must not be injected without the shift. Synproxy shifts them too, and says so by the same bit.
 */
export function isInjectable(flow: {
  readonly status: number;
  readonly attributes: number;
}): boolean {
  return (flow.status & sequenceAdjusted) === 0 || (flow.attributes & sequenceAdjust) !== 0;
}
