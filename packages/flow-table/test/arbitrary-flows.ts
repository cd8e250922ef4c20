import fc from 'fast-check';
import { FlowAttribute, type FlowFields, FlowRecord, type FlowTable } from '../src/index.ts';

/** xorshift32: the same flows for the same seed. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  /** An unsigned 32-bit number. */
  word(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return this.#state >>> 0;
  }

  below(limit: number): number {
    return this.word() % limit;
  }

  fill(bytes: Uint8Array, length: number): void {
    for (let index = 0; index < 16; index += 1) bytes[index] = index < length ? this.word() : 0;
  }
}

/** Key number `number` of a small or large space; one of four is IPv6. */
export function keyOf(number: number, into: FlowFields): void {
  const ipv6 = number % 4 === 3;
  into.family = ipv6 ? 10 : 2;
  into.protocol = [6, 17, 1, 132][(number >>> 2) % 4]!;
  into.zone = number % 16 === 5 ? 7 : 0;
  const random = new Random(number * 2654435761 + 1);
  const length = ipv6 ? 16 : 4;
  random.fill(into.originalSource, length);
  random.fill(into.originalDestination, length);
  into.originalL4 = random.word();
}

/** Any values for the attributes in `set`, and rubbish in the others. */
export function attributesOf(random: Random, set: number, into: FlowFields): void {
  const length = into.family === 10 ? 16 : 4;
  const byte = () => random.below(256);
  into.attributes = set;
  const plain = random.below(2) === 0;
  random.fill(into.replySource, length);
  random.fill(into.replyDestination, length);
  if (plain) into.replySource.set(into.originalDestination);
  if (random.below(2) === 0) into.replyDestination.set(into.originalSource);
  into.replyL4 = plain ? ((into.originalL4 << 16) | (into.originalL4 >>> 16)) >>> 0 : random.word();
  into.status = random.word();
  into.timeoutSeconds = random.below(432_000);
  into.mark = random.word();
  into.tcpState = byte();
  into.tcpWindowScaleOriginal = byte();
  into.tcpWindowScaleReply = byte();
  into.tcpFlagsOriginal = byte();
  into.tcpFlagsReply = byte();
  into.sctpState = byte();
  into.sctpVerificationTagOriginal = random.word();
  into.sctpVerificationTagReply = random.word();
  into.dccpState = byte();
  into.dccpRole = byte();
  into.dccpSequenceHigh = random.word();
  into.dccpSequenceLow = random.word();
  random.fill(into.labels, 16);
  into.helper = 'ftp-20 sip amanda tftp'.slice(0, 1 + random.below(15));
  random.fill(into.masterSource, length);
  random.fill(into.masterDestination, length);
  into.masterProtocol = byte();
  into.masterL4 = random.word();
  for (const adjust of [into.sequenceAdjustOriginal, into.sequenceAdjustReply]) {
    adjust.correctionPosition = random.word();
    adjust.offsetBefore = random.word();
    adjust.offsetAfter = random.word();
  }
  into.synproxyInitialSequence = random.word();
  into.synproxyInitialTimestamp = random.word();
  into.synproxyTimestampOffset = random.word();
  into.zoneDirection = random.below(3);
  into.replyZone = random.below(65536);
}

/** Mostly the usual attributes, at times any. */
export function attributeSet(random: Random): number {
  const { reply, status, timeout, mark, tcp } = FlowAttribute;
  if (random.below(4) === 0) return random.below(0x4000);
  return reply | status | timeout | (random.below(2) ? tcp : mark);
}

/** Exactly the fields that count, as plain values: what two records must agree in to be equal. */
export function contentOf(fields: FlowFields): Record<string, unknown> {
  const set = fields.attributes;
  const length = fields.family === 10 ? 16 : 4;
  const hex = (bytes: Uint8Array, end = length) => Buffer.from(bytes.slice(0, end)).toString('hex');
  const content: Record<string, unknown> = {
    attributes: set,
    key: keyText(fields),
  };
  const put = (attribute: keyof typeof FlowAttribute, value: unknown) => {
    if (set & FlowAttribute[attribute]) content[attribute] = value;
  };
  put('reply', [hex(fields.replySource), hex(fields.replyDestination), fields.replyL4]);
  put('status', fields.status);
  put('timeout', fields.timeoutSeconds);
  put('mark', fields.mark);
  put('tcp', [
    fields.tcpState,
    fields.tcpWindowScaleOriginal,
    fields.tcpWindowScaleReply,
    fields.tcpFlagsOriginal,
    fields.tcpFlagsReply,
  ]);
  const { sctpState, sctpVerificationTagOriginal, sctpVerificationTagReply } = fields;
  put('sctp', [sctpState, sctpVerificationTagOriginal, sctpVerificationTagReply]);
  const { dccpState, dccpRole, dccpSequenceHigh, dccpSequenceLow } = fields;
  put('dccp', [dccpState, dccpRole, dccpSequenceHigh, dccpSequenceLow]);
  put('labels', hex(fields.labels, 16));
  put('helper', fields.helper);
  const { masterProtocol, masterL4 } = fields;
  put('master', [
    hex(fields.masterSource),
    hex(fields.masterDestination),
    masterProtocol,
    masterL4,
  ]);
  put('sequenceAdjustOriginal', { ...fields.sequenceAdjustOriginal });
  put('sequenceAdjustReply', { ...fields.sequenceAdjustReply });
  const { synproxyInitialSequence, synproxyInitialTimestamp, synproxyTimestampOffset } = fields;
  put('synproxy', [synproxyInitialSequence, synproxyInitialTimestamp, synproxyTimestampOffset]);
  put('zoneDirection', [fields.zoneDirection, fields.replyZone]);
  return content;
}

/** The key as text. */
export function keyText(fields: FlowFields): string {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const { family, protocol, zone, originalSource, originalDestination, originalL4 } = fields;
  return [family, protocol, zone, hex(originalSource), hex(originalDestination), originalL4].join();
}

/** A record with key number `key`, attributes of `set` and values from `seed`. */
export function newFlow(key: number, set: number, seed: number): FlowRecord {
  const record = new FlowRecord();
  keyOf(key, record);
  attributesOf(new Random(seed), set, record);
  return record;
}

export const arbitraryFlow = fc
  .record({ key: fc.nat(), set: fc.integer({ min: 0, max: 0x3fff }), seed: fc.integer() })
  .map(({ key, set, seed }) => newFlow(key, set, seed));

export type Step = {
  kind: 'create' | 'update' | 'touch' | 'delete';
  key: number;
  set: number;
  seed: number;
};

/** A step over few keys, so that steps meet. */
export const arbitraryStep = (keys: number): fc.Arbitrary<Step> =>
  fc.record({
    kind: fc.constantFrom('create', 'create', 'update', 'touch', 'delete'),
    key: fc.nat(keys - 1),
    set: fc.oneof(fc.integer({ min: 0, max: 0x3fff }), fc.constantFrom(0x1f, 0x0b, 0x02, 0x04)),
    seed: fc.integer(),
  });

/** All flows of a table by their keys, with what counts of each and its local index. */
export function contents(table: FlowTable): Record<string, unknown> {
  const into = new FlowRecord();
  const all: [string, unknown][] = [];
  table.forEachPage(0, table.slotEnd, (slot) => {
    table.read(slot, into);
    all.push([keyText(into), { ...contentOf(into), localIndex: table.localIndex(slot) }]);
  });
  return Object.fromEntries(all.sort(([left], [right]) => (left < right ? -1 : 1)));
}
