import { setImmediate as nextTurn } from 'node:timers/promises';
import { readUint16, readUint32, writeUint16, writeUint32 } from './byte-order.ts';
import { ByteStream } from './byte-stream.ts';
import { type CheckpointPosition, packPosition, unpackPosition } from './checkpoint-position.ts';
import { FlowCodecError, FlowSnapshotDamagedError, FlowSnapshotVersionError } from './errors.ts';
import { FLOW_KEY_BYTES_MAX } from './flow-key.ts';
import { FLOW_PAYLOAD_BYTES_MAX } from './flow-payload.ts';
import { FlowRecord } from './flow-record.ts';
import type { FlowTable } from './flow-table.ts';
import { StoredFlow } from './stored-flow.ts';

const FORMAT_VERSION = 1;
const MAGIC = 0x52574654;
const HEADER_BYTES = 12;
const POSITION_BYTES_MAX = 16 * 1024 * 1024;
const PAGE_HEADER_BYTES = 8;
/** Slots looked at without letting other work run: about a millisecond. */
const PAGE_SLOTS = 1000;
const FLOW_BYTES_MAX = 3 + 1 + FLOW_KEY_BYTES_MAX + 6 + FLOW_PAYLOAD_BYTES_MAX;
const PAGE_BYTES_MAX = PAGE_SLOTS * FLOW_BYTES_MAX;

/**
 * The whole table as a stream of pages, for a member that is too far behind the log, or has lost its checkpoint:
 *
 *     header:  4 magic "RWFT", 4 format version, 4 length of the position, the position (checkpoint-position.ts)
 *     page:    4 flows in it, 4 bytes of it, then for each flow: 1 key length, 2 value length, key, value (stored-flow.ts)
 *     end:     a page of no flows, whose bytes say how many flows there were in all: 4
 *
 * Numbers are in network order. The position is that of the call, while apply goes on between the pages: a flow may be newer
 * than the position, or gone already, and replay of the log behind the position makes it right, as behind a checkpoint (rule T1).
 */
export function packFlowTable(
  table: FlowTable,
  position: CheckpointPosition,
): AsyncGenerator<Uint8Array> {
  return pages(table, packHeader(position));
}

/**
 * Fills an empty table from a stream of {@link packFlowTable}; to the checkpoint all its flows are news.
 *
 * @returns the position to replay the log behind. After an error the table is empty.
 * @throws {FlowSnapshotDamagedError} If the stream is malformed or ends early.
 * @throws {FlowSnapshotVersionError} If a newer release made it.
 */
export async function unpackFlowTable(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  table: FlowTable,
): Promise<CheckpointPosition> {
  const stream = new ByteStream(content);
  try {
    const position = await readHeader(stream);
    await readPages(stream, table);
    if (!(await stream.isAtEnd())) damaged(stream, 'bytes follow its end');
    return position;
  } catch (error) {
    table.clear();
    if (!(error instanceof FlowCodecError)) throw error;
    throw new FlowSnapshotDamagedError(stream.offset, error.message, { cause: error });
  }
}

function packHeader(position: CheckpointPosition): Uint8Array {
  const packed = packPosition(position, 0);
  const header = new Uint8Array(HEADER_BYTES + packed.length);
  writeUint32(header, 0, MAGIC);
  writeUint32(header, 4, FORMAT_VERSION);
  writeUint32(header, 8, packed.length);
  header.set(packed, HEADER_BYTES);
  return header;
}

async function* pages(table: FlowTable, header: Uint8Array): AsyncGenerator<Uint8Array> {
  yield header;
  const page = new PageWriter(table);
  let flows = 0;
  for (let cursor = 0; cursor >= 0; ) {
    cursor = table.forEachPage(cursor, PAGE_SLOTS, (slot) => page.add(slot));
    flows += page.flows;
    if (page.flows > 0) yield page.take();
    await nextTurn();
  }
  const end = new Uint8Array(PAGE_HEADER_BYTES);
  writeUint32(end, 4, flows);
  yield end;
}

/** Gathers the flows of one page in a buffer that is used again. */
class PageWriter {
  flows = 0;
  readonly #table: FlowTable;
  readonly #fields = new FlowRecord();
  readonly #stored = new StoredFlow();
  readonly #buffer = new Uint8Array(PAGE_HEADER_BYTES + PAGE_BYTES_MAX);
  #end = PAGE_HEADER_BYTES;

  constructor(table: FlowTable) {
    this.#table = table;
  }

  add(slot: number): void {
    const { key, value } = this.#pack(slot);
    this.#buffer[this.#end] = key.length;
    const at = writeUint16(this.#buffer, this.#end + 1, value.length);
    this.#buffer.set(key, at);
    this.#buffer.set(value, at + key.length);
    this.#end = at + key.length + value.length;
    this.flows += 1;
  }

  /** The page as an array of its own; the next one is begun. */
  take(): Uint8Array {
    writeUint32(this.#buffer, 0, this.flows);
    writeUint32(this.#buffer, 4, this.#end - PAGE_HEADER_BYTES);
    const page = this.#buffer.slice(0, this.#end);
    this.#end = PAGE_HEADER_BYTES;
    this.flows = 0;
    return page;
  }

  #pack(slot: number): StoredFlow {
    this.#stored.pack(this.#table, slot, this.#fields);
    return this.#stored;
  }
}

async function readHeader(stream: ByteStream): Promise<CheckpointPosition> {
  const header = await stream.read(HEADER_BYTES);
  if (readUint32(header, 0) !== MAGIC) damaged(stream, 'it is no snapshot of a flow table');
  const version = readUint32(header, 4);
  if (version > FORMAT_VERSION) throw new FlowSnapshotVersionError(version, FORMAT_VERSION);
  const length = readUint32(header, 8);
  if (version === 0 || length > POSITION_BYTES_MAX) damaged(stream, 'its header is unreadable');
  const unpacked = unpackPosition(await stream.read(length));
  return unpacked?.position ?? damaged(stream, 'its position is unreadable');
}

async function readPages(stream: ByteStream, table: FlowTable): Promise<void> {
  const fields = new FlowRecord();
  const stored = new StoredFlow();
  for (;;) {
    const header = await stream.read(PAGE_HEADER_BYTES);
    const flows = readUint32(header, 0);
    const bytes = readUint32(header, 4);
    if (flows === 0) {
      if (bytes !== table.size) damaged(stream, `${table.size} flows of ${bytes} are in it`);
      return;
    }
    if (bytes > PAGE_BYTES_MAX) damaged(stream, `a page of ${bytes} bytes`);
    const page = await stream.read(bytes);
    if (readPage(page, flows, stored, fields, table) !== bytes) {
      damaged(stream, 'a page is not as long as its flows');
    }
    await nextTurn();
  }
}

/** Puts the flows of a page into the table; returns where the last one ended, or -1 if they do not fit into the page. */
function readPage(
  page: Uint8Array,
  flows: number,
  stored: StoredFlow,
  fields: FlowRecord,
  table: FlowTable,
): number {
  let at = 0;
  for (let flow = 0; flow < flows; flow += 1) {
    if (at + 3 > page.length) return -1;
    const key = at + 3;
    const value = key + page[at]!;
    const end = value + readUint16(page, at + 1);
    if (end > page.length) return -1;
    stored.unpack(page.subarray(key, value), page.subarray(value, end), fields);
    if (table.restore(fields, stored.localIndex) < 0) return -1;
    at = end;
  }
  return at;
}

function damaged(stream: ByteStream, reason: string): never {
  throw new FlowSnapshotDamagedError(stream.offset, reason);
}
