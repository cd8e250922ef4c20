import { defaulted, describe, list, mapping, type Reader } from './field.ts';
import { nearest } from './nearest.ts';
import { ipPrefix } from './net-fields.ts';
import { integer, oneOf } from './scalar-fields.ts';

/** IP protocol numbers of the names that the configuration knows. */
const PROTOCOL_NUMBERS = Object.freeze({
  icmp: 1,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  icmpv6: 58,
  sctp: 132,
  udplite: 136,
} as const);

type ProtocolName = keyof typeof PROTOCOL_NUMBERS;

/** What is replicated at all, before the domain of rule K1. */
export interface CaptureFilter {
  /** IP protocol numbers, 0 to 255. */
  readonly protocols: readonly number[];
  /** Flows that touch one of these prefixes in either tuple are left alone; canonical text. */
  readonly ignoreAddresses: readonly string[];
}

export interface CaptureOptions {
  /** From when on a flow is replicated (rule K4). */
  readonly admit: 'replied' | 'assured' | 'all';
  readonly filter: CaptureFilter;
  /** How long a delete that a lost address may have caused is held back (rule K6). */
  readonly destroyHoldMs: number;
  /** What a delete by another program on the active node means (rule K16). */
  readonly foreignDeletes: 'replicate' | 'restore';
}

/** As many as a kernel filter may name (`FILTER_VALUES_MAX` of `@raftwall/netlink`). */
const protocolsMax = 200;
const protocolNames = Object.keys(PROTOCOL_NUMBERS) as ProtocolName[];

/** A protocol by its name, or by its number (ESP is 50). */
const protocol: Reader<number> = {
  allowed: `${protocolNames.join(', ')} or a protocol number from 0 to 255`,
  read(value, at, faults) {
    if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255) return Number(value);
    const name = protocolNames.find((known) => known === value);
    if (name !== undefined) return PROTOCOL_NUMBERS[name];
    const guess = typeof value === 'string' ? nearest(value, protocolNames) : null;
    const hint = guess === null ? '' : `, did you mean ${guess}?`;
    faults.add(at, `is ${describe(value)}${hint}`, protocol.allowed);
    return undefined;
  },
};

/** Keys of `capture.filter`. */
const filterFields = {
  protocols: defaulted(
    'Protocols that are replicated.',
    list(protocol, { min: 1, max: protocolsMax }),
    ['tcp', 'udp', 'icmp', 'icmpv6', 'sctp', 'dccp', 'gre'],
  ),
  ignoreAddresses: defaulted(
    'Flows that touch one of these prefixes, in either tuple, are left alone.',
    list(ipPrefix, { min: 0, max: 1024 }),
    [
      '127.0.0.0/8',
      '::1/128',
      '169.254.0.0/16',
      'fe80::/10',
      '224.0.0.0/4',
      'ff00::/8',
      '255.255.255.255/32',
    ],
  ),
};

/** Keys of `capture`. */
export const captureFields = {
  admit: defaulted(
    'From when on a flow is replicated: with its first reply, when the kernel calls it assured, or at once.',
    oneOf(['replied', 'assured', 'all']),
    'replied',
  ),
  filter: defaulted('What is replicated at all.', mapping(filterFields), {}),
  destroyHoldMs: defaulted(
    'How long a delete is held back that a lost address may have caused; at least three adverts of keepalived.',
    integer(0, 60_000, 'milliseconds'),
    1000,
  ),
  foreignDeletes: defaulted(
    'What a delete by another program on the active node means: `replicate` it, or `restore` the flow.',
    oneOf(['replicate', 'restore']),
    'replicate',
  ),
};
