import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  FlowAttribute,
  FlowCodecError,
  FlowDigest,
  FlowRecord,
  FlowTable,
  OperationWriter,
  WordHash,
} from '../../src/index.ts';
import {
  arbitraryStep,
  attributeSet,
  attributesOf,
  contentOf,
  keyOf,
  keyText,
  newFlow,
  Random,
  type Step,
} from '../arbitrary-flows.ts';
import { MapTable } from '../map-table.ts';

vi.setConfig({ testTimeout: 120_000 });

/** Everything collides, or nearly so. */
class BadHash extends WordHash {
  readonly #mask: number;

  constructor(mask: number) {
    super(1, 2);
    this.#mask = mask;
  }

  override words(words: Uint32Array, start: number, end: number, tail = 0): number {
    super.words(words, start, end, tail);
    this.low = (this.low & this.#mask) >>> 0;
    return this.low;
  }
}

const newTable = (hash?: WordHash) =>
  new FlowTable({}, hash ? { nowMs: () => 5000, hash } : { nowMs: () => 5000 });

function packSteps(steps: readonly Step[]): Uint8Array {
  const writer = new OperationWriter();
  for (const { kind, key, set, seed } of steps) writer[kind](newFlow(key, set, seed));
  return writer.finish();
}

function expectEqual(table: FlowTable, map: MapTable): void {
  expect(table.size).toBe(map.flows.size);
  const into = new FlowRecord();
  const digest = new FlowDigest();
  let seen = 0;
  for (let cursor = 0; cursor >= 0; ) {
    cursor = table.forEachPage(cursor, 100, (slot) => {
      table.read(slot, into);
      const key = keyText(into);
      const expected = map.flows.get(key);
      if (!expected) expect.fail(`flow ${key} should not be there`);
      const actual = contentOf(into);
      if (JSON.stringify(sorted(actual)) !== JSON.stringify(sorted(expected))) {
        expect(actual).toEqual(expected);
      }
      if (table.find(into) !== slot) expect.fail(`flow ${key} is not found`);
      const bytes = table.keyBytes(slot);
      if (table.findKey(bytes, 0, bytes.length) !== slot) expect.fail('not found by its bytes');
      digest.add(into);
      seen += 1;
    });
  }
  expect(seen).toBe(map.flows.size);
  expect(table.digest()).toEqual(digest.summary());
}

const sorted = (content: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(content).sort(([left], [right]) => (left < right ? -1 : 1)));

/** Applies the same random operations to a table and a Map, in blobs, over `keys` keys; deletes win in the second half. */
function runDifferential(
  table: FlowTable,
  operations: number,
  keys: number,
  seed: number,
): MapTable {
  const map = new MapTable();
  const random = new Random(seed);
  const writer = new OperationWriter({ byteLengthMax: 64 * 1024 * 1024 });
  const flow = new FlowRecord();
  for (let done = 0; done < operations; ) {
    writer.reset();
    const shrinking = done > operations / 2;
    for (let count = 1 + random.below(2000); count > 0; count -= 1, done += 1) {
      keyOf(random.below(keys), flow);
      attributesOf(random, attributeSet(random), flow);
      const dice = random.below(10);
      let kind: Step['kind'] = 'create';
      if (dice < (shrinking ? 6 : 1)) kind = 'delete';
      else if (dice >= 7) kind = dice === 9 ? 'touch' : 'update';
      writer[kind](flow);
      map[kind](flow);
    }
    table.apply(writer.view());
  }
  return map;
}

describe('FlowTable', () => {
  it('is what a Map would be over hundreds of thousands of operations', () => {
    const table = newTable();
    expectEqual(table, runDifferential(table, 200_000, 20_000, 42));
  });

  it('is what a Map would be when most keys collide', () => {
    for (const mask of [0, 3, 0xff, 0xfffffc00]) {
      const table = newTable(new BadHash(mask));
      expectEqual(
        table,
        runDifferential(table, mask < 4 ? 6000 : 20_000, mask < 4 ? 300 : 2000, 7),
      );
    }
  });

  it('is what a Map would be after any few operations, and counts what it did', () => {
    fc.assert(
      fc.property(fc.array(arbitraryStep(6), { maxLength: 40 }), (steps) => {
        const table = newTable();
        const map = new MapTable();
        let changes = 0;
        const counts = table.apply(packSteps(steps), () => {
          changes += 1;
        });
        for (const { kind, key, set, seed } of steps) map[kind](newFlow(key, set, seed));
        expectEqual(table, map);
        const { created, replaced, updated, touched, deleted, ignored } = counts;
        expect(created + replaced + updated + touched + deleted).toBe(changes);
        expect(changes + ignored).toBe(steps.length);
        expect(created - deleted).toBe(table.size);
      }),
      { numRuns: 500 },
    );
  });

  it('grows and shrinks its memory with the flows', () => {
    const table = newTable();
    const writer = new OperationWriter({ byteLengthMax: 64 * 1024 * 1024 });
    for (let key = 0; key < 60_000; key += 1) writer.create(newFlow(key, 0x1f, key));
    table.apply(writer.view());
    const full = table.usage();
    expect(full.flows).toBe(60_000);
    writer.reset();
    for (let key = 0; key < 60_000; key += 1) writer.delete(newFlow(key, 0, 0));
    table.apply(writer.view());
    const empty = table.usage();
    expect(empty.flows).toBe(0);
    expect(empty.slotBytes).toBe(1024 * 1024);
    expect(empty.indexBytes).toBeLessThan(full.indexBytes / 16);
    expect(table.digest()).toEqual(newTable().digest());
  });

  it('changes nothing when any operation of a blob is malformed', () => {
    const table = newTable();
    const blob = packSteps([
      { kind: 'create', key: 1, set: 0x1f, seed: 1 },
      { kind: 'create', key: 2, set: 0x1f, seed: 2 },
    ]);
    blob[blob.length - 60] = 99;
    expect(() => table.apply(blob.subarray(0, blob.length - 1))).toThrow(FlowCodecError);
    expect(table.size).toBe(0);
  });

  it('K2 order: delete then create in one blob replaces, nothing merged', () => {
    const table = newTable();
    table.apply(packSteps([{ kind: 'create', key: 1, set: 0x3fff, seed: 1 }]));
    const slot = table.find(newFlow(1, 0, 0));
    table.setLocalFlags(slot, 0xffffffff);
    table.setLocalIndex(slot, 2 ** 48 - 1);
    expect(table.localIndex(slot)).toBe(2 ** 48 - 1);
    const changes: string[] = [];
    table.apply(
      packSteps([
        { kind: 'delete', key: 1, set: 0, seed: 0 },
        { kind: 'create', key: 1, set: 0x02, seed: 2 },
      ]),
      (_, change) => changes.push(change),
    );
    expect(changes).toEqual(['deleted', 'created']);
    const into = new FlowRecord();
    const reborn = table.find(newFlow(1, 0, 0));
    table.read(reborn, into);
    expect(contentOf(into)).toEqual(contentOf(newFlow(1, 0x02, 2)));
    expect(table.localFlags(reborn)).toBe(0);
    expect(table.localIndex(reborn)).toBe(0);
  });

  it('K2 order: create over a record replaces it whole, and local words stay with the key', () => {
    const table = newTable();
    table.apply(packSteps([{ kind: 'create', key: 3, set: 0x3fff, seed: 1 }]));
    const slot = table.find(newFlow(3, 0, 0));
    table.setLocalFlags(slot, 0x80000001);
    table.setLocalIndex(slot, 7);
    const counts = table.apply(packSteps([{ kind: 'create', key: 3, set: 0x03, seed: 2 }]));
    expect(counts).toMatchObject({ created: 0, replaced: 1 });
    const into = new FlowRecord();
    table.read(table.find(newFlow(3, 0, 0)), into);
    expect(contentOf(into)).toEqual(contentOf(newFlow(3, 0x03, 2)));
    expect(table.localFlags(slot)).toBe(0x80000001);
    expect(table.localIndex(slot)).toBe(7);
    expect(table.usage().flowsWithExtras).toBe(0);
  });

  it('K5 absolute: a partial update or a touch never creates a record', () => {
    const table = newTable();
    const counts = table.apply(
      packSteps([
        { kind: 'update', key: 1, set: 0x3fff, seed: 1 },
        { kind: 'touch', key: 2, set: 0, seed: 1 },
        { kind: 'create', key: 3, set: 0x1f, seed: 1 },
        { kind: 'delete', key: 3, set: 0, seed: 1 },
        { kind: 'update', key: 3, set: 0x02, seed: 1 },
      ]),
    );
    expect(counts).toMatchObject({ created: 1, deleted: 1, updated: 0, touched: 0, ignored: 3 });
    expect(table.size).toBe(0);
  });

  it('K5 absolute: an update sets exactly the attributes it names', () => {
    const table = newTable();
    const { mark, tcp } = FlowAttribute;
    table.apply(packSteps([{ kind: 'create', key: 1, set: 0x1f, seed: 1 }]));
    table.apply(packSteps([{ kind: 'update', key: 1, set: mark, seed: 2 }]));
    const into = new FlowRecord();
    table.read(table.find(newFlow(1, 0, 0)), into);
    const expected = newFlow(1, 0x1f, 1);
    expected.mark = newFlow(1, mark, 2).mark;
    expect(contentOf(into)).toEqual(contentOf(expected));
    expect(into.attributes & tcp).toBe(tcp);
  });

  it('K5 absolute: a touch carries the remaining time, which runs down on the local clock', () => {
    let nowMs = 1_000_000.25;
    const table = new FlowTable({}, { nowMs: () => nowMs });
    const flow = newFlow(1, 0x1f, 1);
    flow.timeoutSeconds = 120;
    const writer = new OperationWriter();
    writer.create(flow);
    table.apply(writer.finish());
    const slot = table.find(flow);
    expect(table.remainingSeconds(slot)).toBe(120);
    nowMs += 100_000;
    expect(table.remainingSeconds(slot)).toBe(20);
    const before = table.digest();
    flow.timeoutSeconds = 0xffffffff;
    writer.reset();
    writer.touch(flow);
    expect(table.apply(writer.finish()).touched).toBe(1);
    expect(table.remainingSeconds(slot)).toBe(0xffffffff);
    expect(table.digest()).toEqual(before);
    nowMs += 2 ** 43;
    expect(table.remainingSeconds(slot)).toBe(0);
  });

  it('T3 never refuses: apply goes on far beyond the flows that were expected', () => {
    const table = new FlowTable({ flowsExpected: 0 }, { nowMs: () => 0 });
    const writer = new OperationWriter({ byteLengthMax: 64 * 1024 * 1024 });
    for (let key = 0; key < 200_000; key += 1) writer.create(newFlow(key, 0x0b, key));
    expect(table.apply(writer.view()).created).toBe(200_000);
    expect(table.size).toBe(200_000);
  });

  it('K12 finds a flow by its reply tuple, follows its changes, and minds the reply zone', () => {
    const table = newTable();
    const first = newFlow(1, 0x1f, 1);
    const writer = new OperationWriter();
    writer.create(first);
    table.apply(writer.finish());
    const slot = table.find(first);
    expect(table.findByReply(first)).toBe(slot);
    const moved = newFlow(1, FlowAttribute.reply, 99);
    writer.reset();
    writer.update(moved);
    table.apply(writer.finish());
    expect(table.findByReply(first)).toBe(-1);
    expect(table.findByReply(moved)).toBe(slot);
    const zoned = newFlow(1, FlowAttribute.zoneDirection, 1);
    zoned.zoneDirection = 2;
    zoned.replyZone = 77;
    writer.reset();
    writer.update(zoned);
    table.apply(writer.finish());
    expect(table.findByReply(moved)).toBe(-1);
    moved.attributes |= FlowAttribute.zoneDirection;
    moved.zoneDirection = 2;
    moved.replyZone = 77;
    expect(table.findByReply(moved)).toBe(slot);
    writer.reset();
    writer.delete(moved);
    table.apply(writer.finish());
    expect(table.findByReply(moved)).toBe(-1);
  });

  it('K12 finds some flow by reply for every flow, over many operations', () => {
    const table = newTable();
    runDifferential(table, 60_000, 5000, 3);
    const into = new FlowRecord();
    const found = new FlowRecord();
    const reply = (fields: FlowRecord) => JSON.stringify(contentOf(fields)['reply']);
    let checked = 0;
    for (let cursor = 0; cursor >= 0; ) {
      cursor = table.forEachPage(cursor, 1000, (slot) => {
        table.read(slot, into);
        if ((into.attributes & FlowAttribute.reply) === 0) return;
        const other = table.findByReply(into);
        expect(other).toBeGreaterThanOrEqual(0);
        table.read(other, found);
        expect(reply(found)).toBe(reply(into));
        checked += 1;
      });
    }
    expect(checked).toBeGreaterThan(300);
  });

  it('visits every flow that stays exactly once in a walk, whatever is applied between pages', () => {
    const table = newTable();
    const writer = new OperationWriter({ byteLengthMax: 64 * 1024 * 1024 });
    for (let key = 0; key < 20_000; key += 1) writer.create(newFlow(key, 0x1f, key));
    table.apply(writer.view());
    const random = new Random(5);
    const seen = new Map<string, number>();
    const into = new FlowRecord();
    let extra = 100_000;
    for (let cursor = 0; cursor >= 0; ) {
      cursor = table.forEachPage(cursor, 500, (slot) => {
        table.readKey(slot, into);
        seen.set(keyText(into), (seen.get(keyText(into)) ?? 0) + 1);
      });
      writer.reset();
      for (let change = 0; change < 300; change += 1) {
        writer.delete(newFlow(10_000 + random.below(10_000), 0, 0));
        writer.create(newFlow(extra++, 0x1f, extra));
      }
      table.apply(writer.view());
    }
    for (let key = 0; key < 10_000; key += 1) expect(seen.get(keyText(newFlow(key, 0, 0)))).toBe(1);
  });
});

describe('T6 digests', () => {
  const flows = fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 0x3fff }), fc.integer()), {
    minLength: 1,
    maxLength: 30,
  });

  it('T6 are equal for equal content, in any order and under any seed', () => {
    fc.assert(
      fc.property(flows, fc.infiniteStream(fc.nat()), (list, order) => {
        const distinct = [...new Map(list.map((flow) => [flow[0], flow])).values()];
        const shuffled = distinct
          .map((flow) => ({ flow, at: order.next().value as number }))
          .sort((left, right) => left.at - right.at)
          .map(({ flow }) => flow);
        const digests = [distinct, shuffled].map((flowList) => {
          const table = newTable();
          const steps = flowList.map(([key, set, seed]) => ({
            kind: 'create' as const,
            key,
            set,
            seed,
          }));
          table.apply(packSteps(steps));
          return table.digest();
        });
        expect(digests[0]).toEqual(digests[1]);
      }),
    );
  });

  it('T6 differ when any attribute but the time differs', () => {
    const base = newFlow(1, 0x3fff, 1);
    const digestOf = (flow: FlowRecord) => {
      const digest = new FlowDigest();
      digest.add(flow);
      return digest.summary();
    };
    const changes: [string, (flow: FlowRecord) => void, boolean][] = [
      [
        'source',
        (flow) => {
          flow.originalSource[3]! ^= 1;
        },
        true,
      ],
      [
        'zone',
        (flow) => {
          flow.zone ^= 1;
        },
        true,
      ],
      [
        'reply',
        (flow) => {
          flow.replyDestination[0]! ^= 1;
        },
        true,
      ],
      [
        'reply L4',
        (flow) => {
          flow.replyL4 = 5;
        },
        true,
      ],
      [
        'mark',
        (flow) => {
          flow.mark ^= 1;
        },
        true,
      ],
      [
        'master',
        (flow) => {
          flow.masterL4 ^= 1;
        },
        true,
      ],
      [
        'master protocol',
        (flow) => {
          flow.masterProtocol ^= 1;
        },
        true,
      ],
      [
        'status',
        (flow) => {
          flow.status ^= 1;
        },
        false,
      ],
      [
        'TCP state',
        (flow) => {
          flow.tcpState ^= 1;
        },
        false,
      ],
      [
        'TCP flags',
        (flow) => {
          flow.tcpFlagsReply ^= 1;
        },
        false,
      ],
      [
        'window scale',
        (flow) => {
          flow.tcpWindowScaleReply ^= 1;
        },
        false,
      ],
      [
        'labels',
        (flow) => {
          flow.labels[15]! ^= 1;
        },
        false,
      ],
      [
        'helper',
        (flow) => {
          flow.helper = 'irc';
        },
        false,
      ],
      [
        'SCTP',
        (flow) => {
          flow.sctpVerificationTagReply ^= 1;
        },
        false,
      ],
      [
        'DCCP',
        (flow) => {
          flow.dccpRole ^= 1;
        },
        false,
      ],
      [
        'sequence',
        (flow) => {
          flow.sequenceAdjustReply.offsetAfter ^= 1;
        },
        false,
      ],
      [
        'synproxy',
        (flow) => {
          flow.synproxyTimestampOffset ^= 1;
        },
        false,
      ],
    ];
    const before = digestOf(base);
    for (const [name, change, identity] of changes) {
      const flow = new FlowRecord();
      flow.copyFrom(base);
      change(flow);
      const after = digestOf(flow);
      expect(after.records, name).not.toBe(before.records);
      expect(after.identities !== before.identities, name).toBe(identity);
    }
    const later = new FlowRecord();
    later.copyFrom(base);
    later.timeoutSeconds += 9;
    expect(digestOf(later)).toEqual(before);
  });

  it('T6 of a table less its flows is that of an empty one', () => {
    const digest = new FlowDigest();
    for (let key = 0; key < 100; key += 1) digest.add(newFlow(key, 0x3fff, key));
    for (let key = 99; key >= 0; key -= 1) digest.remove(newFlow(key, 0x3fff, key));
    expect(digest.summary()).toEqual(new FlowDigest().summary());
  });
});
