import { writeExpectedTuple } from './expectation-payload.ts';
import { type ExpectationFields, ExpectationRecord } from './expectation-record.ts';
import type { FlowKeyFields } from './flow-fields.ts';
import { FLOW_KEY_BYTES_MAX, writeFlowKey } from './flow-key.ts';
import { OperationKind } from './operation-codec.ts';
import { OperationReader } from './operation-reader.ts';
import { OperationWriter } from './operation-writer.ts';

/** Told of each expectation that comes, and of each that goes. The record is the table's own: copy it to keep it. */
export type ExpectationObserver = (
  expectation: ExpectationRecord,
  change: 'expected' | 'gone',
) => void;

const scratch = new Uint8Array(FLOW_KEY_BYTES_MAX + 37);

/** Master and tuple of an expectation as a text. */
export function expectationKey(expectation: ExpectationFields): string {
  const middle = writeFlowKey(expectation.master, scratch, 0);
  return text(scratch, 0, writeExpectedTuple(expectation, scratch, middle));
}

/** Key of a flow as a text. */
function masterKey(master: FlowKeyFields): string {
  return text(scratch, 0, writeFlowKey(master, scratch, 0));
}

function text(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1');
}

/**
 * The expectations of all flows, changed by the same blobs of operations as the flow table. They are few and short-lived,
 * so that each is an object. A pure function of the blobs: a flow that ends or is made anew takes its own with it.
 */
export class ExpectationTable {
  readonly #byMaster = new Map<string, Map<string, ExpectationRecord>>();
  readonly #reader = new OperationReader();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(expectation: ExpectationFields): boolean {
    const siblings = this.#byMaster.get(masterKey(expectation.master));
    return siblings?.has(expectationKey(expectation)) ?? false;
  }

  /** All of them; the table must not be changed meanwhile. */
  *values(): IterableIterator<ExpectationRecord> {
    for (const siblings of this.#byMaster.values()) yield* siblings.values();
  }

  /** Applies a blob's operations in their order. @throws {FlowCodecError} If the blob is malformed; check it first. */
  apply(blob: Uint8Array, observer: ExpectationObserver | null = null): void {
    const reader = this.#reader.reset(blob);
    while (reader.next()) {
      if (reader.kind === OperationKind.expect) this.#add(reader.expectation, observer);
      else if (reader.kind === OperationKind.unexpect) this.#remove(reader.expectation, observer);
      else if (this.#size > 0) this.#onFlow(reader, blob, observer);
    }
  }

  /** Forgets all, without telling anybody. */
  clear(): void {
    this.#byMaster.clear();
    this.#size = 0;
  }

  /** All of them as a blob of operations that `apply` reads. */
  encode(): Uint8Array {
    const writer = new OperationWriter({ byteLengthMax: 64 * 1024 * 1024 });
    for (const expectation of this.values()) writer.expect(expectation);
    return writer.finish();
  }

  #onFlow(reader: OperationReader, blob: Uint8Array, observer: ExpectationObserver | null): void {
    if (reader.kind !== OperationKind.create && reader.kind !== OperationKind.delete) return;
    const key = text(blob, reader.keyOffset, reader.keyOffset + reader.keyLength);
    const siblings = this.#byMaster.get(key);
    if (siblings === undefined) return;
    this.#byMaster.delete(key);
    this.#size -= siblings.size;
    for (const expectation of siblings.values()) observer?.(expectation, 'gone');
  }

  #add(fields: ExpectationFields, observer: ExpectationObserver | null): void {
    const master = masterKey(fields.master);
    let siblings = this.#byMaster.get(master);
    if (siblings === undefined) {
      siblings = new Map();
      this.#byMaster.set(master, siblings);
    }
    const key = expectationKey(fields);
    const known = siblings.get(key);
    if (known === undefined) this.#size += 1;
    const expectation = (known ?? new ExpectationRecord()).copyFrom(fields);
    siblings.set(key, expectation);
    observer?.(expectation, 'expected');
  }

  #remove(fields: ExpectationFields, observer: ExpectationObserver | null): void {
    const master = masterKey(fields.master);
    const siblings = this.#byMaster.get(master);
    const key = expectationKey(fields);
    const known = siblings?.get(key);
    if (siblings === undefined || known === undefined) return;
    siblings.delete(key);
    if (siblings.size === 0) this.#byMaster.delete(master);
    this.#size -= 1;
    observer?.(known, 'gone');
  }
}
