import { isIP } from 'node:net';
import { AddressFormatError } from './errors.ts';

/** AF_INET and AF_INET6 of Linux, as the kernel and `FlowFields.family` number them. */
export const AddressFamily = { ipv4: 2, ipv6: 10 } as const;

/** An address in network order: 16 bytes, of which IPv4 uses the first four. */
export interface Address {
  readonly family: number;
  readonly bytes: Uint8Array;
}

/** Addresses that share their first `bits` bits with `bytes`. */
export interface Prefix extends Address {
  readonly bits: number;
}

/** @throws {AddressFormatError} If `text` is no IPv4 or IPv6 address. */
export function parseAddress(text: string): Address {
  const bare = text.split('%')[0] ?? '';
  switch (isIP(bare)) {
    case 4:
      return { family: AddressFamily.ipv4, bytes: ipv4Bytes(bare) };
    case 6:
      return { family: AddressFamily.ipv6, bytes: ipv6Bytes(bare) };
    default:
      throw new AddressFormatError(text);
  }
}

/** Parses `ADDRESS/BITS`; a plain address is a prefix of all its bits. @throws {AddressFormatError} */
export function parsePrefix(text: string): Prefix {
  const [addressText = '', bitsText] = text.split('/');
  const address = parseAddress(addressText);
  const bitsMax = address.family === AddressFamily.ipv4 ? 32 : 128;
  const bits = bitsText === undefined ? bitsMax : Number(bitsText);
  if (!Number.isInteger(bits) || bits < 0 || bits > bitsMax) throw new AddressFormatError(text);
  return { ...address, bits };
}

function ipv4Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(text.split('.').map(Number));
  return bytes;
}

function ipv6Bytes(text: string): Uint8Array {
  const [head = '', tail] = text.split('::');
  const front = groupBytes(head);
  const back = tail === undefined ? [] : groupBytes(tail);
  const bytes = new Uint8Array(16);
  bytes.set(front);
  bytes.set(back, 16 - back.length);
  return bytes;
}

function groupBytes(text: string): readonly number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const word = Number.parseInt(group, 16);
    return [word >> 8, word & 0xff];
  });
}

/** Whether `bytes` (16, as in `Address`) lie in the prefix; the caller compares families. */
export function prefixContains(prefix: Prefix, bytes: Uint8Array): boolean {
  const wholeBytes = prefix.bits >> 3;
  for (let i = 0; i < wholeBytes; i += 1) {
    if (prefix.bytes[i] !== bytes[i]) return false;
  }
  const restBits = prefix.bits & 7;
  if (restBits === 0) return true;
  const mask = (0xff << (8 - restBits)) & 0xff;
  return ((prefix.bytes[wholeBytes]! ^ bytes[wholeBytes]!) & mask) === 0;
}

/** Text of an address as people write it; IPv6 in the compressed form of RFC 5952. */
export function formatAddress(family: number, bytes: Uint8Array): string {
  return family === AddressFamily.ipv4 ? bytes.subarray(0, 4).join('.') : formatIpv6(bytes);
}

function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!);
  const { start, length } = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(':');
  return `${hex.slice(0, start).join(':')}::${hex.slice(start + length).join(':')}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let i = 0; i <= groups.length; i += 1) {
    if (groups[i] === 0) continue;
    if (i - start > best.length) best = { start, length: i - start };
    start = i + 1;
  }
  return best;
}
