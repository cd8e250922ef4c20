import { Cta, SUBSYSTEM_CTNETLINK } from './ctnetlink-protocol.ts';
import { AF_INET, AF_INET6 } from './netlink-protocol.ts';

/** Opcodes of classic BPF (linux/filter.h). Loads are in network byte order; A is the accumulator, X the index. */
const Opcode = {
  loadWord: 0x20,
  loadHalf: 0x28,
  loadByte: 0x30,
  loadHalfAtX: 0x48,
  setA: 0x00,
  setX: 0x01,
  and: 0x54,
  aToX: 0x07,
  jump: 0x05,
  jumpIfEqual: 0x15,
  return: 0x06,
} as const;

const ACCEPT = 0xffffffff;
const DROP = 0;

/** Second byte of the message type, which is in host order: the subsystem of netfilter, 0 for control messages. */
const OFFSET_SUBSYSTEM = 5;
const OFFSET_PORT_ID = 12;
const OFFSET_FAMILY = 16;
const OFFSET_ATTRIBUTES = 20;
/** Where the parts of CTA_TUPLE_ORIG lie: it is the first attribute of every event, in one layout. */
const LAYOUT_IPV4 = { source: 32, destination: 40, protocol: 52 } as const;
const LAYOUT_IPV6 = { source: 32, destination: 52, protocol: 76 } as const;
/** SKF_AD_OFF + SKF_AD_NLATTR: looks for the attribute with the number X from offset A on; A becomes its offset, or 0. */
const FIND_ATTRIBUTE = 0xfffff000 + 12;

const INSTRUCTION_BYTES = 8;
/** The kernel takes 4096 (BPF_MAXINSNS); what else there is to filter must fit behind the prefixes. */
const PREFIX_INSTRUCTIONS_MAX = 3500;
/** Jumps of classic BPF reach 255 instructions. */
export const FILTER_VALUES_MAX = 200;

interface Instruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly value: number;
}

/** Addresses that share their first `bits` bits; 4 bytes for IPv4, 16 for IPv6, in network order. */
export interface FilterPrefix {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

export interface EventFilterOptions {
  /** Port ids of sockets whose own changes shall not come back as events. */
  readonly ignorePortIds: readonly number[];
  /** IP protocol numbers to let through; empty lets everything through. */
  readonly protocols: readonly number[];
  /**
   * Flows whose original tuple touches one of these are dropped. As many as a filter has room for (about 400 of IPv4): the
   * reader must be able to do without.
   */
  readonly ignorePrefixes: readonly FilterPrefix[];
  /** Of the flows that say which zone they are in, only those in one of these pass; empty lets everything through. */
  readonly zones: readonly number[];
}

/**
 * Classic BPF program (array of struct sock_filter) for a conntrack event socket. Control messages (acknowledgements)
 * always pass, expectations unless their port id is ignored. Returns null when nothing is to be filtered.
 */
export function eventFilter(options: EventFilterOptions): Uint8Array | null {
  const { ignorePortIds, protocols, ignorePrefixes, zones } = options;
  const flows = [
    ...(protocols.length > 0 ? protocolPart(protocols) : []),
    ...prefixPart(ignorePrefixes),
    ...(zones.length > 0 ? zonePart(zones) : []),
  ];
  if (ignorePortIds.length === 0 && flows.length === 0) return null;
  const subsystem = instruction(Opcode.loadByte, OFFSET_SUBSYSTEM);
  const program = [
    subsystem,
    ...acceptIf(0),
    ...(ignorePortIds.length > 0 ? portIdPart(ignorePortIds) : []),
    subsystem,
    ...acceptUnless(SUBSYSTEM_CTNETLINK),
    ...flows,
    instruction(Opcode.return, ACCEPT),
  ];
  return assemble(program);
}

function portIdPart(portIds: readonly number[]): Instruction[] {
  const load = instruction(Opcode.loadWord, OFFSET_PORT_ID);
  return [load, ...portIds.flatMap((portId) => dropIf(swap32(portId)))];
}

function protocolPart(protocols: readonly number[]): Instruction[] {
  return [
    instruction(Opcode.loadByte, OFFSET_FAMILY),
    compare(AF_INET, 0, 2),
    instruction(Opcode.loadByte, LAYOUT_IPV4.protocol),
    instruction(Opcode.jump, 1),
    instruction(Opcode.loadByte, LAYOUT_IPV6.protocol),
    ...dropUnless(protocols),
  ];
}

function prefixPart(prefixes: readonly FilterPrefix[]): Instruction[] {
  const blocks: Instruction[] = [];
  for (const [family, bytes, layout] of [
    [AF_INET, 4, LAYOUT_IPV4],
    [AF_INET6, 16, LAYOUT_IPV6],
  ] as const) {
    const block: Instruction[] = [];
    for (const prefix of prefixes.filter((it) => it.bytes.length === bytes)) {
      const both = [layout.source, layout.destination].flatMap((at) => dropIfWithin(at, prefix));
      if (blocks.length + block.length + both.length < PREFIX_INSTRUCTIONS_MAX) block.push(...both);
    }
    if (block.length > 0) blocks.push(...ofFamily(family, block));
  }
  return blocks;
}

/** Runs the block for messages of that family alone. */
function ofFamily(family: number, block: readonly Instruction[]): Instruction[] {
  return [
    instruction(Opcode.loadByte, OFFSET_FAMILY),
    compare(family, 1, 0),
    // Only this jump reaches far enough.
    instruction(Opcode.jump, block.length),
    ...block,
  ];
}

/** Drops what has, at that offset, an address within the prefix; compared word by word. */
function dropIfWithin(offset: number, { bytes, bits }: FilterPrefix): Instruction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const words: Instruction[][] = [];
  for (let left = bits, at = 0; left > 0; left -= 32, at += 4) {
    const mask = left >= 32 ? 0xffffffff : (-1 << (32 - left)) >>> 0;
    const load = instruction(Opcode.loadWord, offset + at);
    const value = (view.getUint32(at) & mask) >>> 0;
    const isWhole = mask === 0xffffffff;
    words.push(isWhole ? [load] : [load, instruction(Opcode.and, mask)], [compare(value, 0, 0)]);
  }
  const program = [...words.flat(), instruction(Opcode.return, DROP)];
  return program.map((it, at) => {
    const behind = program.length - 1 - at;
    return it.code === Opcode.jumpIfEqual ? { ...it, ifFalse: behind } : it;
  });
}

function zonePart(zones: readonly number[]): Instruction[] {
  const drop = dropUnless(zones);
  return [
    instruction(Opcode.setA, OFFSET_ATTRIBUTES),
    instruction(Opcode.setX, Cta.zone),
    instruction(Opcode.loadWord, FIND_ATTRIBUTE),
    // Zone 0, and zones of one direction, are not said here.
    compare(0, 0, 1),
    instruction(Opcode.jump, 2 + drop.length),
    instruction(Opcode.aToX, 0),
    instruction(Opcode.loadHalfAtX, 4),
    ...drop,
  ];
}

function acceptIf(value: number): Instruction[] {
  return [compare(value, 0, 1), instruction(Opcode.return, ACCEPT)];
}

function acceptUnless(value: number): Instruction[] {
  return [compare(value, 1, 0), instruction(Opcode.return, ACCEPT)];
}

function dropIf(value: number): Instruction[] {
  return [compare(value, 0, 1), instruction(Opcode.return, DROP)];
}

/** Goes on behind itself if A is one of the values. */
function dropUnless(values: readonly number[]): Instruction[] {
  return [
    ...values.map((value, index) => compare(value, values.length - index, 0)),
    instruction(Opcode.return, DROP),
  ];
}

function compare(value: number, ifTrue: number, ifFalse: number): Instruction {
  return { code: Opcode.jumpIfEqual, ifTrue, ifFalse, value };
}

function instruction(code: number, value: number): Instruction {
  return { code, ifTrue: 0, ifFalse: 0, value };
}

function assemble(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(program.length * INSTRUCTION_BYTES));
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, ifTrue, ifFalse, value }, index) => {
    const at = index * INSTRUCTION_BYTES;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, ifTrue);
    view.setUint8(at + 3, ifFalse);
    view.setUint32(at + 4, value >>> 0, true);
  });
  return bytes;
}

/** Port ids are in host order. */
function swap32(value: number): number {
  return (
    (((value & 0xff) << 24) |
      ((value & 0xff00) << 8) |
      ((value >>> 8) & 0xff00) |
      (value >>> 24)) >>>
    0
  );
}
