import { AF_INET } from './netlink-protocol.ts';

/**
 * Text of an address in network order: dotted for IPv4 (the first four bytes), RFC 5952 for IPv6.
 *
 * @param family 2 (AF_INET) or 10 (AF_INET6).
 */
export function formatAddress(family: number, bytes: Uint8Array): string {
  if (family === AF_INET) return bytes.subarray(0, 4).join('.');
  const words: number[] = [];
  for (let index = 0; index < 16; index += 2) {
    words.push(((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0));
  }
  if (isMapped(words)) return `::ffff:${bytes.subarray(12, 16).join('.')}`;
  const { start, length } = longestZeros(words);
  const text = (part: number[]): string => part.map((word) => word.toString(16)).join(':');
  if (length < 2) return text(words);
  return `${text(words.slice(0, start))}::${text(words.slice(start + length))}`;
}

function isMapped(words: readonly number[]): boolean {
  return words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff;
}

/** The first of the longest runs of zero words. */
function longestZeros(words: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  words.forEach((word, index) => {
    length = word === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  });
  return best;
}
