import { copyBytes, readUint16, readUint32, writeUint16, writeUint32 } from './byte-order.ts';
import { FlowCodecError, FlowValueError } from './errors.ts';
import type { FlowKeyFields } from './flow-fields.ts';

/**
 * The packed key of a flow, 16 bytes for IPv4 and 40 for IPv6; numbers in network order, so that the order of the bytes
 * (LevelDB's order) is the order of family, protocol, zone, source, destination, L4 and never changes.
 *
 *     IPv4  IPv6   bytes
 *     0     0      1      family, 2 (AF_INET) or 10 (AF_INET6)
 *     1     1      1      IP protocol
 *     2     2      2      zone of the original direction
 *     4     4      4|16   source address
 *     8     20     4|16   destination address
 *     12    36     4      L4 word, see FlowFields
 */
export const FLOW_KEY_BYTES_IPV4 = 16;
export const FLOW_KEY_BYTES_IPV6 = 40;
/** The longest packed key: what a buffer has room for. */
/** Room for a packed key of either family. */
export const FLOW_KEY_BYTES_MAX = 40;

export const FAMILY_IPV4 = 2;
export const FAMILY_IPV6 = 10;

/** Bytes of an address of the family: 4, 16, or 0 for an unknown family. */
export function addressLength(family: number): number {
  if (family === FAMILY_IPV4) return 4;
  return family === FAMILY_IPV6 ? 16 : 0;
}

/** Bytes of a packed key of the family: 16, 40, or 0 for an unknown family. */
export function flowKeyLength(family: number): number {
  if (family === FAMILY_IPV4) return FLOW_KEY_BYTES_IPV4;
  return family === FAMILY_IPV6 ? FLOW_KEY_BYTES_IPV6 : 0;
}

/**
 * Packs the key fields at `offset`; the buffer has room for 40 bytes.
 *
 * @returns the key's length, 16 or 40.
 * @throws {FlowValueError} If the family is neither 2 nor 10.
 */
export function writeFlowKey(fields: FlowKeyFields, buffer: Uint8Array, offset: number): number {
  const length = addressLength(fields.family);
  if (length === 0) throw new FlowValueError('family', fields.family, '2 or 10');
  buffer[offset] = fields.family;
  buffer[offset + 1] = fields.protocol;
  let end = writeUint16(buffer, offset + 2, fields.zone);
  end = copyBytes(fields.originalSource, 0, buffer, end, length);
  end = copyBytes(fields.originalDestination, 0, buffer, end, length);
  return writeUint32(buffer, end, fields.originalL4) - offset;
}

/**
 * Reads a packed key into the key fields; other fields stay.
 *
 * @returns the key's length, 16 or 40.
 * @throws {FlowCodecError} If the family is unknown or the buffer is too short.
 */
export function readFlowKey(buffer: Uint8Array, offset: number, fields: FlowKeyFields): number {
  const family = buffer[offset] ?? 0;
  const length = addressLength(family);
  if (length === 0) throw new FlowCodecError(offset, `family ${family} is neither 2 nor 10`);
  const keyLength = flowKeyLength(family);
  if (offset + keyLength > buffer.length) throw new FlowCodecError(offset, 'key is cut short');
  fields.family = family;
  fields.protocol = buffer[offset + 1]!;
  fields.zone = readUint16(buffer, offset + 2);
  readAddress(buffer, offset + 4, fields.originalSource, length);
  readAddress(buffer, offset + 4 + length, fields.originalDestination, length);
  fields.originalL4 = readUint32(buffer, offset + 4 + 2 * length);
  return keyLength;
}

/** Reads an address of 4 or 16 bytes into a 16-byte field, the rest of which becomes zero. */
export function readAddress(
  buffer: Uint8Array,
  offset: number,
  address: Uint8Array,
  length: number,
): number {
  copyBytes(buffer, offset, address, 0, length);
  for (let index = length; index < 16; index += 1) address[index] = 0;
  return offset + length;
}
