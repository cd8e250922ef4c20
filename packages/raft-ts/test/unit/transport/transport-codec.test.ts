import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Message } from '../../../src/core/message.ts';
import type { Entry, EntryType } from '../../../src/core/types.ts';
import { ProtocolError } from '../../../src/transport/errors.ts';
import { decodeFlat } from '../../../src/transport/flat-codec.ts';
import { encodeFrame, FrameReader, FrameType } from '../../../src/transport/frame.ts';
import { decodeMessage, encodeMessage } from '../../../src/transport/message-codec.ts';

const count = fc.maxSafeNat();
const id = fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' });
const envelope = { from: id, to: id, term: count };
const data = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.integer({ min: 4000, max: 9000 }).map((length) => new Uint8Array(length).fill(7)),
);

const append = fc
  .record({
    ...envelope,
    prevIndex: fc.nat(),
    prevTerm: count,
    commit: count,
    pieces: fc.array(fc.tuple(count, fc.constantFrom<EntryType>(0, 1, 2), data), { maxLength: 8 }),
  })
  .map(({ pieces, ...rest }): Message => {
    const entries = pieces.map(
      ([term, type, piece], i): Entry => ({
        index: rest.prevIndex + 1 + i,
        term,
        type,
        data: piece,
      }),
    );
    return { kind: 'append', ...rest, entries };
  });

const message: fc.Arbitrary<Message> = fc.oneof(
  append,
  fc.record({
    kind: fc.constantFrom('vote' as const, 'pre-vote' as const),
    ...envelope,
    lastIndex: count,
    lastTerm: count,
    transfer: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom('vote-response' as const, 'pre-vote-response' as const),
    ...envelope,
    granted: fc.boolean(),
    tornLog: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('append-response' as const),
    ...envelope,
    success: fc.boolean(),
    index: count,
    hintIndex: count,
    hintTerm: count,
  }),
  fc.record({
    kind: fc.constant('heartbeat' as const),
    ...envelope,
    commit: count,
    readRound: count,
  }),
  fc.record({
    kind: fc.constant('heartbeat' as const),
    ...envelope,
    commit: count,
    readRound: count,
    allMatched: count,
  }),
  fc.record({ kind: fc.constant('heartbeat-response' as const), ...envelope, readRound: count }),
  fc.record({
    kind: fc.constant('timeout-now' as const),
    ...envelope,
    lastIndex: count,
    lastTerm: count,
  }),
  fc.record({ kind: fc.constant('propose' as const), from: id, to: id, requestId: count, data }),
  fc.record({ kind: fc.constant('propose' as const), ...envelope, requestId: count, data }),
  fc.record({ kind: fc.constant('read-index' as const), from: id, to: id, requestId: count }),
  fc.record({
    kind: fc.constant('transfer' as const),
    from: id,
    to: id,
    requestId: count,
    target: id,
  }),
  fc.record({
    kind: fc.constant('forward-response' as const),
    ...envelope,
    requestId: count,
    outcome: fc.constantFrom('accepted', 'not-leader', 'dropped', 'busy', 'failed'),
    index: count,
    leader: fc.option(id),
  }),
);

/** With data as text: a Buffer is no plain Uint8Array. */
function plain(found: Message): unknown {
  const text = (piece: Uint8Array): string => Buffer.from(piece).toString('base64');
  if (found.kind === 'propose') return { ...found, data: text(found.data) };
  if (found.kind !== 'append') return found;
  return {
    ...found,
    entries: found.entries.map((entry) => ({ ...entry, data: text(entry.data) })),
  };
}

function bodyOf(one: Message): Buffer {
  const frame = Buffer.concat(encodeMessage(one).parts);
  let body: Buffer | null = null;
  new FrameReader(2 ** 24, (type, found) => {
    expect(type).toBe(FrameType.message);
    body = found;
    return true;
  }).push(frame);
  return body!;
}

describe('the message codec', () => {
  it('gives back every message as it was', () => {
    fc.assert(
      fc.property(message, (one) => {
        const { parts, bytes } = encodeMessage(one);
        expect(Buffer.concat(parts).length).toBe(bytes);
        expect(plain(decodeMessage(bodyOf(one)))).toEqual(plain(one));
      }),
    );
  });

  it('refuses or accepts mutated messages, and never does anything else', () => {
    const mutation = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(message, fc.array(mutation, { minLength: 1, maxLength: 4 }), (one, changes) => {
        const body = Buffer.from(bodyOf(one));
        for (const [at, value] of changes) body[at % Math.min(body.length, 60)] = value;
        expectDecodedOrRefused(body);
      }),
      { numRuns: 3000 },
    );
  });

  it('refuses or accepts random bytes, and never does anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expectDecodedOrRefused(Buffer.from(bytes));
      }),
      { numRuns: 3000 },
    );
  });

  it('does not copy large data, and B34: does not encode entries that do not follow', () => {
    const large = new Uint8Array(100_000);
    const entry = { index: 8, term: 1, type: 0 as const, data: large };
    const request = {
      kind: 'append',
      from: 'a',
      to: 'b',
      term: 1,
      prevIndex: 7,
      prevTerm: 1,
    } as const;
    const { parts } = encodeMessage({ ...request, commit: 0, entries: [entry] });
    expect(parts).toContain(large);
    expect(() =>
      encodeMessage({ ...request, commit: 0, entries: [{ ...entry, index: 9 }] }),
    ).toThrow(RangeError);
    const empty = { ...request, prevIndex: 8 };
    expect(() => encodeMessage({ ...empty, commit: 0, entries: [entry] })).toThrow(RangeError);
  });
});

function expectDecodedOrRefused(body: Buffer): void {
  try {
    const decoded = decodeMessage(body);
    expect(Number.isSafeInteger(('term' in decoded ? decoded.term : 0) ?? 0)).toBe(true);
    if (decoded.kind === 'append') {
      for (const [i, entry] of decoded.entries.entries()) {
        expect(entry.index).toBe(decoded.prevIndex + 1 + i);
      }
    }
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
  }
}

describe('the frame reader', () => {
  it('cuts a stream the same way wherever it is split', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 10 }),
        fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }),
        (bodies, sizes) => {
          const stream = Buffer.concat(bodies.map((body) => encodeFrame(FrameType.message, body)));
          const found: Buffer[] = [];
          const reader = new FrameReader(1000, (_, body) => found.push(Buffer.from(body)) > 0);
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length]!;
            reader.push(stream.subarray(at, at + size));
            at += size;
          }
          expect(found.map((body) => [...body])).toEqual(bodies.map((body) => [...body]));
        },
      ),
    );
  });

  it('refuses a length above the limit as soon as it is announced, and sets nothing aside for it', () => {
    const reader = new FrameReader(1000, () => true);
    const before = process.memoryUsage().arrayBuffers;
    expect(() => reader.push(Buffer.from([0xff, 0xff, 0xff, 0xff]))).toThrow(ProtocolError);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
    expect(() => new FrameReader(1000, () => true).push(Buffer.from([0, 0, 0, 1, 1]))).toThrow(
      ProtocolError,
    );
    expect(() => new FrameReader(1000, () => true).push(Buffer.from([0, 0, 0, 2, 9, 4]))).toThrow(
      /version 9/,
    );
  });

  it('sets nothing aside for a length that is announced and allowed', () => {
    const before = process.memoryUsage().arrayBuffers;
    const reader = new FrameReader(2 ** 31, () => true);
    reader.push(Buffer.from([0x70, 0, 0, 0, 1, 4]));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });
});

it('a list that announces more than it has is refused before msgpackr sees it', () => {
  const lists = [
    [0xdd, 0x01, 0xc0, 0, 0],
    [0xdc, 0xff, 0xff],
    [0x91, 0xdd, 0x01, 0xc0, 0, 0],
    [0x91, 0xdf, 0x01, 0xc0, 0, 0],
    [0x91, 0xc7, 0x02, 0x74, 0, 0],
    [0x91, 0xdb, 0x7f, 0xff, 0xff, 0xff],
    [0x92, 0x01],
    [0x91, 0x01, 0x01],
    [],
  ];
  for (const list of lists) expect(() => decodeFlat(Buffer.from(list))).toThrow(ProtocolError);
});
