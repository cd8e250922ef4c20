import type { FlowFields } from '@raftwall/flow-table';
import {
  AddressFamily,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
} from './address.ts';
import type { DomainOptions } from './options.ts';

/**
 * The flows that replication may touch at all (rule K1): those that pass the filter and have no end, in either tuple, at
 * a member's own address. Everything else in the kernel belongs to the node itself: its ssh sessions, its routing
 * protocols, the members' own links.
 */
export class Domain {
  readonly #protocols: Uint8Array;
  readonly #ignored: readonly Prefix[];
  readonly #virtual: AddressSet;
  readonly #peers: AddressSet;
  #own = new AddressSet();

  constructor(options: DomainOptions) {
    this.#protocols = new Uint8Array(256);
    for (const protocol of options.protocols) this.#protocols[protocol] = 1;
    this.#ignored = options.ignorePrefixes.map(parsePrefix);
    this.#virtual = AddressSet.of(options.virtualAddresses);
    this.#peers = AddressSet.of(options.peerAddresses);
  }

  /** The addresses that all members have published; virtual ones are nobody's own. */
  setMemberAddresses(addresses: Iterable<string>): void {
    this.#own = AddressSet.of(addresses);
  }

  /** Whether replication may create, change, report or delete this flow. */
  contains(flow: FlowFields): boolean {
    if (this.#protocols[flow.protocol] !== 1) return false;
    return (
      this.#isForeign(flow.family, flow.originalSource) &&
      this.#isForeign(flow.family, flow.originalDestination) &&
      this.#isForeign(flow.family, flow.replySource) &&
      this.#isForeign(flow.family, flow.replyDestination)
    );
  }

  #isForeign(family: number, bytes: Uint8Array): boolean {
    if (this.#peers.has(family, bytes)) return false;
    if (this.#own.has(family, bytes) && !this.#virtual.has(family, bytes)) return false;
    for (const prefix of this.#ignored) {
      if (prefix.family === family && prefixContains(prefix, bytes)) return false;
    }
    return true;
  }
}

/** A few addresses, looked up for every event: numbers for IPv4, four words for IPv6, nothing made per look-up. */
class AddressSet {
  readonly #ipv4 = new Set<number>();
  readonly #ipv6: Uint8Array[] = [];

  static of(addresses: Iterable<string>): AddressSet {
    const set = new AddressSet();
    for (const text of addresses) {
      const { family, bytes } = parseAddress(text);
      if (family === AddressFamily.ipv4) set.#ipv4.add(ipv4Word(bytes));
      else set.#ipv6.push(bytes);
    }
    return set;
  }

  has(family: number, bytes: Uint8Array): boolean {
    if (family === AddressFamily.ipv4) return this.#ipv4.has(ipv4Word(bytes));
    return this.#ipv6.some((own) => own.every((byte, i) => byte === bytes[i]));
  }
}

function ipv4Word(bytes: Uint8Array): number {
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}
