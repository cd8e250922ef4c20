import { copyBytes, readUint32, writeUint32 } from './byte-order.ts';
import { FlowCodecError, FlowValueError } from './errors.ts';
import type { ExpectationFields } from './expectation-record.ts';
import { addressLength, readAddress } from './flow-key.ts';

const HELPER_LENGTH_MAX = 15;
const NEXT_HELPER_LENGTH_MAX = 31;
/** Source and destination of `a` bytes each, protocol, L4 word. */
const tupleLength = (address: number): number => 5 + 2 * address;
/** Mask of two addresses and an L4 word; timeout, flags, policy, direction of translation. */
const bodyLength = (address: number): number => 4 + 2 * address + 7;
const natLength = (address: number): number => 5 + address;

/** Packs what is expected, the second half of an expectation's key; returns the offset behind it. */
export function writeExpectedTuple(
  fields: ExpectationFields,
  buffer: Uint8Array,
  offset: number,
): number {
  const length = addressLength(fields.master.family);
  let end = copyBytes(fields.source, 0, buffer, offset, length);
  end = copyBytes(fields.destination, 0, buffer, end, length);
  buffer[end] = fields.protocol;
  return writeUint32(buffer, end + 1, fields.l4);
}

/**
 * Packs everything of an expectation but its master; the buffer has room for 183 bytes.
 *
 * @returns the offset behind the last byte.
 * @throws {FlowValueError} If a name, flag, policy or direction is outside of its range.
 */
export function writeExpectation(
  fields: ExpectationFields,
  buffer: Uint8Array,
  offset: number,
): number {
  checkByte('flags', fields.flags);
  checkByte('policy', fields.policy);
  const { natDirection } = fields;
  if (!(natDirection >= -1 && natDirection <= 1)) {
    throw new FlowValueError('natDirection', natDirection, '-1, 0 or 1');
  }
  const length = addressLength(fields.master.family);
  let end = writeExpectedTuple(fields, buffer, offset);
  end = copyBytes(fields.maskSource, 0, buffer, end, length);
  end = copyBytes(fields.maskDestination, 0, buffer, end, length);
  end = writeUint32(buffer, end, fields.maskL4);
  end = writeUint32(buffer, end, fields.timeoutSeconds);
  buffer[end] = fields.flags;
  buffer[end + 1] = fields.policy;
  buffer[end + 2] = natDirection + 1;
  end += 3;
  if (natDirection >= 0) {
    end = copyBytes(fields.natSource, 0, buffer, end, length);
    buffer[end] = fields.natProtocol;
    end = writeUint32(buffer, end + 1, fields.natL4);
  }
  end = writeText('helper', fields.helper, HELPER_LENGTH_MAX, buffer, end);
  return writeText('nextHelper', fields.nextHelper, NEXT_HELPER_LENGTH_MAX, buffer, end);
}

/** Reads what {@link writeExpectedTuple} wrote into the fields, whose master is set already; returns the offset behind it. */
export function readExpectedTuple(
  buffer: Uint8Array,
  offset: number,
  fields: ExpectationFields,
): number {
  const length = addressLength(fields.master.family);
  let end = readAddress(buffer, offset, fields.source, length);
  end = readAddress(buffer, end, fields.destination, length);
  fields.protocol = buffer[end]!;
  fields.l4 = readUint32(buffer, end + 1);
  return end + 5;
}

/** Reads what {@link writeExpectation} wrote and {@link checkExpectation} accepted. */
export function readExpectation(
  buffer: Uint8Array,
  offset: number,
  fields: ExpectationFields,
): void {
  const length = addressLength(fields.master.family);
  let end = readExpectedTuple(buffer, offset, fields);
  end = readAddress(buffer, end, fields.maskSource, length);
  end = readAddress(buffer, end, fields.maskDestination, length);
  fields.maskL4 = readUint32(buffer, end);
  fields.timeoutSeconds = readUint32(buffer, end + 4);
  fields.flags = buffer[end + 8]!;
  fields.policy = buffer[end + 9]!;
  fields.natDirection = buffer[end + 10]! - 1;
  end = readNat(buffer, end + 11, length, fields);
  fields.helper = readText(buffer, end);
  fields.nextHelper = readText(buffer, end + 1 + buffer[end]!);
}

function readNat(
  buffer: Uint8Array,
  offset: number,
  length: number,
  fields: ExpectationFields,
): number {
  if (fields.natDirection < 0) {
    fields.natSource.fill(0);
    fields.natProtocol = 0;
    fields.natL4 = 0;
    return offset;
  }
  const end = readAddress(buffer, offset, fields.natSource, length);
  fields.natProtocol = buffer[end]!;
  fields.natL4 = readUint32(buffer, end + 1);
  return end + 5;
}

/** @throws {FlowCodecError} If what lies between `offset` and `end` is not exactly a tuple. */
export function checkExpectedTuple(offset: number, end: number, family: number): void {
  const length = tupleLength(addressLength(family));
  if (end - offset === length) return;
  throw new FlowCodecError(offset, `expected tuple takes ${end - offset} bytes, not ${length}`);
}

/** @throws {FlowCodecError} If what lies between `offset` and `end` is not exactly a packed expectation. */
export function checkExpectation(
  buffer: Uint8Array,
  offset: number,
  end: number,
  family: number,
): void {
  const address = addressLength(family);
  let position = offset + tupleLength(address) + bodyLength(address);
  if (position > end) throw new FlowCodecError(offset, 'expectation is cut short');
  const nat = buffer[position - 1]!;
  if (nat > 2) throw new FlowCodecError(position - 1, `direction of translation ${nat} is unknown`);
  if (nat > 0) position += natLength(address);
  position = checkText(buffer, position, end, HELPER_LENGTH_MAX);
  position = checkText(buffer, position, end, NEXT_HELPER_LENGTH_MAX);
  if (position !== end) throw new FlowCodecError(position, 'bytes behind the expectation');
}

function checkByte(field: string, value: number): void {
  if (!(value >= 0 && value <= 255)) throw new FlowValueError(field, value, '0 to 255');
}

function writeText(
  field: string,
  text: string,
  lengthMax: number,
  buffer: Uint8Array,
  offset: number,
): number {
  if (text.length > lengthMax || /[^\x20-\x7e]/.test(text)) {
    throw new FlowValueError(field, text, `at most ${lengthMax} printable ASCII characters`);
  }
  buffer[offset] = text.length;
  for (let at = 0; at < text.length; at += 1) buffer[offset + 1 + at] = text.charCodeAt(at);
  return offset + 1 + text.length;
}

function readText(buffer: Uint8Array, offset: number): string {
  return String.fromCharCode(...buffer.subarray(offset + 1, offset + 1 + buffer[offset]!));
}

function checkText(buffer: Uint8Array, offset: number, end: number, lengthMax: number): number {
  const length = offset < end ? buffer[offset]! : lengthMax + 1;
  const stop = offset + 1 + length;
  if (length > lengthMax || stop > end) {
    throw new FlowCodecError(Math.min(offset, end), 'name is cut short or too long');
  }
  for (let at = offset + 1; at < stop; at += 1) {
    const character = buffer[at]!;
    if (character < 0x20 || character > 0x7e) {
      throw new FlowCodecError(at, 'name is not printable ASCII');
    }
  }
  return stop;
}
