import { FlowRecord, type FlowTable, OperationWriter } from '@raftwall/flow-table';

const pageRows = 1_000;

/** The first so many flows leave the table without the log having said so: what must never happen. */
export function forgetFlows(table: FlowTable, count: number): void {
  const writer = new OperationWriter();
  const flow = new FlowRecord();
  for (let cursor = 0; cursor >= 0 && writer.count < count; ) {
    cursor = table.forEachPage(cursor, pageRows, (slot) => {
      if (writer.count >= count) return;
      table.readKey(slot, flow);
      writer.delete(flow);
    });
  }
  table.apply(writer.view());
}
