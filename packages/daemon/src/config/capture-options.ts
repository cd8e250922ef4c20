import { defaulted, describe, list, mapping, type Reader } from './field.ts';
import { nearest } from './nearest.ts';
import { ipPrefix } from './net-fields.ts';
import { integer, oneOf } from './scalar-fields.ts';

/** IP protocol numbers of the names that the configuration knows. */
export const PROTOCOL_NUMBERS = Object.freeze({
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

/** A mark matches if it equals `value` in the bits of `mask`. */
export interface MarkMatch {
  readonly value: number;
  readonly mask: number;
}

/** What is replicated at all, before the domain of rule K1. */
export interface CaptureFilter {
  /** IP protocol numbers, 0 to 255. */
  readonly protocols: readonly number[];
  /** Flows that touch one of these prefixes in either tuple are left alone; canonical text. */
  readonly ignoreAddresses: readonly string[];
  /** Only flows that touch one of these prefixes in either tuple; canonical text; empty: all. */
  readonly addresses: readonly string[];
  /** Only flows in one of these conntrack zones; empty: all. */
  readonly zones: readonly number[];
  /** TCP flows are replicated from one of these states on (enum tcp_conntrack); empty: from any. */
  readonly tcpStates: readonly number[];
  /** Flows are replicated once their mark matches one of these; empty: with any mark. */
  readonly marks: readonly MarkMatch[];
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
const zonesMax = 200;
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

/** enum tcp_conntrack, by number, as the configuration spells it. */
export const TCP_STATE_NAMES = [
  'none',
  'syn_sent',
  'syn_recv',
  'established',
  'fin_wait',
  'close_wait',
  'last_ack',
  'time_wait',
  'close',
  'syn_sent2',
] as const;

const tcpStateName = oneOf(TCP_STATE_NAMES);

const tcpState: Reader<number> = {
  allowed: tcpStateName.allowed,
  read(value, at, faults) {
    const name = tcpStateName.read(value, at, faults);
    return name === undefined ? undefined : TCP_STATE_NAMES.indexOf(name);
  },
};

/** `VALUE/MASK` as iptables and conntrack write it, or a value alone, which then counts as a whole. */
const markMatch: Reader<MarkMatch> = {
  allowed: 'a mark such as 7, 0x10 or 0x10/0xf0, each number up to 0xffffffff',
  read(value, at, faults) {
    const text = typeof value === 'number' ? String(value) : value;
    const match = typeof text === 'string' ? markPattern.exec(text) : null;
    const [wanted, mask] = [Number(match?.[1]), Number(match?.[2] ?? 0xffffffff)];
    if (match !== null && wanted <= 0xffffffff && mask <= 0xffffffff)
      return { value: wanted, mask };
    faults.add(at, `is ${describe(value)}`, markMatch.allowed);
    return undefined;
  },
};

const markPattern = /^(0x[0-9a-f]{1,8}|\d{1,10})(?:\/(0x[0-9a-f]{1,8}|\d{1,10}))?$/i;

/** What the filter is without a word in the file. */
export const CAPTURE_FILTER_DEFAULTS = Object.freeze({
  protocols: ['tcp', 'udp', 'icmp', 'icmpv6', 'sctp', 'dccp', 'gre'],
  ignoreAddresses: [
    '127.0.0.0/8',
    '::1/128',
    '169.254.0.0/16',
    'fe80::/10',
    '224.0.0.0/4',
    'ff00::/8',
    '255.255.255.255/32',
  ],
} as const);

/** Keys of `capture.filter`. */
const filterFields = {
  protocols: defaulted(
    'Protocols that are replicated.',
    list(protocol, { min: 1, max: protocolsMax }),
    CAPTURE_FILTER_DEFAULTS.protocols,
  ),
  ignoreAddresses: defaulted(
    'Flows that touch one of these prefixes, in either tuple, are left alone.',
    list(ipPrefix, { min: 0, max: 1024 }),
    CAPTURE_FILTER_DEFAULTS.ignoreAddresses,
  ),
  addresses: defaulted(
    'Only flows that touch one of these prefixes, in either tuple, are replicated; empty: all.',
    list(ipPrefix, { min: 0, max: 1024 }),
    [],
  ),
  zones: defaulted(
    'Only flows in one of these conntrack zones are replicated; empty: all.',
    list(integer(0, 65_535), { min: 0, max: zonesMax }),
    [],
  ),
  tcpStates: defaulted(
    'TCP flows are replicated from when they are in one of these states on; empty: from any.',
    list(tcpState, { min: 0, max: TCP_STATE_NAMES.length }),
    [],
  ),
  marks: defaulted(
    'Flows are replicated once their mark matches one of these, VALUE or VALUE/MASK; empty: with any mark.',
    list(markMatch, { min: 0, max: 64 }),
    [],
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
