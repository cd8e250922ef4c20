import { isIP, SocketAddress } from 'node:net';

/** A set of IP addresses, compared by value: `fd00:0::1` and `fd00::1/64` are the same. */
export class AddressSet {
  readonly #addresses: ReadonlySet<string>;

  constructor(addresses: readonly string[]) {
    this.#addresses = new Set(addresses.map(canonical));
  }

  get size(): number {
    return this.#addresses.size;
  }

  /** @returns whether any of `addresses` is in the set */
  hasAny(addresses: readonly string[]): boolean {
    return addresses.some((address) => this.#addresses.has(canonical(address)));
  }
}

function canonical(address: string): string {
  const bare = address.replace(/\/\d+$/, '');
  if (isIP(bare) !== 6) return bare;
  return new SocketAddress({ address: bare, family: 'ipv6' }).address;
}
