import { randomBytes } from 'node:crypto';
import { readUint32 } from './byte-order.ts';
import { ChangeSet } from './change-set.ts';
import { type DigestSummary, FlowDigest } from './flow-digest.ts';
import { ExtrasWord, packExtras, RARE_ATTRIBUTES, unpackExtras } from './flow-extras.ts';
import { FlowAttribute, type FlowFields, type FlowKeyFields } from './flow-fields.ts';
import { FLOW_KEY_BYTES_MAX, flowKeyLength } from './flow-key.ts';
import {
  hashTuple,
  packAddress,
  packAttributes,
  packKey,
  packKeyBytes,
  readPair,
  SlotFlag,
  SlotWord,
  sameTuple,
  unpackAttributes,
  unpackKey,
  writePair,
  writeSlotKey,
} from './flow-slot.ts';
import { OperationKind } from './operation-codec.ts';
import { OperationReader } from './operation-reader.ts';
import { type FlowTableOptions, resolveFlowTableOptions } from './options.ts';
import { SlotArena } from './slot-arena.ts';
import { SlotIndex } from './slot-index.ts';
import { WordHash } from './word-hash.ts';

/** 8192 flows a segment, 1 MiB. */
const FLOW_SEGMENT_SHIFT = 13;
/** 512 cells of rare attributes a segment, 64 KiB. */
const EXTRAS_SEGMENT_SHIFT = 9;

/** What an operation did to a flow of the table. */
export type FlowChange = 'created' | 'replaced' | 'updated' | 'touched' | 'deleted';

/**
 * Told of each flow that an apply changes: after the change, but of a delete before it, so that the slot can be read. It
 * may read and set local words; it must not change flows. The slot stays the flow's until the flow is deleted.
 */
export type FlowObserver = (slot: number, change: FlowChange) => void;

/** What the operations of one blob did; `ignored` are updates, touches and deletes of flows that are not there (K5). */
export interface ApplyCounts {
  created: number;
  replaced: number;
  updated: number;
  touched: number;
  deleted: number;
  ignored: number;
}

/** Sizes for metrics. Bytes are of the memory reserved. */
export interface FlowTableUsage {
  flows: number;
  /** Flows with rare attributes (helper, labels, master and the like), which take a second cell. */
  flowsWithExtras: number;
  slotBytes: number;
  extrasBytes: number;
  indexBytes: number;
  /** All of the above and the change set. */
  bytes: number;
  /** Flows that the checkpoint has yet to write, and deletes among them. */
  changed: number;
  tombstones: number;
}

export interface FlowTableDependencies {
  /** Local monotonic clock in milliseconds; deadlines live on it. */
  nowMs: () => number;
  /** Hash of the index; default one with a random key. Injected only to provoke collisions in tests. */
  hash?: WordHash;
}

function newRandomHash(): WordHash {
  const seed = randomBytes(8);
  return new WordHash(readUint32(seed, 0), readUint32(seed, 4));
}

/**
 * All flows, in memory: a slot of 128 bytes each in segments of typed arrays, found by key and by reply tuple over
 * indexes seeded at random, no object per flow. Changed by applying blobs of operations, never refused by count (T3).
 *
 * A slot number is valid until its flow is deleted and never moves; a new flow may then get the same number.
 */
export class FlowTable {
  /** What the checkpoint has yet to write. */
  readonly changes = new ChangeSet();
  readonly #nowMs: () => number;
  readonly #hash: WordHash;
  readonly #arena = new SlotArena(FLOW_SEGMENT_SHIFT);
  readonly #extras = new SlotArena(EXTRAS_SEGMENT_SHIFT);
  readonly #digest = new FlowDigest();
  readonly #reader = new OperationReader();
  /** Ten words in the layout of a slot: what is looked for. */
  readonly #wanted = new Uint32Array(10);
  readonly #keys: SlotIndex;
  readonly #replies: SlotIndex;
  readonly #keyScratch = new Uint8Array(FLOW_KEY_BYTES_MAX);

  constructor(options: Partial<FlowTableOptions>, dependencies: FlowTableDependencies) {
    const { flowsExpected } = resolveFlowTableOptions(options);
    this.#nowMs = dependencies.nowMs;
    this.#hash = dependencies.hash ?? newRandomHash();
    const wanted = this.#wanted;
    const arena = this.#arena;
    const word = (slot: number, at: number) => arena.words(slot)[arena.base(slot) + at]!;
    this.#keys = new SlotIndex(
      {
        hashOf: (slot) => word(slot, SlotWord.hash),
        matches: (slot) =>
          word(slot, SlotWord.header) === wanted[0] &&
          sameTuple(arena.words(slot), arena.base(slot) + 1, wanted, 1),
      },
      flowsExpected,
    );
    this.#replies = new SlotIndex(
      {
        hashOf: (slot) => word(slot, SlotWord.replyHash),
        matches: (slot) =>
          this.#replyHeader(slot) === wanted[0] &&
          sameTuple(arena.words(slot), arena.base(slot) + SlotWord.replySource, wanted, 1),
      },
      flowsExpected,
    );
  }

  /** Flows in the table. */
  get size(): number {
    return this.#arena.size;
  }

  /** Every slot number is below this. */
  get slotEnd(): number {
    return this.#arena.slotEnd;
  }

  /**
   * Applies a blob's operations in their order. The whole blob is checked first: a malformed one changes nothing. Operations
   * on expectations are passed over, see `ExpectationTable`.
   *
   * @throws {FlowCodecError} If the blob is malformed.
   */
  apply(blob: Uint8Array, observer: FlowObserver | null = null): ApplyCounts {
    const reader = this.#reader.reset(blob);
    while (reader.next());
    reader.reset(blob);
    const counts = { created: 0, replaced: 0, updated: 0, touched: 0, deleted: 0, ignored: 0 };
    const nowMs = Math.floor(this.#nowMs());
    while (reader.next()) {
      if (reader.kind >= OperationKind.expect) continue;
      const slot = this.findKey(blob, reader.keyOffset, reader.keyLength);
      if (reader.kind === OperationKind.create) {
        const change = slot < 0 ? 'created' : 'replaced';
        const target = slot < 0 ? this.#insert() : slot;
        if (slot < 0) this.#merge(target, reader.fields, nowMs);
        else this.#replace(target, reader.fields, nowMs);
        counts[change] += 1;
        observer?.(target, change);
      } else if (slot < 0) counts.ignored += 1;
      else this.#change(slot, reader, nowMs, counts, observer);
    }
    return counts;
  }

  /** The slot of the flow with the key of `fields`, or -1. */
  find(fields: FlowKeyFields): number {
    packKey(fields, this.#wanted, 0);
    return this.#find();
  }

  /** The slot of the flow with the packed key at `offset`, or -1, also if the bytes are not a key of that length. */
  findKey(buffer: Uint8Array, offset: number, length: number): number {
    if (length === 0 || flowKeyLength(buffer[offset] ?? 0) !== length) return -1;
    packKeyBytes(buffer, offset, this.#wanted, 0);
    return this.#find();
  }

  /**
   * A flow whose reply tuple (and reply zone) is that of `fields`, or -1. While a deleted flow's successor is on its way
   * two may have it; then either is returned.
   */
  findByReply(fields: FlowFields): number {
    packKey(fields, this.#wanted, 0);
    packAddress(fields.replySource, this.#wanted, 1);
    packAddress(fields.replyDestination, this.#wanted, 5);
    this.#wanted[9] = fields.replyL4;
    if (fields.attributes & FlowAttribute.zoneDirection) {
      this.#wanted[0] = replyHeader(this.#wanted[0]!, fields.zoneDirection, fields.replyZone);
    }
    return this.#replies.find(hashTuple(this.#hash, this.#wanted[0]!, this.#wanted, 1));
  }

  /** Reads a flow whole: key, attribute set and attributes; `timeoutSeconds` is what remains now, rounded up. */
  read(slot: number, into: FlowFields): void {
    const words = this.#arena.words(slot);
    const base = this.#arena.base(slot);
    unpackKey(words, base, into);
    unpackAttributes(words, base, into);
    if (into.attributes & FlowAttribute.timeout) into.timeoutSeconds = this.remainingSeconds(slot);
    const cell = words[base + SlotWord.extras]! - 1;
    if (cell >= 0) unpackExtras(this.#extras.words(cell), this.#extras.base(cell), into);
  }

  /** Reads the key fields alone; the others stay. */
  readKey(slot: number, into: FlowFields): void {
    unpackKey(this.#arena.words(slot), this.#arena.base(slot), into);
  }

  /** Writes the packed key at `offset`; returns its length, 16 or 40. */
  writeKey(slot: number, buffer: Uint8Array, offset: number): number {
    return writeSlotKey(this.#arena.words(slot), this.#arena.base(slot), buffer, offset);
  }

  /** The packed key as a new array. */
  keyBytes(slot: number): Uint8Array {
    return this.#keyScratch.slice(0, this.writeKey(slot, this.#keyScratch, 0));
  }

  /** Whether the slot holds a flow. */
  has(slot: number): boolean {
    return (this.#arena.words(slot)[this.#arena.base(slot)] ?? 0) !== 0;
  }

  /** Attribute set of a flow, without reading the rest. */
  attributes(slot: number): number {
    return this.#word(slot, SlotWord.attributes) >>> 16;
  }

  /** Seconds until the flow ends, rounded up, 0 if it should have; 0 also if it has no timeout. */
  remainingSeconds(slot: number): number {
    const deadline = readPair(this.#arena.words(slot), this.#at(slot, SlotWord.deadline));
    return Math.max(0, Math.ceil((deadline - this.#nowMs()) / 1000));
  }

  /** The owner's 32 bits of a flow: neither replicated nor in a digest, zero in a new flow, kept by `create` over an old one. */
  localFlags(slot: number): number {
    return this.#word(slot, SlotWord.localFlags);
  }

  setLocalFlags(slot: number, flags: number): void {
    this.#arena.words(slot)[this.#at(slot, SlotWord.localFlags)] = flags;
  }

  /** The owner's number of a flow, 0 to 2^48 - 1, by custom the log index of its last change; as `localFlags`, but the checkpoint keeps it. */
  localIndex(slot: number): number {
    return readPair(this.#arena.words(slot), this.#at(slot, SlotWord.localIndex));
  }

  setLocalIndex(slot: number, index: number): void {
    writePair(this.#arena.words(slot), this.#at(slot, SlotWord.localIndex), index);
  }

  /**
   * Visits the flows among the next `limit` slots from `cursor` (start with 0), so that a walk can be cut into slices. A
   * flow that is there from the beginning of a walk to its end is visited exactly once, whatever is applied between pages.
   *
   * @returns the cursor of the next page, or -1 at the end.
   */
  forEachPage(cursor: number, limit: number, visit: (slot: number) => void): number {
    const arena = this.#arena;
    let left = limit;
    let slot = cursor;
    while (slot < arena.slotEnd) {
      const end = Math.min(arena.usedEnd(slot), slot + left);
      left -= Math.max(0, end - slot);
      for (; slot < end; slot += 1) if (this.has(slot)) visit(slot);
      if (slot >= arena.usedEnd(slot)) slot = arena.nextSegment(slot);
      if (left <= 0) break;
    }
    return slot < arena.slotEnd ? slot : -1;
  }

  /** The digests as of now. */
  digest(): DigestSummary {
    return this.#digest.summary();
  }

  /** Which of the digest's 256 key ranges counts the flow. */
  keyRange(slot: number): number {
    return this.#digest.rangeOfSlot(this.#arena.words(slot), this.#arena.base(slot));
  }

  usage(): FlowTableUsage {
    const indexBytes = this.#keys.byteLength + this.#replies.byteLength;
    const slotBytes = this.#arena.byteLength;
    const extrasBytes = this.#extras.byteLength;
    return {
      flows: this.size,
      flowsWithExtras: this.#extras.size,
      slotBytes,
      extrasBytes,
      indexBytes,
      bytes: slotBytes + extrasBytes + indexBytes + this.changes.byteLength,
      changed: this.changes.size,
      tombstones: this.changes.tombstones,
    };
  }

  /** Empties the table as if it were new, without leaving tombstones: for a load that failed, not for replicated deletes. */
  clear(): void {
    this.#arena.clear();
    this.#extras.clear();
    this.#keys.clear();
    this.#replies.clear();
    this.#digest.clear();
    this.changes.clear();
  }

  /**
   * Puts in a flow as it was packed. `writtenHash`: of the form in which the checkpoint has it, unchanged; -1 if it has not.
   *
   * @returns its slot, or -1 if the table has the key already.
   */
  restore(fields: FlowFields, localIndex: number, writtenHash = -1): number {
    if (this.find(fields) >= 0) return -1;
    const slot = this.#insert();
    this.#merge(slot, fields, Math.floor(this.#nowMs()));
    this.setLocalIndex(slot, localIndex);
    if (writtenHash >= 0) {
      this.setWritten(slot, writtenHash);
      this.changes.unmark(slot);
    }
    return slot;
  }

  /** The hash of the form in which the checkpoint has the flow, or -1 if it has not. */
  writtenHash(slot: number): number {
    if ((this.#word(slot, SlotWord.tcp) & SlotFlag.written) === 0) return -1;
    return this.#word(slot, SlotWord.writtenHash);
  }

  /** Notes that the checkpoint has the flow, in a form with this hash. */
  setWritten(slot: number, writtenHash: number): void {
    const words = this.#arena.words(slot);
    words[this.#at(slot, SlotWord.tcp)]! |= SlotFlag.written;
    words[this.#at(slot, SlotWord.writtenHash)] = writtenHash;
  }

  #word(slot: number, at: number): number {
    return this.#arena.words(slot)[this.#arena.base(slot) + at]!;
  }

  #at(slot: number, word: number): number {
    return this.#arena.base(slot) + word;
  }

  /** Looks up `#wanted`, whose hash stays in `#hash`. */
  #find(): number {
    return this.#keys.find(hashTuple(this.#hash, this.#wanted[0]!, this.#wanted, 1));
  }

  #change(
    slot: number,
    reader: OperationReader,
    nowMs: number,
    counts: ApplyCounts,
    observer: FlowObserver | null,
  ): void {
    if (reader.kind === OperationKind.delete) {
      counts.deleted += 1;
      observer?.(slot, 'deleted');
      this.#delete(slot);
      return;
    }
    const change = reader.kind === OperationKind.touch ? 'touched' : 'updated';
    if (reader.kind === OperationKind.touch) this.#touch(slot, reader.fields, nowMs);
    else this.#update(slot, reader.fields, nowMs);
    counts[change] += 1;
    observer?.(slot, change);
  }

  /** Takes a slot for the key in `#wanted`, which was looked up last. */
  #insert(): number {
    const slot = this.#arena.allocate();
    const words = this.#arena.words(slot);
    const base = this.#arena.base(slot);
    for (let word = 0; word < 10; word += 1) words[base + word] = this.#wanted[word]!;
    words[base + SlotWord.hash] = this.#hash.low;
    this.#keys.insert(this.#hash.low, slot);
    return slot;
  }

  /** Makes `fields` the whole record; what the owner and the checkpoint noted stays. */
  #replace(slot: number, fields: FlowFields, nowMs: number): void {
    this.#fold(slot, -1);
    this.#releaseExtras(slot);
    const words = this.#arena.words(slot);
    const base = this.#arena.base(slot);
    const flags = words[base + SlotWord.tcp]! & 0xff;
    const indexed = this.#isIndexed(slot);
    words.fill(0, base + SlotWord.attributes, base + SlotWord.writtenHash);
    words[base + SlotWord.tcp] = flags;
    this.#merge(slot, fields, nowMs, indexed);
  }

  #update(slot: number, fields: FlowFields, nowMs: number): void {
    this.#fold(slot, -1);
    this.#merge(slot, fields, nowMs, this.#isIndexed(slot));
  }

  /** Neither digest counts time. */
  #touch(slot: number, fields: FlowFields, nowMs: number): void {
    this.changes.mark(slot);
    this.#arena.words(slot)[this.#at(slot, SlotWord.attributes)]! |= FlowAttribute.timeout << 16;
    this.#setDeadline(slot, nowMs + 1000 * fields.timeoutSeconds);
  }

  #setDeadline(slot: number, deadlineMs: number): void {
    writePair(this.#arena.words(slot), this.#at(slot, SlotWord.deadline), deadlineMs);
  }

  /** Sets the attributes that `fields` names in a flow that the digest does not count, and counts it. `indexed`: by its former reply tuple. */
  #merge(slot: number, fields: FlowFields, nowMs: number, indexed = false): void {
    const set = fields.attributes;
    if (set & FlowAttribute.timeout) this.#setDeadline(slot, nowMs + 1000 * fields.timeoutSeconds);
    packAttributes(fields, this.#arena.words(slot), this.#arena.base(slot));
    if (set & RARE_ATTRIBUTES) {
      const cell = this.#extrasOf(slot);
      packExtras(fields, this.#extras.words(cell), this.#extras.base(cell));
    }
    if (indexed || set & FlowAttribute.reply) this.#indexReply(slot, indexed);
    this.changes.mark(slot);
    this.#fold(slot, 1);
  }

  #delete(slot: number): void {
    const writtenHash = this.writtenHash(slot);
    if (writtenHash >= 0) {
      const length = this.writeKey(slot, this.#keyScratch, 0);
      this.changes.bury(this.#keyScratch, 0, length, writtenHash);
    }
    this.changes.unmark(slot);
    this.#fold(slot, -1);
    if (this.#isIndexed(slot)) this.#replies.remove(this.#word(slot, SlotWord.replyHash), slot);
    this.#keys.remove(this.#word(slot, SlotWord.hash), slot);
    this.#releaseExtras(slot);
    this.#arena.release(slot);
  }

  #fold(slot: number, sign: 1 | -1): void {
    const words = this.#arena.words(slot);
    const base = this.#arena.base(slot);
    const cell = words[base + SlotWord.extras]! - 1;
    if (cell < 0) this.#digest.slot(words, base, null, 0, sign);
    else this.#digest.slot(words, base, this.#extras.words(cell), this.#extras.base(cell), sign);
  }

  #extrasOf(slot: number): number {
    const words = this.#arena.words(slot);
    const at = this.#at(slot, SlotWord.extras);
    if (words[at] === 0) words[at] = this.#extras.allocate() + 1;
    return words[at]! - 1;
  }

  #releaseExtras(slot: number): void {
    const words = this.#arena.words(slot);
    const at = this.#at(slot, SlotWord.extras);
    if (words[at] === 0) return;
    this.#extras.release(words[at]! - 1);
    words[at] = 0;
  }

  #replyHeader(slot: number): number {
    const header = this.#word(slot, SlotWord.header);
    const cell = this.#word(slot, SlotWord.extras) - 1;
    if (cell < 0 || (this.attributes(slot) & FlowAttribute.zoneDirection) === 0) return header;
    const zones = this.#extras.words(cell)[this.#extras.base(cell) + ExtrasWord.zones]!;
    return replyHeader(header, (zones >>> 16) & 0xff, zones & 0xffff);
  }

  #isIndexed(slot: number): boolean {
    return (this.attributes(slot) & FlowAttribute.reply) !== 0;
  }

  /** Brings the index of replies in line with the flow, which was in it, if `indexed`, under the hash that it still has. */
  #indexReply(slot: number, indexed: boolean): void {
    const words = this.#arena.words(slot);
    const at = this.#at(slot, SlotWord.replyHash);
    if (!this.#isIndexed(slot)) {
      this.#replies.remove(words[at]!, slot);
      return;
    }
    const reply = this.#at(slot, SlotWord.replySource);
    const hash = hashTuple(this.#hash, this.#replyHeader(slot), words, reply);
    if (indexed && words[at] === hash) return;
    if (indexed) this.#replies.remove(words[at]!, slot);
    words[at] = hash;
    this.#replies.insert(hash, slot);
  }
}

/** The header word of a reply tuple: that of the flow, in the zone of the reply direction. */
function replyHeader(header: number, zoneDirection: number, replyZone: number): number {
  if (zoneDirection === 0) return header;
  const zone = zoneDirection === 2 ? replyZone & 0xffff : 0;
  return ((header & 0xffff0000) | zone) >>> 0;
}
