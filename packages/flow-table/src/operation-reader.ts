import { readUint32 } from './byte-order.ts';
import { FlowCodecError, FlowCodecVersionError } from './errors.ts';
import {
  checkExpectation,
  checkExpectedTuple,
  readExpectation,
  readExpectedTuple,
} from './expectation-payload.ts';
import { ExpectationRecord } from './expectation-record.ts';
import { FlowAttribute } from './flow-fields.ts';
import { flowKeyLength, readFlowKey } from './flow-key.ts';
import { checkPayload, readPayload } from './flow-payload.ts';
import { FlowRecord } from './flow-record.ts';
import {
  OPERATION_FORMAT_VERSION,
  OPERATION_FORMAT_VERSION_EXPECTATIONS,
  OPERATION_HEADER_BYTES,
  OperationKind,
} from './operation-codec.ts';

const EMPTY = new Uint8Array(0);

/**
 * Cursor over a blob of operations. Each step checks the operation it comes to, so that any bytes may be read: they give
 * operations or a {@link FlowCodecError}. Only a look at `fields` decodes an operation.
 */
export class OperationReader {
  /** Kind of the present operation. */
  kind: OperationKind = OperationKind.delete;
  /** Where the present operation's packed key starts in the blob. */
  keyOffset = 0;
  /** Length of the present operation's packed key, 16 or 40. */
  keyLength = 0;
  /** Operations that the header announces. */
  count = 0;
  #blob: Uint8Array = EMPTY;
  #end = 0;
  #read = 0;
  #decoded = false;
  readonly #fields = new FlowRecord();
  readonly #expectation = new ExpectationRecord();
  /** Version of the blob. */
  #version = 0;

  /** @throws as `reset`. */
  constructor(blob?: Uint8Array) {
    if (blob) this.reset(blob);
  }

  /**
   * Starts at the first operation of a blob.
   *
   * @throws {FlowCodecVersionError} If the blob has another format version.
   * @throws {FlowCodecError} If the header is malformed.
   */
  reset(blob: Uint8Array): this {
    if (blob.length < OPERATION_HEADER_BYTES) {
      throw new FlowCodecError(blob.length, 'header is cut short');
    }
    const version = blob[0]!;
    if (version < OPERATION_FORMAT_VERSION || version > OPERATION_FORMAT_VERSION_EXPECTATIONS) {
      throw new FlowCodecVersionError(version, OPERATION_FORMAT_VERSION_EXPECTATIONS);
    }
    this.#version = version;
    if (blob[1] || blob[2] || blob[3]) throw new FlowCodecError(1, 'reserved bytes are not zero');
    this.#blob = blob;
    this.#end = OPERATION_HEADER_BYTES;
    this.#read = 0;
    this.count = readUint32(blob, 4);
    return this;
  }

  /**
   * Steps to the next operation.
   *
   * @returns false behind the last one.
   * @throws {FlowCodecError} If the operation is malformed or the blob does not end behind the last one.
   */
  next(): boolean {
    const blob = this.#blob;
    const start = this.#end;
    if (this.#read === this.count) {
      if (start < blob.length) throw new FlowCodecError(start, 'bytes behind the last operation');
      return false;
    }
    if (start + 3 > blob.length) throw new FlowCodecError(start, 'operation is cut short');
    const end = start + blob[start]!;
    if (end > blob.length) throw new FlowCodecError(start, 'operation is longer than the blob');
    const family = blob[start + 2]!;
    const keyLength = flowKeyLength(family);
    if (keyLength === 0)
      throw new FlowCodecError(start + 2, `family ${family} is neither 2 nor 10`);
    const payload = start + 2 + keyLength;
    if (payload > end) throw new FlowCodecError(start, 'operation is shorter than its key');
    this.#check(blob[start + 1]!, start, payload, end, family);
    this.keyOffset = start + 2;
    this.keyLength = keyLength;
    this.#end = end;
    this.#read += 1;
    this.#decoded = false;
    return true;
  }

  /**
   * The present operation, decoded at the first look: key, attribute set and attributes; of a touch the attribute set is
   * `timeout` alone, of a delete empty, and so of operations on expectations, whose key is the master's. The same cell every time.
   */
  get fields(): FlowRecord {
    if (!this.#decoded) this.#decode();
    return this.#fields;
  }

  /** The expectation of an `expect`, or of an `unexpect` its master and tuple alone. The same cell every time. */
  get expectation(): ExpectationRecord {
    const expectation = this.#expectation;
    readFlowKey(this.#blob, this.keyOffset, expectation.master);
    const payload = this.keyOffset + this.keyLength;
    if (this.kind === OperationKind.expect) readExpectation(this.#blob, payload, expectation);
    else readExpectedTuple(this.#blob, payload, expectation);
    return expectation;
  }

  #check(kind: number, start: number, payload: number, end: number, family: number): void {
    if (kind === OperationKind.create || kind === OperationKind.update) {
      checkPayload(this.#blob, payload, end, family);
    } else if (kind === OperationKind.touch) {
      if (end - payload !== 4) throw new FlowCodecError(start, 'touch has not four bytes of time');
    } else if (kind === OperationKind.delete) {
      if (end !== payload) throw new FlowCodecError(start, 'delete is longer than its key');
    } else this.#checkExpectation(kind, start, payload, end, family);
    this.kind = kind as OperationKind;
  }

  #checkExpectation(
    kind: number,
    start: number,
    payload: number,
    end: number,
    family: number,
  ): void {
    const isKnown = kind === OperationKind.expect || kind === OperationKind.unexpect;
    if (!isKnown || this.#version < OPERATION_FORMAT_VERSION_EXPECTATIONS) {
      throw new FlowCodecError(start + 1, `operation kind ${kind} is unknown`);
    }
    if (kind === OperationKind.expect) checkExpectation(this.#blob, payload, end, family);
    else checkExpectedTuple(payload, end, family);
  }

  #decode(): void {
    const fields = this.#fields;
    readFlowKey(this.#blob, this.keyOffset, fields);
    const payload = this.keyOffset + this.keyLength;
    if (this.kind === OperationKind.touch) {
      fields.attributes = FlowAttribute.timeout;
      fields.timeoutSeconds = readUint32(this.#blob, payload);
    } else if (this.kind >= OperationKind.delete) fields.attributes = 0;
    else readPayload(this.#blob, payload, fields);
    this.#decoded = true;
  }
}

/**
 * Walks a blob to its end, so that a caller knows that all of it is well-formed before applying any of it.
 *
 * @returns the number of operations.
 * @throws {FlowCodecError} With offset and reason, if any byte is malformed.
 */
export function validateOperations(blob: Uint8Array): number {
  const reader = new OperationReader(blob);
  while (reader.next());
  return reader.count;
}
