import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ExpectationRecord,
  ExpectationTable,
  expectationKey,
  FlowCodecError,
  FlowTable,
  FlowValueError,
  OPERATION_BYTES_MAX,
  OPERATION_FORMAT_VERSION,
  OPERATION_FORMAT_VERSION_EXPECTATIONS,
  OperationKind,
  OperationReader,
  OperationWriter,
  validateOperations,
} from '../../src/index.ts';
import { keyOf, newFlow, Random } from '../arbitrary-flows.ts';

/** Expectation number `number` of the flow with key number `master`, with any values from `seed`. */
function newExpectation(master: number, number: number, seed = number): ExpectationRecord {
  const expectation = new ExpectationRecord();
  const random = new Random(seed + 1);
  const flow = newFlow(master, 0, 0);
  keyOf(master, flow);
  Object.assign(expectation.master, {
    family: flow.family,
    protocol: flow.protocol,
    zone: flow.zone,
  });
  expectation.master.originalSource.set(flow.originalSource);
  expectation.master.originalDestination.set(flow.originalDestination);
  expectation.master.originalL4 = flow.originalL4;
  const length = flow.family === 10 ? 16 : 4;
  random.fill(expectation.source, length);
  random.fill(expectation.destination, length);
  expectation.protocol = random.below(256);
  expectation.l4 = number;
  random.fill(expectation.maskSource, length);
  random.fill(expectation.maskDestination, length);
  expectation.maskL4 = random.word();
  expectation.timeoutSeconds = random.below(3600);
  expectation.flags = random.below(8);
  expectation.policy = random.below(256);
  expectation.helper = 'ftp-20 sip amanda tftp'.slice(0, random.below(16));
  expectation.nextHelper = 'nat-follow-master and on and on'.slice(0, random.below(32));
  expectation.natDirection = random.below(3) - 1;
  if (expectation.natDirection >= 0) {
    random.fill(expectation.natSource, length);
    expectation.natProtocol = random.below(256);
    expectation.natL4 = random.word();
  }
  return expectation;
}

const arbitrary = fc
  .record({ master: fc.nat(40), number: fc.nat(), seed: fc.nat() })
  .map(({ master, number, seed }) => newExpectation(master, number, seed));

function pack(list: readonly ExpectationRecord[]): Uint8Array {
  const writer = new OperationWriter();
  for (const expectation of list) writer.expect(expectation);
  return writer.finish();
}

const keys = (table: ExpectationTable): string[] => [...table.values()].map(expectationKey).sort();

describe('operations on expectations', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { minLength: 1, maxLength: 20 }), (list) => {
        const reader = new OperationReader(pack(list));
        for (const expectation of list) {
          expect(reader.next()).toBe(true);
          expect(reader.kind).toBe(OperationKind.expect);
          expect(reader.fields.attributes).toBe(0);
          expect(reader.expectation).toEqual(expectation);
        }
        expect(reader.next()).toBe(false);
      }),
    );
  });

  it('raise the format version of their blob, and of theirs alone', () => {
    const writer = new OperationWriter();
    writer.create(newFlow(1, 0x1f, 1));
    expect(writer.view()[0]).toBe(OPERATION_FORMAT_VERSION);
    writer.unexpect(newExpectation(1, 1));
    expect(writer.view()[0]).toBe(OPERATION_FORMAT_VERSION_EXPECTATIONS);
    const blob = writer.finish();
    writer.reset();
    writer.create(newFlow(1, 0x1f, 1));
    expect(writer.view()[0]).toBe(OPERATION_FORMAT_VERSION);
    // A release that knows no expectations would not have let them pass.
    blob[0] = OPERATION_FORMAT_VERSION;
    expect(() => validateOperations(blob)).toThrow(/operation kind 6 is unknown/);
  });

  it('are never longer than an operation may be', () => {
    const longest = newExpectation(3, 1);
    longest.helper = 'x'.repeat(15);
    longest.nextHelper = 'y'.repeat(31);
    longest.natDirection = 1;
    expect(pack([longest]).length - 8).toBeLessThanOrEqual(OPERATION_BYTES_MAX);
  });

  it('give an error for every cut, and operations or an error for any flipped bytes', () => {
    const blob = pack([newExpectation(1, 1), newExpectation(3, 2)]);
    for (let length = 0; length < blob.length; length += 1) {
      expect(() => validateOperations(blob.subarray(0, length))).toThrow(FlowCodecError);
    }
    const change = fc.tuple(fc.nat(), fc.nat(255));
    fc.assert(
      fc.property(
        fc.array(arbitrary, { minLength: 1, maxLength: 5 }),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (list, changes) => {
          const bytes = pack(list);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          try {
            new ExpectationTable().apply(bytes);
          } catch (error) {
            if (!(error instanceof FlowCodecError)) throw error;
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['helper', 'sixteen letters!'],
    ['nextHelper', 'ümlaut'],
    ['flags', 256],
    ['policy', -1],
    ['natDirection', 2],
  ])('refuse a value of %s that they cannot carry', (field, value) => {
    const writer = new OperationWriter();
    const expectation = Object.assign(newExpectation(1, 1), { [field]: value });
    expect(() => writer.expect(expectation)).toThrow(FlowValueError);
    expect(writer.count).toBe(0);
  });

  it('are passed over by the table of flows', () => {
    const table = new FlowTable({}, { nowMs: () => 0 });
    const writer = new OperationWriter();
    writer.create(newFlow(1, 0x1f, 1));
    writer.expect(newExpectation(1, 1));
    writer.unexpect(newExpectation(1, 1));
    expect(table.apply(writer.finish())).toMatchObject({ created: 1, ignored: 0 });
    expect(table.size).toBe(1);
  });
});

describe('ExpectationTable', () => {
  it('keeps each once, in its newest form, and tells who comes and goes', () => {
    const table = new ExpectationTable();
    const told: string[] = [];
    const observe = (it: ExpectationRecord, change: string): void => {
      told.push(`${change} ${it.l4} ${it.timeoutSeconds}`);
    };
    const [first, again] = [newExpectation(1, 1), newExpectation(1, 1)];
    first.timeoutSeconds = 5;
    again.timeoutSeconds = 6;
    table.apply(pack([first, newExpectation(2, 2, 2), again]), observe);
    expect(table.size).toBe(2);
    expect(table.has(first)).toBe(true);
    const writer = new OperationWriter();
    writer.unexpect(first);
    writer.unexpect(newExpectation(9, 9));
    table.apply(writer.finish(), observe);
    expect(table.has(first)).toBe(false);
    expect(told[0]).toBe('expected 1 5');
    expect(told[2]).toBe('expected 1 6');
    expect(told[3]).toBe('gone 1 6');
    expect(told).toHaveLength(4);
  });

  it.each(['create', 'delete'] as const)(
    'loses what a flow expected with a %s of the flow',
    (kind) => {
      const table = new ExpectationTable();
      table.apply(pack([newExpectation(1, 1), newExpectation(1, 2), newExpectation(2, 3)]));
      const writer = new OperationWriter();
      writer[kind](newFlow(1, 0x1f, 1));
      const gone: number[] = [];
      table.apply(writer.finish(), ({ l4 }) => gone.push(l4));
      expect(gone.sort()).toEqual([1, 2]);
      expect(table.size).toBe(1);
    },
  );

  it('stays as it is when a flow is changed or touched', () => {
    const table = new ExpectationTable();
    table.apply(pack([newExpectation(1, 1)]));
    const writer = new OperationWriter();
    writer.update(newFlow(1, 0x1f, 1));
    writer.touch(newFlow(1, 0x1f, 1));
    table.apply(writer.finish());
    expect(table.size).toBe(1);
  });

  it('is the same behind its packed form', () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 30 }), (list) => {
        const table = new ExpectationTable();
        table.apply(pack(list));
        const copy = new ExpectationTable();
        copy.apply(table.encode());
        expect(keys(copy)).toEqual(keys(table));
        expect(copy.size).toBe(table.size);
        copy.clear();
        expect([copy.size, keys(copy)]).toEqual([0, []]);
      }),
    );
  });
});
