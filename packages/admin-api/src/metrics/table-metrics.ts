import { Gauge, type Registry } from 'prom-client';

/** Sizes of the flow table in memory; bytes are reserved ones. */
export interface TableUsage {
  readonly flowsWithExtras: number;
  readonly slotBytes: number;
  readonly extrasBytes: number;
  readonly indexBytes: number;
  readonly bytes: number;
  readonly changed: number;
  readonly tombstones: number;
}

const GAUGES: readonly (readonly [string, string, (usage: TableUsage) => number])[] = [
  [
    'raftwall_table_bytes',
    'Memory reserved for the flow table, indexes and change set included',
    (it) => it.bytes,
  ],
  ['raftwall_table_slot_bytes', 'Memory reserved for the flows themselves', (it) => it.slotBytes],
  ['raftwall_table_index_bytes', 'Memory reserved for the indexes', (it) => it.indexBytes],
  [
    'raftwall_table_extras_bytes',
    'Memory reserved for rare attributes such as helpers and labels',
    (it) => it.extrasBytes,
  ],
  ['raftwall_table_extras_flows', 'Flows with rare attributes', (it) => it.flowsWithExtras],
  [
    'raftwall_table_unsaved_flows',
    'Flows, deleted ones too, that the checkpoint has yet to write',
    (it) => it.changed,
  ],
  [
    'raftwall_table_unsaved_tombstones',
    'Deletes that the checkpoint has yet to write',
    (it) => it.tombstones,
  ],
];

/** Adds the sizes of the table; they are read when somebody scrapes. */
export function registerTableMetrics(registry: Registry, usage: () => TableUsage): void {
  for (const [name, help, read] of GAUGES) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(usage()));
      },
    });
  }
}
