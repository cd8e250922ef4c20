import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Checkpoint, FlowRecord, FlowTable, OperationWriter } from '@raftwall/flow-table';
import { fillSample } from './sample-flows.ts';

const FLOWS = 1_000_000;

const newTable = () => new FlowTable({}, { nowMs: () => performance.now() });

function applySample(table: FlowTable, kind: 'create' | 'update', flows: number): void {
  const writer = new OperationWriter();
  const flow = new FlowRecord();
  for (let number = 0; number < flows; number += 1) {
    fillSample(number, flow);
    writer[kind](flow);
    if (writer.count < 1000 && number < flows - 1) continue;
    table.apply(writer.view());
    writer.reset();
  }
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const startMs = performance.now();
  const cpu = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - startMs) / 1000;
  console.log(
    `  ${what.padEnd(40)} ${seconds.toFixed(2)} s, CPU ${((user + system) / 1e6).toFixed(2)} s`,
  );
  return result;
}

/** First round of 1,000,000 flows, small rounds, and load, on the disk of the temporary directory. */
export async function benchCheckpoint(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'raftwall-bench-'));
  const meta = new Uint8Array(100);
  try {
    console.log(`\ncheckpoint of ${FLOWS} flows`);
    const table = newTable();
    const checkpoint = await Checkpoint.open(directory);
    await checkpoint.load(table);
    applySample(table, 'create', FLOWS);
    await timed('write all', () => checkpoint.write({ index: 1, term: 1, meta }));
    for (const changed of [100, 4000, 40_000]) {
      applySample(table, 'update', changed);
      await timed(`write ${changed} changed`, () => checkpoint.write({ index: 2, term: 1, meta }));
    }
    await checkpoint.close();
    const again = await Checkpoint.open(directory);
    const loaded = await timed('load', () => again.load(newTable()));
    await again.close();
    if (loaded?.flows !== FLOWS) throw new Error(`${loaded?.flows} flows came back`);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
