import { FlowRecord, FlowTable, OperationWriter } from '@raftwall/flow-table';
import { cpuNs, medianNs, printRows } from './measure.ts';
import { fillSample } from './sample-flows.ts';

const FLOWS = 1_000_000;
const BATCH = 1000;

function blobs(
  kind: 'create' | 'update' | 'touch' | 'delete',
  from: number,
  to: number,
): Uint8Array[] {
  const writer = new OperationWriter();
  const flow = new FlowRecord();
  const list: Uint8Array[] = [];
  for (let start = from; start < to; start += BATCH) {
    writer.reset();
    for (let number = start; number < start + BATCH; number += 1) {
      fillSample((number * 7919) % to, flow);
      writer[kind](flow);
    }
    list.push(writer.finish());
  }
  return list;
}

function collect(): void {
  if (!globalThis.gc) throw new Error('run node with --expose-gc');
  for (let pass = 0; pass < 3; pass += 1) globalThis.gc();
}

/** Memory of 1,000,000 flows and the speed of each operation on a table that has them, in blobs of 1000. */
export function benchTable(): void {
  let creates = blobs('create', 0, FLOWS);
  collect();
  const before = process.memoryUsage();
  const table = new FlowTable({}, { nowMs: () => performance.now() });
  const start = cpuNs();
  let slowestNs = 0;
  for (const blob of creates) {
    const at = cpuNs();
    table.apply(blob);
    slowestNs = Math.max(slowestNs, cpuNs() - at);
  }
  const createNs = (cpuNs() - start) / FLOWS;
  collect();
  const after = process.memoryUsage();
  const collectStart = cpuNs();
  globalThis.gc!();
  const collectMs = (cpuNs() - collectStart) / 1e6;
  const usage = table.usage();
  const perFlow = (bytes: number) => (bytes / table.size).toFixed(1);
  console.log(`memory at ${table.size} flows, bytes per flow:`);
  console.log(
    `  resident ${perFlow(after.rss - before.rss)}, array buffers ${perFlow(after.arrayBuffers - before.arrayBuffers)}, heap ${perFlow(after.heapUsed - before.heapUsed)}`,
  );
  console.log(
    `  slots ${perFlow(usage.slotBytes)}, indexes ${perFlow(usage.indexBytes)}, all ${perFlow(usage.bytes)}`,
  );
  console.log(
    `  full collection with the table ${collectMs.toFixed(1)} ms; slowest blob of ${BATCH} creates ${(slowestNs / 1e6).toFixed(1)} ms`,
  );
  const replaces = creates.slice(0, 200);
  creates = [];
  const measure = (what: string, list: Uint8Array[]) => ({
    what,
    ns: medianNs(5, list.length * BATCH, () => {
      for (const blob of list) table.apply(blob);
    }),
  });
  printRows('apply, per operation', [
    { what: 'create, growing from 0 to 1M', ns: createNs },
    measure('create over a record', replaces),
    measure('update of all attributes', blobs('update', 0, 200_000)),
    measure('touch', blobs('touch', 0, 200_000)),
  ]);
  const deletes = blobs('delete', 0, FLOWS);
  const deleteStart = cpuNs();
  for (const blob of deletes) table.apply(blob);
  const deleteNs = (cpuNs() - deleteStart) / FLOWS;
  printRows('shrinking', [{ what: 'delete, from 1M to 0', ns: deleteNs }]);
  console.log(`  left: ${JSON.stringify(table.usage())}`);
}
