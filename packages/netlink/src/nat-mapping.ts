import { ConntrackAttribute } from './conntrack-attribute.ts';
import type { ConntrackFields } from './conntrack-entry.ts';
import { inverseL4, l4Shape } from './l4-word.ts';

/** Bits of `natOf`. */
export const Nat = { none: 0, source: 1, destination: 2 } as const;

/**
 * Which translations a flow has: what its reply tuple says against the plain inverse of its original one. The kernel
 * itself never reports the mapping.
 *
 * @returns Bits of `Nat`; `none` also when the entry has no reply tuple.
 */
export function natOf(entry: ConntrackFields): number {
  if ((entry.attributes & ConntrackAttribute.reply) === 0) return Nat.none;
  const shape = l4Shape(entry.protocol);
  const plain = inverseL4(entry.protocol, entry.originalL4);
  let nat: number = Nat.none;
  if (!sameAddress(entry.replyDestination, entry.originalSource)) nat |= Nat.source;
  if (!sameAddress(entry.replySource, entry.originalDestination)) nat |= Nat.destination;
  if (shape === 'ports') {
    if (((entry.replyL4 ^ plain) & 0xffff) !== 0) nat |= Nat.source;
    if ((entry.replyL4 ^ plain) >>> 16 !== 0) nat |= Nat.destination;
  } else if (shape !== 'none' && (entry.replyL4 ^ plain) >>> 16 !== 0 && nat === Nat.none) {
    // One id serves both directions of an ICMP query, and only a source mapping changes it alone.
    nat = Nat.source;
  }
  return nat;
}

/** The port, GRE key or ICMP id that the source is mapped to. */
export function mappedSourcePort(entry: ConntrackFields): number {
  return l4Shape(entry.protocol) === 'ports' ? entry.replyL4 & 0xffff : entry.replyL4 >>> 16;
}

/** The port, GRE key or ICMP id that the destination is mapped to. */
export function mappedDestinationPort(entry: ConntrackFields): number {
  return entry.replyL4 >>> 16;
}

function sameAddress(a: Uint8Array, b: Uint8Array): boolean {
  for (let index = 0; index < 16; index++) {
    if (a[index] !== b[index]) return false;
  }
  return true;
}
