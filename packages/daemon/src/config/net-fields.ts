import { describe, type Reader } from './field.ts';
import { canonicalIp, ipText, networkOf, parsePrefix } from './ip.ts';

/** An IP address with a port; `text` is the form for people, `10.0.0.1:7650` or `[fd00::1]:7650`. */
export interface Endpoint {
  readonly text: string;
  readonly host: string;
  /** 1 to 65535. */
  readonly port: number;
}

/** An IP address, in canonical spelling. */
export const ipAddress: Reader<string> = {
  allowed: 'an IPv4 or IPv6 address such as 192.168.0.100 or fd00::1',
  read(value, at, faults) {
    const address = typeof value === 'string' ? canonicalIp(value) : null;
    if (address !== null) return address;
    faults.add(at, `is ${describe(value)}`, ipAddress.allowed);
    return undefined;
  },
};

/** `ADDRESS/BITS` without host bits, or a bare address; in canonical spelling. */
export const ipPrefix: Reader<string> = {
  allowed: 'an address with prefix length such as 10.0.0.0/8 or fe80::/10',
  read(value, at, faults) {
    const prefix = typeof value === 'string' ? parsePrefix(value) : null;
    if (prefix === null) {
      faults.add(at, `is ${describe(value)}`, ipPrefix.allowed);
      return undefined;
    }
    const network = `${ipText(networkOf(prefix))}/${prefix.bits}`;
    if (network === `${ipText(prefix.bytes)}/${prefix.bits}`) return network;
    faults.add(at, `is ${describe(value)}, which has bits set behind its prefix`, network);
    return undefined;
  },
};

/** `ADDRESS:PORT`; names are refused, since a firewall must not need a resolver to find its peers. */
export const endpoint: Reader<Endpoint> = {
  allowed: 'an IP address with port such as 10.77.0.1:7650 or [fd00::1]:7650',
  read(value, at, faults) {
    const found = typeof value === 'string' ? parseEndpoint(value) : null;
    if (found !== null) return found;
    faults.add(at, `is ${describe(value)}`, endpoint.allowed);
    return undefined;
  },
};

/** @returns Null when `text` is no IP address with a port from 1 to 65535. */
function parseEndpoint(text: string): Endpoint | null {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const host = canonicalIp(match?.[1] ?? match?.[2] ?? '');
  const port = Number(match?.[3]);
  if (host === null || port < 1 || port > 65535) return null;
  // Brackets belong to IPv6 alone.
  if ((match?.[1] !== undefined) !== host.includes(':')) return null;
  return endpointOf(host, port);
}

/** @param host A canonical IP address. */
export function endpointOf(host: string, port: number): Endpoint {
  return { text: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`, host, port };
}
