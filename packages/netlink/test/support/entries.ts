import type { ConntrackEntry } from '../../src/conntrack-entry.ts';

/** Fills an address cell from text: dotted, or IPv6 with or without `::`. */
export function setAddress(cell: Uint8Array, text: string): void {
  cell.fill(0);
  if (!text.includes(':')) {
    cell.set(text.split('.').map(Number));
    return;
  }
  const [head = '', tail] = text.split('::');
  const words = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16));
  const first = words(head);
  const last = words(tail ?? '');
  const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  all.forEach((word, index) => {
    cell[index * 2] = word >>> 8;
    cell[index * 2 + 1] = word & 0xff;
  });
}

/** `high << 16 | low`, unsigned. */
export function l4(high: number, low: number): number {
  return ((high << 16) | low) >>> 0;
}

/** Sets both tuples; each is source, destination, L4 word. */
export function setTuples(
  entry: ConntrackEntry,
  original: readonly [string, string, number],
  reply: readonly [string, string, number],
): void {
  entry.family = original[0].includes(':') ? 10 : 2;
  setAddress(entry.originalSource, original[0]);
  setAddress(entry.originalDestination, original[1]);
  entry.originalL4 = original[2];
  setAddress(entry.replySource, reply[0]);
  setAddress(entry.replyDestination, reply[1]);
  entry.replyL4 = reply[2];
}

/** A copy that compares by value. */
export function plain(entry: ConntrackEntry): Record<string, unknown> {
  return structuredClone({ ...entry });
}
