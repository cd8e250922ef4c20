import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialConfig } from '../../../src/core/config.ts';
import type { SnapshotMessage } from '../../../src/core/message.ts';
import { redialDelayMs, type TransportContext } from '../../../src/transport/context.ts';
import { ProtocolError, refusalReasons } from '../../../src/transport/errors.ts';
import { decodeFlat, encodeFlat, type Scalar } from '../../../src/transport/flat-codec.ts';
import { encodeFrame, FrameReader, FrameType } from '../../../src/transport/frame.ts';
import {
  decodeHello,
  decodeRefusal,
  encodeHello,
  encodeRefusal,
  type Hello,
} from '../../../src/transport/handshake.ts';
import { decodeMessage } from '../../../src/transport/message-codec.ts';
import { defaultTransportLimits } from '../../../src/transport/options.ts';
import {
  decodeChunk,
  decodeOffer,
  decodeProgress,
  decodeSnapshotRefusal,
  encodeChunk,
  encodeOffer,
  encodeProgress,
  encodeSnapshotRefusal,
} from '../../../src/transport/snapshot-codec.ts';
import { contentOf, messageOf, metaOf } from './snapshot-ends.ts';

const count = fc.maxSafeNat();
const id = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' });
const hex = (digits: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits });

const hello: fc.Arbitrary<Hello> = fc.record({
  lane: fc.constantFrom('control', 'bulk', 'snapshot', 'later'),
  clusterId: id,
  clusterGeneration: count,
  from: id,
  to: id,
  incarnation: hex(32),
  featureLevels: fc.record({ min: count, max: count }),
  optionsDigest: fc.string({ maxLength: 64 }),
  address: id,
});

const offer: fc.Arbitrary<SnapshotMessage> = fc.record({
  kind: fc.constant('snapshot' as const),
  from: id,
  to: id,
  term: count,
  meta: fc.record({
    lastIndex: fc.integer({ min: 1000, max: Number.MAX_SAFE_INTEGER }),
    lastTerm: count,
    configIndex: fc.nat(1000),
    bytes: count,
    digest: hex(64),
    formatVersion: fc.nat(65_535),
    config: fc
      .dictionary(
        id.filter((one) => one !== '__proto__'),
        id,
        { minKeys: 1, maxKeys: 9, noNullPrototype: true },
      )
      .map(initialConfig),
  }),
});

const piece = fc.uint8Array({ minLength: 1, maxLength: 300 });
const text = fc.string({ maxLength: 1000 });

/** The body of a chunk's frame. */
function chunkBody(offset: number, data: Uint8Array): Buffer {
  return Buffer.concat(encodeChunk(offset, data)).subarray(6);
}

describe('what was encoded is decoded as it was', () => {
  it('hello and refusal', () => {
    fc.assert(
      fc.property(hello, (one) => {
        expect(decodeHello(encodeHello(one))).toEqual(one);
      }),
    );
    fc.assert(
      fc.property(fc.constantFrom(...refusalReasons), text, (reason, detail) => {
        expect(decodeRefusal(encodeRefusal({ reason, detail }))).toEqual({ reason, detail });
      }),
    );
  });

  it('offer, progress, chunk and refusal of a snapshot', () => {
    fc.assert(
      fc.property(offer, (one) => {
        expect(decodeOffer(encodeOffer(one)!)).toEqual(one);
      }),
    );
    fc.assert(
      fc.property(count, (one) => {
        expect(decodeProgress(encodeProgress(one))).toBe(one);
      }),
    );
    fc.assert(
      fc.property(count, piece, (offset, data) => {
        const found = decodeChunk(chunkBody(offset, data));
        expect(found.offset).toBe(offset);
        expect(Buffer.compare(found.data, data)).toBe(0);
      }),
    );
    const reasons = ['busy', 'unsupported', 'refused', 'failed'] as const;
    fc.assert(
      fc.property(fc.constantFrom(...reasons), text, (reason, detail) => {
        expect(decodeSnapshotRefusal(encodeSnapshotRefusal({ reason, detail }))).toEqual({
          reason,
          detail,
        });
      }),
    );
  });
});

describe('every decoder of bytes from the network', () => {
  const decoders: Readonly<
    Record<string, readonly [(body: Buffer) => unknown, fc.Arbitrary<Buffer>]>
  > = {
    hello: [decodeHello, hello.map(encodeHello)],
    refusal: [decodeRefusal, text.map((detail) => encodeRefusal({ reason: 'options', detail }))],
    message: [decodeMessage, fc.constant(Buffer.from([0, 2, 0x91, 11]))],
    'a list': [
      decodeFlat,
      fc.array(fc.oneof(text, count, fc.boolean()), { maxLength: 15 }).map(encodeFlat),
    ],
    offer: [decodeOffer, offer.map((one) => encodeOffer(one)!)],
    progress: [decodeProgress, count.map(encodeProgress)],
    chunk: [decodeChunk, fc.tuple(count, piece).map(([offset, data]) => chunkBody(offset, data))],
    'refusal of a snapshot': [
      decodeSnapshotRefusal,
      text.map((detail) => encodeSnapshotRefusal({ reason: 'busy', detail })),
    ],
  };
  const change = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });

  it.each(Object.entries(decoders))(
    '%s: takes or refuses mutated bytes, nothing else',
    (_, [decode, good]) => {
      fc.assert(
        fc.property(good, change, fc.nat(), (bytes, changes, cut) => {
          const body = Buffer.from(bytes);
          for (const [at, value] of changes) body[at % body.length] = value;
          takeOrRefuse(decode, body);
          takeOrRefuse(decode, body.subarray(0, cut % body.length));
          takeOrRefuse(decode, Buffer.concat([body, body.subarray(0, cut % 9)]));
        }),
        { numRuns: 2000 },
      );
    },
  );

  it.each(Object.entries(decoders))(
    '%s: takes or refuses random bytes, nothing else',
    (_, [decode]) => {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) =>
          takeOrRefuse(decode, Buffer.from(bytes)),
        ),
        { numRuns: 2000 },
      );
    },
  );

  it.each(Object.entries(decoders))(
    '%s: sets nothing aside for what is only announced',
    (_, [decode]) => {
      const announcing = [
        [0xdd, 0x7f, 0xff, 0xff, 0xff],
        [0xdf, 0x7f, 0xff, 0xff, 0xff],
        [0xc6, 0x7f, 0xff, 0xff, 0xff],
        [0xdb, 0x7f, 0xff, 0xff, 0xff],
        [0xc9, 0x7f, 0xff, 0xff, 0xff, 1],
      ];
      for (const bytes of announcing) {
        // Alone, as an element of a list, and behind the length of a head.
        for (const body of [
          bytes,
          [0x91, ...bytes],
          [0, bytes.length, ...bytes],
          [0, bytes.length + 1, 0x91, ...bytes],
        ]) {
          const before = process.memoryUsage();
          expect(() => decode(Buffer.from(body))).toThrow(ProtocolError);
          const after = process.memoryUsage();
          expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1_000_000);
          expect(after.heapUsed - before.heapUsed).toBeLessThan(4_000_000);
        }
      }
    },
  );

  it('an offer with a number that is none, or a place that cannot be, is refused', () => {
    const good = encodeOffer(messageOf(metaOf(contentOf(1))))!;
    const headEnd = 2 + good.readUInt16BE(0);
    const head = decodeFlat(good.subarray(2, headEnd));
    const offerWith = (at: number, value: Scalar): Buffer => {
      const changed = encodeFlat(head.map((one, i) => (i === at ? value : one)));
      const length = Buffer.from([changed.length >> 8, changed.length & 0xff]);
      return Buffer.concat([length, changed, good.subarray(headEnd)]);
    };
    const [term, lastIndex, lastTerm, configIndex, bytes, formatVersion] = [2, 3, 4, 5, 6, 8];
    for (const at of [term, lastIndex, lastTerm, configIndex, bytes, formatVersion]) {
      for (const value of [-1, 1.5, null, '7', true, 2 ** 60, Number.NaN]) {
        expect(() => decodeOffer(offerWith(at!, value)), `${at} ${value}`).toThrow(ProtocolError);
      }
    }
    expect(() => decodeOffer(offerWith(lastIndex!, 0))).toThrow(ProtocolError);
    expect(() => decodeOffer(offerWith(configIndex!, 901))).toThrow(ProtocolError);
    expect(decodeOffer(offerWith(configIndex!, 900)).meta.configIndex).toBe(900);
  });

  it('an offer with a configuration that is nested without end is refused', () => {
    const good = encodeOffer(messageOf(metaOf(contentOf(1))))!;
    const head = good.subarray(0, 2 + good.readUInt16BE(0));
    for (const config of [
      '['.repeat(250_000),
      '{"voters":'.repeat(20_000),
      '',
      'null',
      '{}',
      '[]',
    ]) {
      const body = Buffer.concat([head, Buffer.from(config)]);
      expect(() => decodeOffer(body)).toThrow(ProtocolError);
    }
  });
});

/** A decoder gives a value or throws a `ProtocolError`. */
function takeOrRefuse(decode: (body: Buffer) => unknown, body: Buffer): void {
  try {
    decode(body);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}

describe('the frame reader', () => {
  const frame = fc.tuple(
    fc.constantFrom(...Object.values(FrameType)),
    fc.uint8Array({ maxLength: 120 }),
  );
  const change = fc.tuple(fc.nat(), fc.nat(255));

  it('cuts a mutated stream into frames within the limit or refuses it, however it is split', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1 });
    fc.assert(
      fc.property(
        fc.array(frame, { minLength: 1, maxLength: 6 }),
        fc.array(change, { maxLength: 3 }),
        sizes,
        (frames, changes, splits) => {
          const stream = Buffer.concat(frames.map(([type, body]) => encodeFrame(type, body)));
          for (const [at, value] of changes) stream[at % stream.length] = value;
          const seen = (chunks: readonly number[]): string[] => {
            const found: string[] = [];
            const reader = new FrameReader(100, (type, body) => {
              expect(body.length).toBeLessThanOrEqual(94);
              return found.push(`${type} ${body.toString('hex')}`) > 0;
            });
            try {
              for (let at = 0, i = 0; at < stream.length; at += chunks[i++ % chunks.length]!) {
                reader.push(stream.subarray(at, at + chunks[i % chunks.length]!));
              }
            } catch (error) {
              if (!(error instanceof ProtocolError)) throw error;
              found.push(error.message);
            }
            return found;
          };
          expect(seen(splits)).toEqual(seen([stream.length]));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('holds what has arrived of a frame, and no more', () => {
    const reader = new FrameReader(2 ** 30, () => true);
    const before = process.memoryUsage().arrayBuffers;
    reader.push(Buffer.from([0x30, 0, 0, 0, 1, 4]));
    for (let i = 0; i < 100; i++) reader.push(Buffer.alloc(10_000));
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4_000_000);
  });
});

it('dialling again waits longer each time, up to a limit, and never as long as another member', () => {
  const context = (random: number): TransportContext =>
    ({ limits: defaultTransportLimits, random: () => random }) as TransportContext;
  expect(
    [0, 1, 2, 3, 4, 5, 50, Number.POSITIVE_INFINITY].map((failures) =>
      redialDelayMs(context(1), failures),
    ),
  ).toEqual([50, 100, 200, 400, 800, 1000, 1000, 1000]);
  expect(redialDelayMs(context(0), 2)).toBe(100);
  expect(redialDelayMs(context(0.5), 2)).toBe(150);
});
