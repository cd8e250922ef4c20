import { Buffer } from 'node:buffer';
import type { ForwardedResponse, Message } from '../core/message.ts';
import { type Entry, EntryType } from '../core/types.ts';
import { readUint64, writeUint64 } from '../storage/uint64.ts';
import { ProtocolError } from './errors.ts';
import { decodeFlat, encodeFlat, type Scalar } from './flat-codec.ts';
import { FrameType, frameHeaderBytes, writeFrameHeader } from './frame.ts';

type Field = 'count' | 'optionalCount' | 'flag' | 'id' | 'optionalId' | 'outcome';

interface Shape {
  /** Durable on the wire, never reused. */
  readonly code: number;
  /** In wire order, behind kind, from and to. */
  readonly fields: Readonly<Record<string, Field>>;
}

const voteRequest = {
  term: 'count',
  lastIndex: 'count',
  lastTerm: 'count',
  transfer: 'flag',
} as const;
const voteResponse = { term: 'count', granted: 'flag', tornLog: 'flag' } as const;

const shapes = {
  'pre-vote': { code: 1, fields: voteRequest },
  vote: { code: 2, fields: voteRequest },
  'pre-vote-response': { code: 3, fields: voteResponse },
  'vote-response': { code: 4, fields: voteResponse },
  append: {
    code: 5,
    fields: { term: 'count', prevIndex: 'count', prevTerm: 'count', commit: 'count' },
  },
  'append-response': {
    code: 6,
    fields: {
      term: 'count',
      success: 'flag',
      index: 'count',
      hintIndex: 'count',
      hintTerm: 'count',
    },
  },
  heartbeat: {
    code: 7,
    fields: { term: 'count', commit: 'count', readRound: 'count', allMatched: 'optionalCount' },
  },
  'heartbeat-response': {
    code: 8,
    fields: { term: 'count', readRound: 'count', wantedSnapshot: 'optionalCount' },
  },
  'timeout-now': { code: 9, fields: { term: 'count', lastIndex: 'count', lastTerm: 'count' } },
  propose: { code: 10, fields: { requestId: 'count', term: 'optionalCount' } },
  'read-index': { code: 11, fields: { requestId: 'count' } },
  transfer: { code: 12, fields: { requestId: 'count', target: 'id' } },
  'forward-response': {
    code: 13,
    fields: {
      requestId: 'count',
      outcome: 'outcome',
      index: 'count',
      term: 'count',
      leader: 'optionalId',
    },
  },
} as const satisfies Record<Message['kind'], Shape>;

const kindByCode = new Map<Scalar, Message['kind']>(
  Object.entries(shapes).map(([kind, { code }]) => [code, kind as Message['kind']]),
);

const outcomes: readonly ForwardedResponse['outcome'][] = [
  'accepted',
  'not-leader',
  'dropped',
  'busy',
  'failed',
];
const entryTypes: readonly number[] = Object.values(EntryType);

/** Head length, before the head. */
const headLengthBytes = 2;
/** Term, type and data length of an entry, before its data. */
const entryHeaderBytes = 13;
/** Data above this size is handed to the socket as it is, without a copy. */
const copyBytesMax = 4096;
const idBytesMax = 255;

/** A frame in parts that are sent one after the other. */
export interface EncodedFrame {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
}

/** Whether a message goes the way of the bulk: behind others of its size rather than in front of votes. */
export function isBulk(message: Message): boolean {
  return message.kind === 'propose' || (message.kind === 'append' && message.entries.length > 0);
}

/**
 * Encodes a message as a frame. Entries' data is not encoded at all: small pieces are copied, large ones are part of the
 * result as they are, so that sending them to several members costs no more.
 *
 * @throws {RangeError} If the entries of an append do not follow `prevIndex`: such a message must never leave.
 */
export function encodeMessage(message: Message): EncodedFrame {
  const head = encodeHead(message);
  const tail = message.kind === 'append' ? message.entries : [];
  assertContiguous(message);
  const data = message.kind === 'propose' ? [message.data] : tail.map((entry) => entry.data);
  const dataBytes = data.reduce((sum, { length }) => sum + length, 0);
  const copiedBytes = data.reduce((sum, { length }) => sum + (isCopied(length) ? length : 0), 0);
  const fixedBytes = headLengthBytes + head.length + tail.length * entryHeaderBytes;
  const bytes = frameHeaderBytes + fixedBytes + dataBytes;
  const frame = new FrameParts(frameHeaderBytes + fixedBytes + copiedBytes);
  writeFrameHeader(frame.take(frameHeaderBytes), FrameType.message, bytes - frameHeaderBytes);
  frame.take(headLengthBytes).writeUInt16BE(head.length);
  frame.add(head);
  for (const [i, piece] of data.entries()) {
    const entry = tail[i];
    if (entry !== undefined) writeEntryHeader(frame.take(entryHeaderBytes), entry);
    frame.add(piece);
  }
  return { parts: frame.end(), bytes };
}

function encodeHead(message: Message): Buffer {
  const shape: Shape = shapes[message.kind];
  const values = message as unknown as Readonly<Record<string, Scalar | undefined>>;
  const head: Scalar[] = [shape.code, message.from, message.to];
  for (const name of Object.keys(shape.fields)) head.push(values[name] ?? null);
  return encodeFlat(head);
}

function assertContiguous(message: Message): void {
  if (message.kind !== 'append') return;
  for (const [i, { index }] of message.entries.entries()) {
    if (index !== message.prevIndex + 1 + i) {
      throw new RangeError(`append with entry ${index} behind ${message.prevIndex + i}`);
    }
  }
}

function writeEntryHeader(target: Buffer, entry: Entry): void {
  writeUint64(target, entry.term, 0);
  target[8] = entry.type;
  target.writeUInt32LE(entry.data.length, 9);
}

function isCopied(bytes: number): boolean {
  return bytes <= copyBytesMax;
}

/** Collects the parts of a frame: one buffer for what is small, cut where something large comes between. */
class FrameParts {
  readonly #buffer: Buffer;
  readonly #parts: Uint8Array[] = [];
  #start = 0;
  #position = 0;

  constructor(bytes: number) {
    this.#buffer = Buffer.allocUnsafe(bytes);
  }

  take(bytes: number): Buffer {
    const from = this.#position;
    this.#position += bytes;
    return this.#buffer.subarray(from, this.#position);
  }

  add(piece: Uint8Array): void {
    if (isCopied(piece.length)) {
      this.take(piece.length).set(piece);
      return;
    }
    this.#parts.push(this.#buffer.subarray(this.#start, this.#position), piece);
    this.#start = this.#position;
  }

  end(): readonly Uint8Array[] {
    if (this.#position > this.#start) {
      this.#parts.push(this.#buffer.subarray(this.#start, this.#position));
    }
    return this.#parts;
  }
}

/**
 * Decodes and checks the body of a message frame. Data is a view of `body`.
 *
 * @throws {ProtocolError} If anything in it is not as it must be.
 */
export function decodeMessage(body: Buffer): Message {
  const headEnd = headLengthBytes + (body.length < headLengthBytes ? 0 : body.readUInt16BE(0));
  if (headEnd > body.length) throw new ProtocolError('a head that is longer than its frame');
  const head = decodeFlat(body.subarray(headLengthBytes, headEnd));
  const tail = body.subarray(headEnd);
  const fields = decodeHead(head);
  if (fields['kind'] === 'append') {
    fields['entries'] = decodeEntries(tail, fields['prevIndex'] as number);
  } else if (fields['kind'] === 'propose') {
    fields['data'] = tail;
  } else if (tail.length > 0) {
    throw new ProtocolError(`${tail.length} bytes behind a ${String(fields['kind'])}`);
  }
  return fields as unknown as Message;
}

function decodeHead(head: readonly Scalar[]): Record<string, unknown> {
  const kind = kindByCode.get(head[0] ?? null);
  if (kind === undefined) throw new ProtocolError(`unknown kind ${String(head[0])}`);
  const fields = Object.entries((shapes[kind] as Shape).fields);
  if (head.length !== 3 + fields.length)
    throw new ProtocolError(`${kind} with ${head.length} values`);
  const message: Record<string, unknown> = {
    kind,
    from: checked(kind, 'from', 'id', head[1]),
    to: checked(kind, 'to', 'id', head[2]),
  };
  for (const [i, [name, field]] of fields.entries()) {
    const value = checked(kind, name, field, head[3 + i]);
    if (value !== null || field !== 'optionalCount') message[name] = value;
  }
  return message;
}

const checks: Readonly<Record<Field, (value: unknown) => boolean>> = {
  count: isCount,
  optionalCount: (value) => value === null || isCount(value),
  flag: (value) => typeof value === 'boolean',
  id: isId,
  optionalId: (value) => value === null || isId(value),
  outcome: (value) => (outcomes as readonly unknown[]).includes(value),
};

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isId(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && Buffer.byteLength(value) <= idBytesMax;
}

function checked(kind: string, name: string, field: Field, value: unknown): unknown {
  if (checks[field](value)) return value;
  throw new ProtocolError(`${kind} with a bad ${name}`);
}

function decodeEntries(bytes: Buffer, prevIndex: number): Entry[] {
  const entries: Entry[] = [];
  let position = 0;
  while (position < bytes.length) {
    const dataOffset = position + entryHeaderBytes;
    if (dataOffset > bytes.length) throw new ProtocolError('an entry that ends too early');
    const term = readUint64(bytes, position);
    const type = bytes[position + 8]!;
    const end = dataOffset + bytes.readUInt32LE(position + 9);
    const index = prevIndex + 1 + entries.length;
    const isGood =
      end <= bytes.length && isCount(term) && isCount(index) && entryTypes.includes(type);
    if (!isGood) throw new ProtocolError(`a bad entry behind ${index - 1}`);
    entries.push({ index, term, type: type as EntryType, data: bytes.subarray(dataOffset, end) });
    position = end;
  }
  return entries;
}
