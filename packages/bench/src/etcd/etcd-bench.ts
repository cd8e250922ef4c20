import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClosedLoop, type LoadResult, runClosedLoop } from '../load/closed-loop.ts';
import { flowsMax } from '../load/flow-blobs.ts';
import type { LatencySummary } from '../load/latency.ts';
import { cpuUsOfAll } from '../load/process-cpu.ts';
import { RaftCluster } from '../raft/raft-cluster.ts';
import { type ComparedRow, report } from '../report/comparison.ts';
import { machineFacts } from '../report/machine.ts';
import { median } from '../report/statistics.ts';
import { EtcdClient, type KeyValue } from './etcd-client.ts';
import { EtcdCluster } from './etcd-cluster.ts';

const pairs = 5;
const connections = 4;
const times = { warmUpMs: 1000, measuredMs: 3000 };
/** Key and value together are as long as the mean packed flow operation of `sample-flows.ts`. */
const keyBytes = 16;
const valueBytes = 44;

const shapes = [
  { inFlight: 1, operationsPerRequest: 1 },
  { inFlight: 64, operationsPerRequest: 1, goal: '>= 4' },
  { inFlight: 512, operationsPerRequest: 1 },
  { inFlight: 8, operationsPerRequest: 128 },
  { inFlight: 32, operationsPerRequest: 128 },
  { inFlight: 4, operationsPerRequest: 1000 },
] as const;

/** What one shape of load brought about on one side. */
interface Measured extends LoadResult {
  /** All three members together. */
  readonly cpuUsPerOperation: number;
}

interface Pair {
  readonly etcd: readonly Measured[];
  readonly raft: readonly Measured[];
  /** Three members of raft-ts under 50,000 operations a second. */
  readonly paced: LatencySummary;
}

/** A cluster of etcd and one of raft-ts, each alone on the machine, in turns. */
export async function benchEtcd(): Promise<void> {
  const version = EtcdCluster.version();
  if (version === null) throw new Error('there is no etcd: apt-get install etcd-server');
  const directory = mkdtempSync(join(tmpdir(), 'raftwall-bench-'));
  try {
    const machine = machineFacts(directory);
    const measured: Pair[] = [];
    for (let pair = 0; pair < pairs; pair += 1) {
      console.error(`pair ${pair + 1} of ${pairs}`);
      measured.push(await measurePair(join(directory, String(pair)), pair % 2 === 0));
      rmSync(join(directory, String(pair)), { recursive: true, force: true });
    }
    const title = 'Replicated operations: raft-ts with flow tables, and etcd';
    const notes = notesOf(version, measured);
    const rows = rowsOf(measured);
    report({ name: 'etcd', title, ours: 'raft-ts', theirs: 'etcd', notes, machine, rows });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measurePair(directory: string, etcdFirst: boolean): Promise<Pair> {
  if (etcdFirst) {
    const etcd = await measureEtcd(join(directory, 'etcd'));
    return { etcd, ...(await measureRaft(join(directory, 'raft'))) };
  }
  const ours = await measureRaft(join(directory, 'raft'));
  return { etcd: await measureEtcd(join(directory, 'etcd')), ...ours };
}

async function measureEtcd(directory: string): Promise<readonly Measured[]> {
  const cluster = await EtcdCluster.start(directory);
  const clients = Array.from({ length: connections }, () => new EtcdClient(cluster.leaderAddress));
  const next = keyValues();
  try {
    await Promise.all(clients.map((client) => client.ready(10_000)));
    const results: Measured[] = [];
    for (const shape of shapes) {
      const request = (number: number): Promise<void> => {
        const client = clients[number % connections]!;
        if (shape.operationsPerRequest === 1) return client.put(next());
        return client.putAll(Array.from({ length: shape.operationsPerRequest }, next));
      };
      const run = (load: ClosedLoop, onEdge: OnEdge) => runClosedLoop(load, request, onEdge);
      results.push(await measure(cluster.pids, shape, run));
    }
    return results;
  } finally {
    for (const client of clients) client.close();
    await cluster.stop();
  }
}

async function measureRaft(directory: string): Promise<Omit<Pair, 'etcd'>> {
  const cluster = await RaftCluster.start(directory);
  const { leader } = cluster;
  try {
    const results: Measured[] = [];
    for (const shape of shapes) {
      const run = async (load: ClosedLoop, onEdge: OnEdge) =>
        (await leader.ask({ kind: 'closed-loop', load }, onEdge)).result;
      results.push(await measure(cluster.pids, shape, run));
    }
    const load = { operationsPerSecond: 50_000, windowMs: 2, ...times };
    const { latency } = await leader.ask({ kind: 'paced', load });
    await cluster.assertEqual();
    return { raft: results, paced: latency };
  } finally {
    await cluster.stop();
  }
}

type OnEdge = (edge: 'begin' | 'end') => void;

async function measure(
  pids: readonly number[],
  shape: Pick<ClosedLoop, 'inFlight' | 'operationsPerRequest'>,
  run: (load: ClosedLoop, onEdge: OnEdge) => Promise<LoadResult>,
): Promise<Measured> {
  let usedUs = 0;
  const result = await run({ ...shape, ...times }, (edge) => {
    usedUs = edge === 'begin' ? -cpuUsOfAll(pids) : usedUs + cpuUsOfAll(pids);
  });
  return { ...result, cpuUsPerOperation: usedUs / result.operations };
}

/** Keys 0, 1, 2 ... and from the beginning again, as the flows of raft-ts. */
function keyValues(): () => KeyValue {
  const value = new Uint8Array(valueBytes).fill(7);
  let next = 0;
  return () => {
    const key = Buffer.alloc(keyBytes);
    key.writeUInt32BE(next, keyBytes - 4);
    next = (next + 1) % flowsMax;
    return { key, value };
  };
}

function rowsOf(measured: readonly Pair[]): readonly ComparedRow[] {
  const each = shapes.flatMap((shape, index): ComparedRow[] => {
    const { inFlight, operationsPerRequest } = shape;
    const what =
      operationsPerRequest === 1
        ? `single operations, ${inFlight} in flight`
        : `batches of ${operationsPerRequest}, ${inFlight} in flight`;
    const row = (name: string, unit: string, of: (one: Measured) => number): ComparedRow => ({
      what: `${what}: ${name}`,
      unit,
      ours: measured.map(({ raft }) => of(raft[index]!)),
      theirs: measured.map(({ etcd }) => of(etcd[index]!)),
    });
    const rate = row('throughput', 'operations/s', (one) => one.operationsPerSecond);
    return [
      'goal' in shape ? { ...rate, goal: shape.goal } : rate,
      row('latency p50', 'ms', (one) => one.latency.p50Ms),
      row('latency p99', 'ms', (one) => one.latency.p99Ms),
      row('CPU of the members', 'µs/operation', (one) => one.cpuUsPerOperation),
    ];
  });
  const best = (side: readonly Measured[]): number =>
    Math.max(...side.map((one) => one.operationsPerSecond));
  return [
    {
      what: 'best of all batches: throughput',
      unit: 'operations/s',
      ours: measured.map(({ raft }) => best(raft)),
      theirs: measured.map(({ etcd }) => best(etcd)),
      goal: '>= 5',
    },
    ...each,
  ];
}

function notesOf(version: string, measured: readonly Pair[]): readonly string[] {
  const p50Ms = median(measured.map(({ paced }) => paced.p50Ms)).toFixed(2);
  const p99Ms = median(measured.map(({ paced }) => paced.p99Ms)).toFixed(2);
  return [
    `At 50,000 operations/s in windows of 2 ms raft-ts commits and applies with p50 ${p50Ms} ms, p99 ${p99Ms} ms (goal: at most 1.5 and 6 ms).`,
    `${version}, three members with its defaults but for larger transactions (--max-txn-ops), driven over gRPC from one Node.js process with ${connections} connections, which takes up to a core of its own: its single operations are held down by that client.`,
    'raft-ts has its load inside of the leader, as raftwall has: its events come from the kernel. Three processes, log and checkpoint of the flow table on disk, a quorum synced before an operation counts.',
    'Both clusters have the same disk and the same two cores, one after the other. etcd keeps a history of each key, raft-ts keeps none.',
  ];
}
