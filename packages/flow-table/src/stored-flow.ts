import { readUint48, writeUint48 } from './byte-order.ts';
import { DigestHash } from './digest-hash.ts';
import { FlowCodecError } from './errors.ts';
import type { FlowFields } from './flow-fields.ts';
import { FLOW_KEY_BYTES_MAX, flowKeyLength, readFlowKey } from './flow-key.ts';
import { checkPayload, FLOW_PAYLOAD_BYTES_MAX, readPayload, writePayload } from './flow-payload.ts';
import type { FlowTable } from './flow-table.ts';
import { KeySpace } from './key-space.ts';

const VALUE_BYTES_MAX = 6 + FLOW_PAYLOAD_BYTES_MAX;

/**
 * A flow as LevelDB has it: the key is the key space's byte and the packed flow key; the value is the owner's local index
 * (6 bytes), then attribute set and attributes as in an operation, the timeout being the time that remained (rule K5).
 * One reusable cell: `key`, `value` and the hashes are those of the last call.
 */
export class StoredFlow {
  /** View of the key, valid until the next call. */
  key: Uint8Array;
  /** View of the value, valid until the next call. */
  value: Uint8Array;
  /** Hash of key and value. */
  writtenHash = 0;
  /** The key range, 0 to 255. */
  range = 0;
  localIndex = 0;
  readonly #keyBuffer = new Uint8Array(1 + FLOW_KEY_BYTES_MAX);
  readonly #valueBuffer = new Uint8Array(VALUE_BYTES_MAX);
  /** Views by length, since making one for each flow costs more than filling it. */
  readonly #keyViews = new Map<number, Uint8Array>();
  readonly #valueViews: Uint8Array[] = [];
  readonly #hash = new DigestHash();
  readonly #pair = new Uint32Array(3);

  constructor() {
    this.key = this.#keyBuffer;
    this.value = this.#valueBuffer;
    this.#keyBuffer[0] = KeySpace.flow;
  }

  /** Packs the flow of a slot; `fields` is a cell to read it into. */
  pack(table: FlowTable, slot: number, fields: FlowFields): void {
    table.read(slot, fields);
    this.#setKeyLength(table.writeKey(slot, this.#keyBuffer, 1));
    writeUint48(this.#valueBuffer, 0, table.localIndex(slot));
    const length = writePayload(fields, this.#valueBuffer, 6);
    this.#valueViews[length] ??= this.#valueBuffer.subarray(0, length);
    this.value = this.#valueViews[length]!;
    this.#measure();
  }

  /** Takes a packed flow key, of a tombstone. */
  setKey(buffer: Uint8Array, offset: number, length: number): void {
    for (let at = 0; at < length; at += 1) this.#keyBuffer[1 + at] = buffer[offset + at]!;
    this.#setKeyLength(length);
    this.range = this.#hash.bytes(this.#keyBuffer, 1, length) >>> 24;
  }

  /**
   * Reads a key and a value of LevelDB into `fields` and this cell.
   *
   * @throws {FlowCodecError} If they are malformed.
   */
  unpack(key: Uint8Array, value: Uint8Array, fields: FlowFields): void {
    const family = key[1] ?? 0;
    if (key.length < 2 || key.length !== 1 + flowKeyLength(family)) {
      throw new FlowCodecError(0, `key of ${key.length} bytes is no flow key`);
    }
    if (value.length < 8) throw new FlowCodecError(0, 'stored flow is cut short');
    checkPayload(value, 6, value.length, family);
    readFlowKey(key, 1, fields);
    readPayload(value, 6, fields);
    this.localIndex = readUint48(value, 0);
    this.key = key;
    this.value = value;
    this.#measure();
  }

  #setKeyLength(length: number): void {
    let view = this.#keyViews.get(length);
    if (!view) {
      view = this.#keyBuffer.subarray(0, 1 + length);
      this.#keyViews.set(length, view);
    }
    this.key = view;
  }

  #measure(): void {
    this.range = this.#hash.bytes(this.key, 1, this.key.length - 1) >>> 24;
    this.#pair[0] = this.#hash.low;
    this.#pair[1] = this.#hash.high;
    this.#pair[2] = this.#hash.bytes(this.value, 0, this.value.length);
    this.writtenHash = this.#hash.words(this.#pair, 0, 3);
  }
}
