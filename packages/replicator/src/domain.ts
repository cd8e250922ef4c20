import type { FlowFields } from '@raftwall/flow-table';
import {
  AddressFamily,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
} from './address.ts';
import { isInZone, touches } from './flow-place.ts';
import type { DomainOptions } from './options.ts';

/**
 * The flows that replication may touch at all (rule K1): those that pass the filter and have no end, in either tuple, at
 * a member's own address. Everything else in the kernel belongs to the node itself: its ssh sessions, its routing
 * protocols, the members' own links.
 */
export class Domain {
  readonly #options: DomainOptions;
  readonly #isInGroup: (flow: FlowFields) => boolean;
  readonly #protocols: Uint8Array;
  readonly #ignoredIpv4: readonly Ipv4Prefix[];
  readonly #ignoredIpv6: readonly Prefix[];
  /** Null: every address will do. */
  readonly #wanted: readonly Prefix[] | null;
  /** Null: every zone will do. */
  readonly #zones: ReadonlySet<number> | null;
  #excludedIpv4: ReadonlySet<number> = new Set();
  #excludedIpv6: readonly Uint8Array[] = [];

  /** @param isInGroup Whether the flow belongs to the traffic group whose domain this is (rule A6). */
  constructor(options: DomainOptions, isInGroup: (flow: FlowFields) => boolean = () => true) {
    this.#options = options;
    this.#isInGroup = isInGroup;
    this.#protocols = new Uint8Array(256);
    for (const protocol of options.protocols) this.#protocols[protocol] = 1;
    const ignored = options.ignorePrefixes.map(parsePrefix);
    this.#ignoredIpv4 = ignored.filter(isIpv4).map(ipv4Prefix);
    this.#ignoredIpv6 = ignored.filter((prefix) => !isIpv4(prefix));
    const { onlyPrefixes, zones } = options;
    this.#wanted = onlyPrefixes.length === 0 ? null : onlyPrefixes.map(parsePrefix);
    this.#zones = zones.length === 0 ? null : new Set(zones);
    this.setMemberAddresses([]);
  }

  /** The addresses that all members have published; virtual ones are nobody's own, peers' are always out. */
  setMemberAddresses(addresses: Iterable<string>): void {
    const virtual = new Set(this.#options.virtualAddresses);
    const own = [...addresses].filter((address) => !virtual.has(address));
    const excluded = [...this.#options.peerAddresses, ...own].map(parseAddress);
    this.#excludedIpv4 = new Set(excluded.filter(isIpv4).map(({ bytes }) => ipv4Word(bytes)));
    this.#excludedIpv6 = excluded.filter((it) => !isIpv4(it)).map(({ bytes }) => bytes);
  }

  /** Whether replication may create, change, report or delete this flow. */
  contains(flow: FlowFields): boolean {
    return this.#passes(flow) && this.#isInGroup(flow);
  }

  #passes(flow: FlowFields): boolean {
    if (this.#protocols[flow.protocol] !== 1) return false;
    if (this.#zones !== null && !isInZone(flow, this.#zones)) return false;
    if (this.#wanted !== null && !touches(flow, this.#wanted)) return false;
    return isIpv4(flow)
      ? this.#isForeignIpv4(ipv4Word(flow.originalSource)) &&
          this.#isForeignIpv4(ipv4Word(flow.originalDestination)) &&
          this.#isForeignIpv4(ipv4Word(flow.replySource)) &&
          this.#isForeignIpv4(ipv4Word(flow.replyDestination))
      : this.#isForeignIpv6(flow.originalSource) &&
          this.#isForeignIpv6(flow.originalDestination) &&
          this.#isForeignIpv6(flow.replySource) &&
          this.#isForeignIpv6(flow.replyDestination);
  }

  #isForeignIpv4(word: number): boolean {
    if (this.#excludedIpv4.has(word)) return false;
    for (const { network, mask } of this.#ignoredIpv4) {
      if ((word & mask) === network) return false;
    }
    return true;
  }

  #isForeignIpv6(bytes: Uint8Array): boolean {
    for (const excluded of this.#excludedIpv6) {
      if (sameBytes(excluded, bytes)) return false;
    }
    for (const prefix of this.#ignoredIpv6) {
      if (prefixContains(prefix, bytes)) return false;
    }
    return true;
  }
}

interface Ipv4Prefix {
  readonly network: number;
  readonly mask: number;
}

function isIpv4({ family }: { readonly family: number }): boolean {
  return family === AddressFamily.ipv4;
}

function ipv4Prefix({ bytes, bits }: Prefix): Ipv4Prefix {
  const mask = bits === 0 ? 0 : -1 << (32 - bits);
  return { network: ipv4Word(bytes) & mask, mask };
}

/** Signed, so that it compares with what bit operations give. */
function ipv4Word(bytes: Uint8Array): number {
  return (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!;
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  for (let i = 0; i < 16; i += 1) if (left[i] !== right[i]) return false;
  return true;
}
