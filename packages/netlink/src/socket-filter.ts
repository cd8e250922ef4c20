import { NLMSG_ERROR } from './netlink-protocol.ts';

/** Opcodes of classic BPF (linux/filter.h): load, jump if equal, return. Loads are in network byte order. */
const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const LOAD_BYTE = 0x30;
const JUMP_ALWAYS = 0x05;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;

const ACCEPT = 0xffffffff;
const DROP = 0;

const OFFSET_TYPE = 4;
const OFFSET_PORT_ID = 12;
const OFFSET_FAMILY = 16;
/** Where CTA_PROTO_NUM of CTA_TUPLE_ORIG lies: the original tuple is the first attribute of every event. */
const OFFSET_PROTOCOL_IPV4 = 52;
const OFFSET_PROTOCOL_IPV6 = 76;

const INSTRUCTION_BYTES = 8;
/** Jumps of classic BPF reach 255 instructions. */
export const FILTER_VALUES_MAX = 200;

interface Instruction {
  code: number;
  ifTrue: number;
  ifFalse: number;
  value: number;
}

export interface EventFilterOptions {
  /** Port ids of sockets whose own changes shall not come back as events. */
  readonly ignorePortIds: readonly number[];
  /** IP protocol numbers to let through; empty lets everything through. */
  readonly protocols: readonly number[];
}

/**
 * Classic BPF program (array of struct sock_filter) for a conntrack event socket. Control messages (acknowledgements)
 * always pass. Returns null when nothing is to be filtered.
 */
export function eventFilter(options: EventFilterOptions): Uint8Array | null {
  const { ignorePortIds, protocols } = options;
  if (ignorePortIds.length === 0 && protocols.length === 0) return null;
  const program: Instruction[] = [
    // Message types are in host order, so the type's low byte comes first.
    instruction(LOAD_HALF, OFFSET_TYPE),
    { code: JUMP_EQUAL, ifTrue: 0, ifFalse: 1, value: swap16(NLMSG_ERROR) },
    instruction(RETURN, ACCEPT),
  ];
  if (ignorePortIds.length > 0) {
    program.push(instruction(LOAD_WORD, OFFSET_PORT_ID));
    pushMatch(program, ignorePortIds.map(swap32), DROP);
  }
  if (protocols.length > 0) {
    program.push(instruction(LOAD_BYTE, OFFSET_FAMILY));
    program.push({ code: JUMP_EQUAL, ifTrue: 0, ifFalse: 2, value: 2 });
    program.push(instruction(LOAD_BYTE, OFFSET_PROTOCOL_IPV4));
    program.push(instruction(JUMP_ALWAYS, 1));
    program.push(instruction(LOAD_BYTE, OFFSET_PROTOCOL_IPV6));
    pushMatch(program, protocols, ACCEPT);
    program.push(instruction(RETURN, DROP));
  } else {
    program.push(instruction(RETURN, ACCEPT));
  }
  return assemble(program);
}

/** Returns `verdict` if the loaded value is one of `values`, else goes on behind the block. */
function pushMatch(program: Instruction[], values: readonly number[], verdict: number): void {
  values.forEach((value, index) => {
    const left = values.length - 1 - index;
    // The last comparison jumps over the return when it does not match.
    program.push({ code: JUMP_EQUAL, ifTrue: left, ifFalse: left === 0 ? 1 : 0, value });
  });
  program.push(instruction(RETURN, verdict));
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

function swap16(value: number): number {
  return ((value & 0xff) << 8) | (value >>> 8);
}

function swap32(value: number): number {
  const high = swap16(value & 0xffff);
  return ((high << 16) | swap16(value >>> 16)) >>> 0;
}
