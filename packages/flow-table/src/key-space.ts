/**
 * All keys of the checkpoint's LevelDB, `key -> value`. The first byte names the space; numbers are never reused.
 *
 *     01              -> format version (4)
 *     02              -> position: what the caller had applied, see checkpoint-position.ts
 *     03              -> ranges: count and digest of each key range as written, see checkpoint-ranges.ts
 *     10 flow key     -> stored flow, see stored-flow.ts
 *
 * Numbers are in network order.
 */
export const KeySpace = { version: 0x01, position: 0x02, ranges: 0x03, flow: 0x10 } as const;

/** The only key of a space that has one. */
export const keyOfSpace = (space: number): Uint8Array => Uint8Array.of(space);

/** The range of keys of a space, for an iterator. */
export const rangeOfSpace = (space: number): { gte: Uint8Array; lt: Uint8Array } => ({
  gte: Uint8Array.of(space),
  lt: Uint8Array.of(space + 1),
});
