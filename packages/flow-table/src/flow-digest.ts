import { DigestHash } from './digest-hash.ts';
import { ExtrasWord, packExtras, RARE_ATTRIBUTES } from './flow-extras.ts';
import { FlowAttribute, type FlowFields, type FlowKeyFields } from './flow-fields.ts';
import { isIpv4, packAttributes, packKey, SlotWord } from './flow-slot.ts';
import { SLOT_WORDS } from './slot-arena.ts';

/** Key ranges of a digest: by the first eight bits of the key's fixed hash. */
export const DIGEST_RANGES = 256;
/** Words of one range: flows, records low and high, identities low and high. */
const RANGE_WORDS = 5;

/**
 * A digest at one moment. `records` covers whole records without times, `identities` what a kernel and a table must
 * agree on: key, reply tuple (NAT), mark, zone and master. Both are sums over the flows, so neither order nor seed counts.
 */
export interface DigestSummary {
  /** Flows. */
  readonly count: number;
  /** 16 hexadecimal digits. */
  readonly records: string;
  /** 16 hexadecimal digits. */
  readonly identities: string;
  /** Five words for each of the 256 key ranges: flows, records low and high, identities low and high. */
  readonly ranges: Uint32Array;
}

/** Keeps the two digests of a set of flows while flows come and go. */
export class FlowDigest {
  readonly #ranges = new Uint32Array(DIGEST_RANGES * RANGE_WORDS);
  readonly #hash = new DigestHash();
  readonly #scratch = new Uint32Array(64);
  readonly #slot = new Uint32Array(SLOT_WORDS);
  readonly #extras = new Uint32Array(SLOT_WORDS);

  /** Adds a flow that is not a table's, for example one of a kernel dump. */
  add(fields: FlowFields): void {
    this.#fold(fields, 1);
  }

  /** Takes a flow out again. */
  remove(fields: FlowFields): void {
    this.#fold(fields, -1);
  }

  /** Adds (`sign` 1) or takes out (`sign` -1) the flow of a slot; `extras` are the words of its cell, null if it has none. */
  slot(
    words: Uint32Array,
    base: number,
    extras: Uint32Array | null,
    extrasBase: number,
    sign: 1 | -1,
  ): void {
    const hash = this.#hash;
    const scratch = this.#scratch;
    this.#hashKey(words, base);
    scratch[0] = hash.low;
    scratch[1] = hash.high;
    const at = (hash.low >>> 24) * RANGE_WORDS;
    hash.words(scratch, 0, this.#identity(words, base, extras, extrasBase));
    this.#ranges[at]! += sign;
    this.#ranges[at + 3]! += sign * hash.low;
    this.#ranges[at + 4]! += sign * hash.high;
    scratch[0] = hash.low;
    scratch[1] = hash.high;
    hash.words(scratch, 0, this.#rest(words, base, extras, extrasBase));
    this.#ranges[at + 1]! += sign * hash.low;
    this.#ranges[at + 2]! += sign * hash.high;
  }

  /** Key range, 0 to 255, of the flow of a slot. */
  rangeOfSlot(words: Uint32Array, base: number): number {
    this.#hashKey(words, base);
    return this.#hash.low >>> 24;
  }

  /** Key range of a flow that is not a table's. */
  rangeOf(fields: FlowKeyFields): number {
    this.#slot.fill(0);
    packKey(fields, this.#slot, 0);
    return this.rangeOfSlot(this.#slot, 0);
  }

  clear(): void {
    this.#ranges.fill(0);
  }

  summary(): DigestSummary {
    const total = [0, 0, 0, 0, 0];
    for (let at = 0; at < this.#ranges.length; at += 1) {
      total[at % RANGE_WORDS] = (total[at % RANGE_WORDS]! + this.#ranges[at]!) % 0x1_0000_0000;
    }
    const hex = (low: number, high: number) =>
      high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
    return {
      count: total[0]!,
      records: hex(total[1]!, total[2]!),
      identities: hex(total[3]!, total[4]!),
      ranges: this.#ranges.slice(),
    };
  }

  #hashKey(words: Uint32Array, base: number): void {
    const scratch = this.#scratch;
    scratch[0] = words[base]!;
    const ipv4 = isIpv4(words, base);
    const end = copyTuple(words, base + SlotWord.originalSource, ipv4, scratch, 1);
    this.#hash.words(scratch, 0, end);
  }

  /** Behind the key's hash: reply tuple, mark, zones, master; what is absent counts as zero, as a kernel dumps it. */
  #identity(
    words: Uint32Array,
    base: number,
    extras: Uint32Array | null,
    extrasBase: number,
  ): number {
    const scratch = this.#scratch;
    let end = copyTuple(words, base + SlotWord.replySource, isIpv4(words, base), scratch, 2);
    scratch[end] = words[base + SlotWord.mark]!;
    const zones = extras ? extras[extrasBase + ExtrasWord.zones]! : 0;
    // The reply zone counts only where it is the reply direction's own.
    scratch[end + 1] = (zones & 0xff0000) === 0x20000 ? zones : zones & 0xffff0000;
    end += 2;
    const set = words[base + SlotWord.attributes]! >>> 16;
    if (!extras || (set & FlowAttribute.master) === 0) return end;
    return copyTuple(
      extras,
      extrasBase + ExtrasWord.masterSource,
      isIpv4(words, base),
      scratch,
      end,
    );
  }

  #rest(words: Uint32Array, base: number, extras: Uint32Array | null, extrasBase: number): number {
    const scratch = this.#scratch;
    scratch[2] = words[base + SlotWord.attributes]! & ~(FlowAttribute.timeout << 16);
    scratch[3] = words[base + SlotWord.tcp]! & ~0xff;
    scratch[4] = words[base + SlotWord.status]!;
    if (!extras) return 5;
    for (let word = 0; word < SLOT_WORDS; word += 1) scratch[5 + word] = extras[extrasBase + word]!;
    return 5 + SLOT_WORDS;
  }

  #fold(fields: FlowFields, sign: 1 | -1): void {
    const rare = (fields.attributes & RARE_ATTRIBUTES) !== 0;
    this.#slot.fill(0);
    packKey(fields, this.#slot, 0);
    packAttributes(fields, this.#slot, 0);
    if (rare) {
      this.#extras.fill(0);
      packExtras(fields, this.#extras, 0);
    }
    this.slot(this.#slot, 0, rare ? this.#extras : null, 0, sign);
  }
}

function copyTuple(
  words: Uint32Array,
  at: number,
  ipv4: boolean,
  into: Uint32Array,
  start: number,
): number {
  if (!ipv4) {
    for (let word = 0; word < 9; word += 1) into[start + word] = words[at + word]!;
    return start + 9;
  }
  into[start] = words[at]!;
  into[start + 1] = words[at + 4]!;
  into[start + 2] = words[at + 8]!;
  return start + 3;
}
