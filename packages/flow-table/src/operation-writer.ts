import { writeUint32 } from './byte-order.ts';
import { OperationLimitError } from './errors.ts';
import { writeExpectation, writeExpectedTuple } from './expectation-payload.ts';
import type { ExpectationFields } from './expectation-record.ts';
import type { FlowFields, FlowKeyFields } from './flow-fields.ts';
import { writeFlowKey } from './flow-key.ts';
import { writePayload } from './flow-payload.ts';
import {
  OPERATION_BYTES_MAX,
  OPERATION_FORMAT_VERSION,
  OPERATION_FORMAT_VERSION_EXPECTATIONS,
  OPERATION_HEADER_BYTES,
  OperationKind,
} from './operation-codec.ts';
import { type OperationWriterOptions, resolveOperationWriterOptions } from './options.ts';

/** Packs operations into a blob. Made once and reset after each blob; its buffer grows up to the limit and is kept. */
export class OperationWriter {
  readonly #byteLengthMax: number;
  #buffer = new Uint8Array(4096);
  #end = OPERATION_HEADER_BYTES;
  #count = 0;
  #version: number = OPERATION_FORMAT_VERSION;

  constructor(options: Partial<OperationWriterOptions> = {}) {
    this.#byteLengthMax = resolveOperationWriterOptions(options).byteLengthMax;
  }

  /** Operations in the blob. */
  get count(): number {
    return this.#count;
  }

  /** Length of the blob so far, its header of 8 bytes included. */
  get byteLength(): number {
    return this.#end;
  }

  /** Whether any one more operation, however long, fits into the limit. */
  get hasRoom(): boolean {
    return this.#end + OPERATION_BYTES_MAX <= this.#byteLengthMax;
  }

  /** The whole record: replaces what the table has. @throws {OperationLimitError | FlowValueError} and leaves the blob as it was. */
  create(fields: FlowFields): void {
    const end = this.#key(fields);
    this.#close(OperationKind.create, writePayload(fields, this.#buffer, end));
  }

  /** Exactly the attributes that `fields.attributes` names. @throws as `create`. */
  update(fields: FlowFields): void {
    const end = this.#key(fields);
    this.#close(OperationKind.update, writePayload(fields, this.#buffer, end));
  }

  /** The remaining life, `fields.timeoutSeconds`. @throws as `create`. */
  touch(fields: FlowFields): void {
    const end = this.#key(fields);
    this.#close(OperationKind.touch, writeUint32(this.#buffer, end, fields.timeoutSeconds));
  }

  /** Only the key counts. @throws as `create`. */
  delete(fields: FlowFields): void {
    this.#close(OperationKind.delete, this.#key(fields));
  }

  /** An expectation of its master. @throws as `create`. */
  expect(fields: ExpectationFields): void {
    const start = this.#key(fields.master);
    this.#close(OperationKind.expect, writeExpectation(fields, this.#buffer, start));
    this.#version = OPERATION_FORMAT_VERSION_EXPECTATIONS;
  }

  /** The end of an expectation; only its master and tuple count. @throws as `create`. */
  unexpect(fields: ExpectationFields): void {
    const start = this.#key(fields.master);
    this.#close(OperationKind.unexpect, writeExpectedTuple(fields, this.#buffer, start));
    this.#version = OPERATION_FORMAT_VERSION_EXPECTATIONS;
  }

  /** The blob as a copy of its own, valid for ever; the writer goes on with the same operations until `reset`. */
  finish(): Uint8Array {
    return this.view().slice();
  }

  /** The blob as a view of the writer's buffer, valid until the next call that changes the writer. */
  view(): Uint8Array {
    this.#buffer[0] = this.#version;
    writeUint32(this.#buffer, 4, this.#count);
    return this.#buffer.subarray(0, this.#end);
  }

  /** Starts an empty blob. */
  reset(): void {
    this.#end = OPERATION_HEADER_BYTES;
    this.#count = 0;
    this.#version = OPERATION_FORMAT_VERSION;
  }

  #key(fields: FlowKeyFields): number {
    const room = this.#end + OPERATION_BYTES_MAX;
    if (room > this.#buffer.length) this.#grow(room);
    const start = this.#end + 2;
    return start + writeFlowKey(fields, this.#buffer, start);
  }

  #close(kind: OperationKind, end: number): void {
    if (end > this.#byteLengthMax) throw new OperationLimitError(end, this.#byteLengthMax);
    this.#buffer[this.#end] = end - this.#end;
    this.#buffer[this.#end + 1] = kind;
    this.#end = end;
    this.#count += 1;
  }

  #grow(room: number): void {
    const limit = this.#byteLengthMax + OPERATION_BYTES_MAX;
    const grown = new Uint8Array(Math.max(room, Math.min(limit, 2 * this.#buffer.length)));
    grown.set(this.#buffer.subarray(0, this.#end));
    this.#buffer = grown;
  }
}
