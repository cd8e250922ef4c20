import type { Buffer } from 'node:buffer';
import { Packr, Unpackr } from 'msgpackr';
import { ProtocolError } from './errors.ts';

/** What a flat list may hold. */
export type Scalar = string | number | boolean | null;

/** Elements of a MessagePack array whose length is in its first byte. */
const elementsMax = 15;

// Records (`structures`) would live in these instances and could not be read by another process.
const packer = new Packr({ useRecords: false });
const unpacker = new Unpackr({ useRecords: false });

/** Encodes a list of at most 15 scalars as MessagePack. */
export function encodeFlat(values: readonly Scalar[]): Buffer {
  return packer.pack(values);
}

/**
 * Decodes a list of scalars that a stranger may have written. The bytes are walked before msgpackr sees them: it sets
 * memory aside for an array's or a map's announced length, and knows extensions that have no place here.
 *
 * @throws {ProtocolError} If the bytes are anything but one list of at most 15 scalars.
 */
export function decodeFlat(bytes: Buffer): readonly Scalar[] {
  assertFlat(bytes);
  return unpacker.unpack(bytes) as Scalar[];
}

function assertFlat(bytes: Buffer): void {
  const first = bytes[0] ?? 0;
  if (first >> 4 !== 0x9) throw new ProtocolError('no list of scalars');
  const count = Math.min(first & 0x0f, elementsMax);
  let position = 1;
  for (let i = 0; i < count; i++) position += scalarBytes(bytes, position);
  if (position !== bytes.length)
    throw new ProtocolError('a list that does not end where it should');
}

/** Bytes of the scalar at `position`, by its first byte (MessagePack specification). */
function scalarBytes(bytes: Buffer, position: number): number {
  const first = bytes[position];
  if (first === undefined) throw new ProtocolError('a list that ends too early');
  if (first <= 0x7f || first >= 0xe0) return 1;
  if (first >= 0xa0 && first <= 0xbf) return 1 + (first & 0x1f);
  switch (first) {
    case 0xc0: // null
    case 0xc2: // false
    case 0xc3: // true
      return 1;
    case 0xcc: // unsigned, 1 byte
      return 2;
    case 0xcd: // unsigned, 2 bytes
      return 3;
    case 0xce: // unsigned, 4 bytes
      return 5;
    case 0xcb: // double
      return 9;
    case 0xd9: // text, length in 1 byte
      return 2 + (bytes[position + 1] ?? 0);
    case 0xda: // text, length in 2 bytes
      return position + 3 > bytes.length ? 3 : 3 + bytes.readUInt16BE(position + 1);
    default:
      throw new ProtocolError(`a value of kind ${first}`);
  }
}
