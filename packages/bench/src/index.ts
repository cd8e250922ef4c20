import { benchCheckpoint } from './checkpoint-bench.ts';
import { benchCodec } from './codec-bench.ts';
import { benchEtcd } from './etcd/etcd-bench.ts';
import { benchRaft } from './raft-bench.ts';
import { benchTable } from './table-bench.ts';

const benches: Record<string, () => void | Promise<void>> = {
  checkpoint: benchCheckpoint,
  codec: benchCodec,
  etcd: benchEtcd,
  raft: benchRaft,
  table: benchTable,
};
const names = process.argv.slice(2);
const unknown = names.filter((name) => !benches[name]);
if (names.length === 0 || unknown.length > 0) {
  console.error(`usage: npm run bench -w bench -- ${Object.keys(benches).join('|')}`);
  process.exitCode = 2;
} else for (const name of names) await benches[name]!();
