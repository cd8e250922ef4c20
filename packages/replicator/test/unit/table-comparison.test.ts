import { FlowTable, OperationWriter } from '@raftwall/flow-table';
import { describe, expect, it } from 'vitest';
import { DifferenceKind, DifferenceList, decodeDifferences } from '../../src/difference-list.ts';
import { KeyRanges } from '../../src/key-ranges.ts';
import { listRows, TableComparison } from '../../src/table-comparison.ts';
import { flowOf } from '../support/flows.ts';

const INDEX = 10;

/** Tables of two members that apply the same log. */
class Members {
  readonly theirs = new FlowTable({}, { nowMs: () => 0 });
  readonly own = new FlowTable({}, { nowMs: () => 0 });
  comparison: TableComparison | null = null;

  write(index: number, fill: (writer: OperationWriter) => void): void {
    const writer = new OperationWriter();
    fill(writer);
    for (const table of [this.theirs, this.own]) {
      table.apply(writer.view(), (slot, change) => {
        table.setLocalIndex(slot, index);
        if (change !== 'deleted' || table !== this.own) return;
        const flow = flowOf();
        table.read(slot, flow);
        this.comparison?.noteRemoved(flow);
      });
    }
  }

  spoil(fill: (writer: OperationWriter) => void): void {
    const writer = new OperationWriter();
    fill(writer);
    this.own.apply(writer.view());
  }
}

function allRanges(): KeyRanges {
  return new KeyRanges(new Uint8Array(32).fill(255));
}

async function pagesOf(members: Members): Promise<Uint8Array[]> {
  const pages: Uint8Array[] = [];
  for await (const page of listRows(members.theirs, allRanges(), INDEX)) pages.push(page);
  return pages;
}

function begun(flows: number, namedMax = 100): Members {
  const members = new Members();
  for (let sport = 1; sport <= flows; sport += 1) {
    members.write(5, (writer) => writer.create(flowOf({ sport })));
  }
  members.comparison = new TableComparison(
    { ranges: allRanges(), index: INDEX, namedMax },
    members.own,
  );
  return members;
}

function textsOf({ named }: DifferenceList): string[] {
  return named.map(({ kind, flow }) => `${kind} ${flow.originalL4 >>> 16}`);
}

describe('comparison of tables flow by flow', () => {
  it('finds tables equal that the same operations change between question and answer', async () => {
    const members = begun(3_000);
    const before = await pagesOf(members);
    expect(before.length).toBeGreaterThan(1);
    members.write(11, (writer) => {
      writer.delete(flowOf({ sport: 1 }));
      writer.create(flowOf({ sport: 9_001 }));
      writer.update(flowOf({ sport: 2, mark: 9 }));
      writer.touch(flowOf({ sport: 3, timeoutSeconds: 7 }));
    });
    for (const page of before) members.comparison!.onPage(page);
    members.write(12, (writer) => {
      writer.delete(flowOf({ sport: 4 }));
      writer.create(flowOf({ sport: 9_002 }));
    });
    expect(textsOf(await members.comparison!.finish())).toEqual([]);
  });

  it('finds tables equal that have changed before the other member listed its rows', async () => {
    const members = begun(50);
    members.write(11, (writer) => {
      writer.delete(flowOf({ sport: 1 }));
      writer.create(flowOf({ sport: 9_001 }));
      writer.create(flowOf({ sport: 5, mark: 3 }));
    });
    for (const page of await pagesOf(members)) members.comparison!.onPage(page);
    expect(textsOf(await members.comparison!.finish())).toEqual([]);
  });

  it('counts all differences and names the first', async () => {
    const members = begun(40, 5);
    members.spoil((writer) => {
      for (let sport = 1; sport <= 10; sport += 1) writer.delete(flowOf({ sport }));
      writer.create(flowOf({ sport: 77 }));
      writer.update(flowOf({ sport: 20, mark: 5 }));
    });
    for (const page of await pagesOf(members)) members.comparison!.onPage(page);
    const found = await members.comparison!.finish();
    expect(found).toMatchObject({ missing: 10, extra: 1, different: 1 });
    expect(found.named.length).toBe(5);
  });

  it('looks at no other key ranges than those asked for', async () => {
    const members = begun(40);
    members.spoil((writer) => writer.create(flowOf({ sport: 77 })));
    const stray = members.own.keyRange(members.own.find(flowOf({ sport: 77 })));
    const ranges = allRanges();
    ranges.bytes[stray >>> 3]! &= ~(1 << (stray & 7));
    const comparison = new TableComparison({ ranges, index: INDEX, namedMax: 9 }, members.own);
    for await (const page of listRows(members.theirs, ranges, INDEX)) comparison.onPage(page);
    expect((await comparison.finish()).count).toBe(0);
  });
});

describe('differences in the log', () => {
  it('come back as they went in', () => {
    const list = new DifferenceList(9);
    list.add(DifferenceKind.missing, flowOf({ sport: 1 }));
    list.add(DifferenceKind.different, flowOf({ sport: 2, mark: 4 }), 8);
    expect(decodeDifferences(list.encode())).toEqual(list.named);
  });

  it('are refused where they are none', () => {
    expect(() => decodeDifferences(new Uint8Array([0x91, 1]))).toThrow('not a list of differences');
    expect(decodeDifferences(new Uint8Array(0))).toEqual([]);
  });
});

describe('key ranges', () => {
  it('are taken up to a number of flows, but at least one', () => {
    const words = new Uint32Array(256 * 5);
    for (const [range, flows] of [
      [3, 50],
      [7, 60],
      [200, 70],
    ] as const)
      words[range * 5] = flows;
    const bytes = new Uint8Array(words.buffer);
    const different = KeyRanges.inWhichDiffer(bytes, new Uint8Array(bytes.length));
    expect([3, 7, 200].map((it) => different.has(it))).toEqual([true, true, true]);
    expect(different.size).toBe(3);
    expect(different.within(110, bytes).size).toBe(2);
    expect(different.within(10, bytes).size).toBe(1);
  });
});
