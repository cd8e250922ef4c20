import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Checkpoint,
  FlowSnapshotDamagedError,
  FlowSnapshotVersionError,
  FlowTable,
  OperationWriter,
  packFlowTable,
  unpackFlowTable,
} from '../../src/index.ts';
import { arbitraryStep, contents, newFlow, Random, type Step } from '../arbitrary-flows.ts';

const position = { index: 41, term: 7, meta: Uint8Array.of(1, 2, 3) };
const newTable = () => new FlowTable({}, { nowMs: () => 1_000_000 });

function apply(table: FlowTable, steps: readonly Step[], index: number): void {
  const writer = new OperationWriter();
  for (const { kind, key, set, seed } of steps) writer[kind](newFlow(key, set, seed));
  table.apply(writer.finish(), (slot, change) => {
    if (change !== 'deleted') table.setLocalIndex(slot, index);
  });
}

const creates = (from: number, to: number, seed = 1): Step[] =>
  Array.from({ length: to - from }, (_, index) => ({
    kind: 'create',
    key: from + index,
    set: 0x3fff,
    seed: seed + index,
  }));

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The bytes again, in chunks of 1 to `most` bytes. */
async function* chunked(bytes: Uint8Array, most: number, seed = 1): AsyncGenerator<Uint8Array> {
  const random = new Random(seed);
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(most);
    yield bytes.subarray(at, end);
    at = end;
  }
}

const unpack = (bytes: Uint8Array, table = newTable(), most = 65_536) =>
  unpackFlowTable(chunked(bytes, most), table);

describe('snapshot of a flow table', () => {
  it('gives back flows, local indexes and position, however the stream is cut', async () => {
    const table = newTable();
    apply(table, creates(0, 2_500), 40);
    const bytes = await bytesOf(packFlowTable(table, position));
    for (const most of [1, 7, 4_096, 10_000_000]) {
      const copy = newTable();
      expect(await unpackFlowTable(chunked(bytes, most), copy)).toEqual(position);
      expect(contents(copy)).toEqual(contents(table));
      expect(copy.digest()).toEqual(table.digest());
    }
  });

  it('carries an empty table and an empty state', async () => {
    const empty = { index: 0, term: 0, meta: new Uint8Array(0) };
    const copy = newTable();
    expect(await unpack(await bytesOf(packFlowTable(newTable(), empty)), copy)).toEqual(empty);
    expect(copy.size).toBe(0);
  });

  it('T1: replay behind the position makes right what was applied while the pages were made', async () => {
    const steps = fc.array(arbitraryStep(1_500), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 1, maxLength: 4 }), async (blobs) => {
        const table = newTable();
        apply(table, creates(0, 1_500), position.index);
        const chunks: Uint8Array[] = [];
        let index = position.index;
        // Slots of several pages: each blob lands between two of them.
        for await (const chunk of packFlowTable(table, position)) {
          chunks.push(chunk);
          const blob = blobs[index - position.index];
          if (blob !== undefined) apply(table, blob, ++index);
        }
        for (const blob of blobs.slice(index - position.index)) apply(table, blob, ++index);
        const copy = newTable();
        await unpack(Buffer.concat(chunks), copy);
        for (const [at, blob] of blobs.entries()) apply(copy, blob, position.index + 1 + at);
        expect(contents(copy)).toEqual(contents(table));
      }),
      { numRuns: 25 },
    );
  });

  it('refuses a stream that ends early, at any byte, and leaves the table empty', async () => {
    const table = newTable();
    apply(table, creates(0, 20), 40);
    const bytes = await bytesOf(packFlowTable(table, position));
    for (let end = 0; end < bytes.length; end += 1) {
      const copy = newTable();
      const cut = unpack(bytes.subarray(0, end), copy);
      await expect(cut, `cut at ${end}`).rejects.toBeInstanceOf(FlowSnapshotDamagedError);
      expect(copy.size).toBe(0);
    }
    const longer = unpack(Buffer.concat([bytes, Buffer.of(0)]));
    await expect(longer).rejects.toThrow('bytes follow its end');
  });

  it('refuses random damage or reads something whole, and never more than the stream has', async () => {
    const table = newTable();
    apply(table, creates(0, 60), 40);
    const bytes = await bytesOf(packFlowTable(table, position));
    const random = new Random(5);
    let refused = 0;
    for (let round = 0; round < 400; round += 1) {
      const damaged = Buffer.from(bytes);
      const at = random.below(damaged.length);
      damaged[at]! ^= 1 << random.below(8);
      const copy = newTable();
      try {
        await unpack(damaged, copy);
        expect(copy.size).toBe(60);
      } catch (error) {
        expect([FlowSnapshotDamagedError, FlowSnapshotVersionError]).toContain(
          (error as Error).constructor,
        );
        expect(copy.size).toBe(0);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('says that a newer release made it', async () => {
    const bytes = await bytesOf(packFlowTable(newTable(), position));
    bytes.writeUInt32BE(2, 4);
    await expect(unpack(bytes)).rejects.toBeInstanceOf(FlowSnapshotVersionError);
  });

  it('T5: replaces what a checkpoint held by the next round', async () => {
    const root = mkdtempSync(join(tmpdir(), 'flow-snapshot-'));
    try {
      const source = newTable();
      apply(source, creates(100, 200), 40);
      const bytes = await bytesOf(packFlowTable(source, position));

      const table = newTable();
      const checkpoint = await Checkpoint.open(join(root, 'table'));
      await checkpoint.load(table);
      apply(table, creates(0, 150), 3);
      await checkpoint.write({ index: 3, term: 1, meta: new Uint8Array(0) });
      table.clear();
      await checkpoint.restart();
      await unpack(bytes, table);
      await checkpoint.write(position);
      await checkpoint.close();

      const reloaded = newTable();
      const again = await Checkpoint.open(join(root, 'table'));
      const loaded = await again.load(reloaded);
      await again.close();
      expect(loaded).toMatchObject({ appliedIndex: 41, appliedTerm: 7, flows: 100 });
      expect(contents(reloaded)).toEqual(contents(source));
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});
