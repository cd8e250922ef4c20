/**
 * Bits of `ConntrackEntry.attributes`: which groups of fields a message carried, or which a message to the kernel shall
 * carry. They are written to disk and to the network by users of this package, so their numbers are never reused.
 */
export const ConntrackAttribute = {
  /** Reply tuple (CTA_TUPLE_REPLY). */
  reply: 1 << 0,
  /** CTA_STATUS. */
  status: 1 << 1,
  /** CTA_TIMEOUT. */
  timeout: 1 << 2,
  /** CTA_MARK. */
  mark: 1 << 3,
  /** CTA_PROTOINFO_TCP; a destroy event carries the state alone, the other TCP fields are then 0. */
  tcp: 1 << 4,
  /** CTA_PROTOINFO_SCTP. */
  sctp: 1 << 5,
  /** CTA_PROTOINFO_DCCP. */
  dccp: 1 << 6,
  /** CTA_LABELS. */
  labels: 1 << 7,
  /** CTA_HELP, the name. */
  helper: 1 << 8,
  /** CTA_TUPLE_MASTER. */
  master: 1 << 9,
  /** CTA_SEQ_ADJ_ORIG. */
  sequenceAdjustOriginal: 1 << 10,
  /** CTA_SEQ_ADJ_REPLY. */
  sequenceAdjustReply: 1 << 11,
  /** CTA_SYNPROXY with a value other than zero: the kernel attaches an empty one to every flow made by a message. */
  synproxy: 1 << 12,
  /** CTA_TUPLE_ZONE: only one direction is in a zone. */
  zoneDirection: 1 << 13,
} as const;
