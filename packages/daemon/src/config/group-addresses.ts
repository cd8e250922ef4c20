import { overlap, parsePrefix } from './ip.ts';

/** What of a traffic group says which virtual addresses move with it; undefined where the configuration is at fault. */
interface AddressedGroup {
  readonly select?: { readonly prefixes?: readonly string[] | undefined } | null | undefined;
  readonly virtualAddresses?: readonly string[] | null | undefined;
}

/**
 * Position of the group with which a virtual address moves: the one that names it, or the first whose prefixes have it and that names
 * none; -1 if there is no such group.
 */
export function groupOfAddress(groups: readonly AddressedGroup[], address: string): number {
  const naming = groups.findIndex(({ virtualAddresses }) => virtualAddresses?.includes(address));
  if (naming >= 0) return naming;
  return groups.findIndex(
    ({ select, virtualAddresses }) =>
      !virtualAddresses && select?.prefixes?.some((prefix) => hasAddress(prefix, address)),
  );
}

function hasAddress(prefix: string, address: string): boolean {
  const [a, b] = [parsePrefix(prefix), parsePrefix(address)];
  return a !== null && b !== null && overlap(a, b);
}
