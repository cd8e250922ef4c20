import { plan } from './address-plan.ts';
import type { Namespace } from './namespace.ts';

/** Which flows of a kernel are looked at. */
export interface ConntrackFilter {
  /** Source of the original direction. Default: host A, IPv4. */
  readonly source?: string;
}

/**
 * The flows of one kernel as lines that can be compared between nodes: protocol, TCP state, both
 * tuples (so NAT too), ASSURED and mark; without timeouts and use counts, sorted.
 */
export async function conntrackView(
  namespace: Namespace,
  filter: ConntrackFilter = {},
): Promise<string[]> {
  const source = filter.source ?? plan.hostA;
  const family = source.includes(':') ? 'ipv6' : 'ipv4';
  const text = await namespace.exec('conntrack', ['-L', '-f', family, '-s', source]);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(normalizeFlow)
    .sort();
}

/** Takes out of a line of `conntrack -L` what differs between nodes by right. */
export function normalizeFlow(line: string): string {
  const [protocol, , , ...rest] = line.trim().split(/\s+/);
  return [protocol, ...rest.filter((word) => !word.startsWith('use='))].join(' ');
}

/** What one list of lines has and the other has not; empty if they are equal. */
export function differences(expected: readonly string[], found: readonly string[]): string[] {
  const [left, right] = [new Set(expected), new Set(found)];
  return [
    ...expected.filter((line) => !right.has(line)).map((line) => `missing: ${line}`),
    ...found.filter((line) => !left.has(line)).map((line) => `extra:   ${line}`),
  ];
}
