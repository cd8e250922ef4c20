import {
  FlowAttribute,
  FlowDigest,
  type FlowFields,
  FlowRecord,
  OperationReader,
  OperationWriter,
} from '@raftwall/flow-table';
import { DifferenceKind, DifferenceList } from './difference-list.ts';
import { FlowKeyProbe } from './flow-key-probe.ts';
import type { KeyRanges } from './key-ranges.ts';

/** What is read of a table that is compared with another member's. */
export interface ListedTable {
  find(flow: FlowFields): number;
  read(slot: number, into: FlowFields): void;
  /** Log index of the last change of the row. */
  localIndex(slot: number): number;
  keyRange(slot: number): number;
  forEachPage(cursor: number, limit: number, visit: (slot: number) => void): number;
}

const pageRows = 2_000;
/** About 800 flows: what a member compares in one go when it applies the page. */
const pageBytesMax = 64 * 1024;
/** Flows that may end while a comparison runs, before it says nothing any more of flows that are missing. */
const removedMax = 100_000;

/**
 * The rows of some key ranges as they were at a log index, in pages that `TableComparison.onPage` reads. Rows that have
 * changed since are left out, as every member leaves them out.
 */
export async function* listRows(
  table: ListedTable,
  ranges: KeyRanges,
  index: number,
): AsyncGenerator<Uint8Array> {
  const writer = new OperationWriter({ byteLengthMax: pageBytesMax });
  const flow = new FlowRecord();
  for (let cursor = 0; cursor >= 0; ) {
    const pages: Uint8Array[] = [];
    cursor = table.forEachPage(cursor, pageRows, (slot) => {
      if (!ranges.has(table.keyRange(slot)) || table.localIndex(slot) > index) return;
      table.read(slot, flow);
      writer.create(flow);
      if (writer.hasRoom) return;
      pages.push(writer.finish());
      writer.reset();
    });
    yield* pages;
    await nextTurn();
  }
  yield writer.finish();
}

/**
 * Compares this table with the rows that another member lists, both as they were at the log index at which all members begin.
 * Neither has to stand still: a row that has changed since is left out, and a flow that has ended since is not missing.
 */
export class TableComparison {
  readonly #table: ListedTable;
  readonly #ranges: KeyRanges;
  readonly #index: number;
  readonly #found: DifferenceList;
  readonly #listed = new Set<number>();
  /** Hashes of the keys of flows that have ended since. */
  readonly #removed = new Set<number>();
  readonly #digest = new FlowDigest();
  readonly #probe = new FlowKeyProbe();
  readonly #reader = new OperationReader();
  readonly #row = new FlowRecord();

  /** @param index of the log, which is applied up to it. */
  constructor(
    options: { readonly ranges: KeyRanges; readonly index: number; readonly namedMax: number },
    table: ListedTable,
  ) {
    this.#ranges = options.ranges;
    this.#index = options.index;
    this.#found = new DifferenceList(options.namedMax);
    this.#table = table;
  }

  /** The flow is about to leave the table. */
  noteRemoved(flow: FlowFields): void {
    if (this.#removed.size >= removedMax || !this.#ranges.has(this.#digest.rangeOf(flow))) return;
    this.#removed.add(this.#probe.set(flow).hash);
  }

  /** Compares a page of the other member's rows. @throws {FlowCodecError} If it is malformed. */
  onPage(page: Uint8Array): void {
    const reader = this.#reader.reset(page);
    while (reader.next()) this.#onListed(reader.fields);
  }

  /** The other member has listed all: what is left here is too many. */
  async finish(): Promise<DifferenceList> {
    const table = this.#table;
    for (let cursor = 0; cursor >= 0; ) {
      cursor = table.forEachPage(cursor, pageRows, (slot) => {
        if (!this.#ranges.has(table.keyRange(slot)) || this.#listed.has(slot)) return;
        if (table.localIndex(slot) > this.#index) return;
        table.read(slot, this.#row);
        this.#found.add(DifferenceKind.extra, this.#row);
      });
      await nextTurn();
    }
    return this.#found;
  }

  #onListed(flow: FlowFields): void {
    const table = this.#table;
    const slot = table.find(flow);
    if (slot < 0) {
      const isUnsure = this.#removed.size >= removedMax;
      if (isUnsure || this.#removed.has(this.#probe.set(flow).hash)) return;
      this.#found.add(DifferenceKind.missing, flow);
      return;
    }
    this.#listed.add(slot);
    if (table.localIndex(slot) > this.#index) return;
    table.read(slot, this.#row);
    const attributes = differentAttributes(flow, this.#row);
    if (attributes !== 0) this.#found.add(DifferenceKind.different, this.#row, attributes);
  }
}

const writers = [new OperationWriter(), new OperationWriter()] as const;

/** `FlowAttribute` bits, times apart, that only one record has or both have in different values. */
function differentAttributes(left: FlowFields, right: FlowFields): number {
  const all = (left.attributes | right.attributes) & ~FlowAttribute.timeout;
  if (isSame(left, right, all)) return 0;
  const bits = Object.values(FlowAttribute).filter((bit) => all & bit && !isSame(left, right, bit));
  return bits.reduce((set, bit) => set | bit, 0);
}

/** Whether two records are the same bytes in the log as far as these attributes go. */
function isSame(left: FlowFields, right: FlowFields, attributes: number): boolean {
  return Buffer.compare(packed(0, left, attributes), packed(1, right, attributes)) === 0;
}

function packed(which: 0 | 1, flow: FlowFields, attributes: number): Uint8Array {
  const writer = writers[which];
  const all = flow.attributes;
  writer.reset();
  flow.attributes = all & attributes;
  writer.create(flow);
  flow.attributes = all;
  return writer.view();
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
