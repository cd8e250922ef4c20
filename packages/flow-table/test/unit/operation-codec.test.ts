import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  FlowAttribute,
  FlowCodecError,
  FlowCodecVersionError,
  FlowRecord,
  FlowValueError,
  OPERATION_BYTES_MAX,
  OperationKind,
  OperationLimitError,
  OperationReader,
  OperationWriter,
  validateOperations,
} from '../../src/index.ts';
import { arbitraryFlow, contentOf, keyText, newFlow } from '../arbitrary-flows.ts';

vi.setConfig({ testTimeout: 120_000 });

const kinds = fc.constantFrom('create', 'update', 'touch', 'delete');
const operations = fc.array(fc.tuple(kinds, arbitraryFlow), { maxLength: 30 });

function pack(list: readonly (readonly ['create' | 'update' | 'touch' | 'delete', FlowRecord])[]) {
  const writer = new OperationWriter();
  for (const [kind, flow] of list) writer[kind](flow);
  return writer.finish();
}

describe('operations', () => {
  it('come back as they were written, with keys readable without decoding', () => {
    fc.assert(
      fc.property(operations, (list) => {
        const blob = pack(list as never);
        expect(validateOperations(blob)).toBe(list.length);
        const reader = new OperationReader(blob);
        for (const [kind, flow] of list) {
          expect(reader.next()).toBe(true);
          expect(reader.kind).toBe(OperationKind[kind]);
          expect(reader.keyLength).toBe(flow.family === 2 ? 16 : 40);
          expect(keyText(reader.fields)).toBe(keyText(flow));
          if (kind === 'delete') expect(reader.fields.attributes).toBe(0);
          else if (kind === 'touch') {
            expect(reader.fields.attributes).toBe(FlowAttribute.timeout);
            expect(reader.fields.timeoutSeconds).toBe(flow.timeoutSeconds);
          } else expect(contentOf(reader.fields)).toEqual(contentOf(flow));
        }
        expect(reader.next()).toBe(false);
      }),
    );
  });

  it('have the documented bytes', () => {
    const flow = new FlowRecord();
    flow.protocol = 6;
    flow.originalSource.set([10, 0, 0, 1]);
    flow.originalDestination.set([10, 0, 0, 2]);
    flow.originalL4 = (1000 << 16) | 80;
    flow.replySource.set([10, 0, 0, 2]);
    flow.replyDestination.set([1, 2, 3, 4]);
    flow.replyL4 = (80 << 16) | 1000;
    flow.attributes = FlowAttribute.reply | FlowAttribute.timeout | FlowAttribute.tcp;
    flow.timeoutSeconds = 300;
    flow.tcpState = 3;
    flow.tcpWindowScaleReply = 7;
    const hex = Buffer.from(pack([['create', flow]])).toString('hex');
    expect(hex).toBe(
      '0100000000000001' +
        '2201' +
        '020600000a0000010a00000203e80050' +
        '0015' +
        '0201020304' +
        '0000012c' +
        '0300070000',
    );
  });

  it('take about 40 bytes for an IPv4 TCP flow with NAT, and never more than the announced most', () => {
    const { reply, status, timeout, mark, tcp } = FlowAttribute;
    const writer = new OperationWriter();
    const flow = newFlow(0, reply | status | timeout | mark | tcp, 1);
    flow.replySource.set(flow.originalDestination);
    writer.create(flow);
    expect(writer.byteLength - 8).toBeLessThanOrEqual(56);
    writer.reset();
    const all = newFlow(3, 0x3fff, 5);
    all.helper = 'x'.repeat(15);
    all.replySource[0]! ^= 1;
    all.replyDestination.set(all.replySource);
    all.replyL4 = 1;
    writer.create(all);
    expect(writer.byteLength - 8).toBe(OPERATION_BYTES_MAX);
  });

  it('refuse a newer format version by name', () => {
    const blob = pack([]);
    blob[0] = 3;
    expect(() => new OperationReader(blob)).toThrow(FlowCodecVersionError);
    expect(() => validateOperations(blob)).toThrow(/version 3.*reads version 2/);
  });

  it('give an error with offset and reason for any cut blob', () => {
    const blob = pack([
      ['create', newFlow(1, 0x3fff, 7)],
      ['touch', newFlow(3, 4, 8)],
      ['delete', newFlow(2, 0, 9)],
    ]);
    for (let length = 0; length < blob.length; length += 1) {
      expect(() => validateOperations(blob.subarray(0, length))).toThrow(FlowCodecError);
    }
    expect(() => validateOperations(Buffer.concat([blob, Uint8Array.of(0)]))).toThrow(/behind/);
  });

  it('give operations or a FlowCodecError for any flipped bytes, and never more operations than announced', () => {
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(operations, fc.array(change, { minLength: 1, maxLength: 4 }), (list, changes) => {
        const blob = pack(list as never);
        for (const [at, value] of changes) blob[at % blob.length] = value;
        walk(blob);
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        walk(Buffer.concat([Uint8Array.of(1, 0, 0, 0, 0, 0, 0, bytes.length & 7), bytes]));
        walk(bytes);
      }),
      { numRuns: 3000 },
    );
  });

  it('are read again by a writer: what any blob says can be packed again', () => {
    const writer = new OperationWriter();
    fc.assert(
      fc.property(operations, (list) => {
        const reader = new OperationReader(pack(list as never));
        writer.reset();
        while (reader.next()) {
          const name = (['create', 'update', 'touch', 'delete'] as const)[reader.kind - 1]!;
          writer[name](reader.fields);
        }
        expect(Buffer.from(writer.view())).toEqual(Buffer.from(pack(list as never)));
      }),
    );
  });
});

describe('OperationWriter', () => {
  it('refuses what does not fit and keeps what it had', () => {
    const writer = new OperationWriter({ byteLengthMax: 1024 });
    const flow = newFlow(3, 0x1f, 1);
    while (writer.hasRoom) writer.create(flow);
    let refused = 0;
    while (refused === 0) {
      const before = writer.byteLength;
      try {
        writer.create(flow);
      } catch (error) {
        expect(error).toBeInstanceOf(OperationLimitError);
        expect(writer.byteLength).toBe(before);
        refused += 1;
      }
    }
    expect(writer.byteLength).toBeLessThanOrEqual(1024);
    expect(validateOperations(writer.finish())).toBe(writer.count);
  });

  it('refuses values that the format cannot carry and keeps what it had', () => {
    const writer = new OperationWriter();
    const flow = newFlow(1, FlowAttribute.helper, 1);
    for (const helper of ['', 'sixteen letters!', 'ümlaut', 'a\nb']) {
      flow.helper = helper;
      expect(() => writer.create(flow)).toThrow(FlowValueError);
    }
    flow.attributes = 1 << 14;
    expect(() => writer.update(flow)).toThrow(FlowValueError);
    flow.attributes = FlowAttribute.zoneDirection;
    flow.zoneDirection = 3;
    expect(() => writer.update(flow)).toThrow(FlowValueError);
    expect(writer.count).toBe(0);
    expect(validateOperations(writer.finish())).toBe(0);
  });

  it('grows far beyond its first buffer', () => {
    const writer = new OperationWriter({ byteLengthMax: 8 * 1024 * 1024 });
    for (let key = 0; key < 50_000; key += 1) writer.create(newFlow(key, 0x1f, key));
    const reader = new OperationReader(writer.finish());
    for (let key = 0; reader.next(); key += 1) {
      if (key % 997 === 0)
        expect(contentOf(reader.fields)).toEqual(contentOf(newFlow(key, 0x1f, key)));
    }
    expect(reader.count).toBe(50_000);
  });
});

function walk(blob: Uint8Array): void {
  try {
    const reader = new OperationReader(blob);
    let seen = 0;
    while (reader.next()) {
      contentOf(reader.fields);
      seen += 1;
    }
    expect(seen).toBe(reader.count);
  } catch (error) {
    if (!(error instanceof FlowCodecError)) throw error;
    expect(error.offset).toBeGreaterThanOrEqual(0);
    expect(error.offset).toBeLessThanOrEqual(blob.length);
    expect(error.reason).not.toBe('');
  }
}
