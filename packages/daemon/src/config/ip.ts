import { isIPv4, isIPv6, SocketAddress } from 'node:net';

/** @returns 4 or 16 bytes in network order, or null when `text` is no plain IP address. */
function ipBytes(text: string): Uint8Array | null {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return null;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const hex = dotted === null ? text : `${dotted[1]}${pair(dotted, 2)}:${pair(dotted, 4)}`;
  const [head = '', tail] = hex.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = [...left, ...Array(8 - left.length - right.length).fill('0'), ...right];
  return Uint8Array.from(groups.flatMap((group) => bytesOf(Number.parseInt(group, 16))));
}

/** @returns The one spelling that an address has (RFC 5952), or null when `text` is no plain IP address. */
export function canonicalIp(text: string): string | null {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return null;
  return new SocketAddress({ address: text, family: 'ipv6' }).address;
}

/** An address with a prefix length. */
export interface Prefix {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** @returns Null when `text` is neither `ADDRESS/BITS` nor a bare address (then all bits count). */
export function parsePrefix(text: string): Prefix | null {
  const match = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text);
  const bytes = ipBytes(match?.[1] ?? '');
  if (bytes === null) return null;
  const bits = match?.[2] === undefined ? bytes.length * 8 : Number(match[2]);
  return bits <= bytes.length * 8 ? { bytes, bits } : null;
}

/** The prefix's own address: all bits behind the prefix are zero. */
export function networkOf({ bytes, bits }: Prefix): Uint8Array {
  return bytes.map(
    (byte, index) => byte & (0xff << Math.max(0, Math.min(8, 8 + index * 8 - bits))),
  );
}

/** @returns The prefix without the bits behind it, in its one spelling, or null when `text` is none. */
export function canonicalPrefix(text: string): string | null {
  const prefix = parsePrefix(text);
  return prefix === null ? null : `${ipText(networkOf(prefix))}/${prefix.bits}`;
}

/** Whether two prefixes have an address in common. */
export function overlap(left: Prefix, right: Prefix): boolean {
  if (left.bytes.length !== right.bytes.length) return false;
  const bits = Math.min(left.bits, right.bits);
  const [a, b] = [networkOf({ ...left, bits }), networkOf({ ...right, bits })];
  return a.every((byte, index) => byte === b[index]);
}

/** `127.0.0.0/8` and `::1`. */
export function isLoopback(text: string): boolean {
  const bytes = ipBytes(text);
  if (bytes === null) return false;
  if (bytes.length === 4) return bytes[0] === 127;
  return bytes.every((byte, index) => byte === (index === 15 ? 1 : 0));
}

/** @returns The canonical text of 4 or 16 bytes. */
export function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  );
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

function bytesOf(group: number): [number, number] {
  return [group >> 8, group & 0xff];
}

function pair(match: RegExpExecArray, index: number): string {
  return ((Number(match[index]) << 8) | Number(match[index + 1])).toString(16);
}
