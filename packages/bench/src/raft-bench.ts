import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Entry,
  type LogStore,
  type Message,
  RaftNode,
  SegmentLogStore,
  type StateMachine,
  type Transport,
} from 'raft-ts';
import { MemoryLogStore } from 'raft-ts/testing';

const IDS = ['a', 'b', 'c'];
const ENTRY_BYTES = 200;
const RUNS = 5;
const BURST = 20_000;
const WINDOW = 1000;
const SINGLES = 500;

interface Cluster {
  readonly leader: RaftNode<number>;
  close(): Promise<void>;
}

/** Members of one process: a message arrives in a later turn of the loop, so no network is measured. */
function newTransports(): (id: string) => Transport {
  const receivers = new Map<string, (message: Message) => void>();
  return (id) => ({
    start: (receive) => {
      receivers.set(id, receive);
      return Promise.resolve();
    },
    send: (message) => {
      setImmediate(() => receivers.get(message.to)?.(message));
    },
    setPeers: () => {},
    isReachable: () => true,
    stop: () => {
      receivers.delete(id);
      return Promise.resolve();
    },
  });
}

function newStateMachine(): StateMachine<number> {
  return {
    appliedIndex: 0,
    appliedConfig: null,
    apply: (entries: readonly Entry[]) => entries.map(({ index }) => index),
  };
}

function leaderOf(nodes: readonly RaftNode<number>[]): Promise<RaftNode<number>> {
  return new Promise((resolve) => {
    for (const node of nodes) {
      if (node.status().role === 'leader') resolve(node);
      node.on('role', (role) => {
        if (role === 'leader') resolve(node);
      });
    }
  });
}

async function openCluster(openStore: (id: string) => LogStore): Promise<Cluster> {
  const members = Object.fromEntries(IDS.map((id) => [id, `${id}:1`]));
  const transport = newTransports();
  const nodes: RaftNode<number>[] = [];
  for (const id of IDS) {
    const parts = { store: openStore(id), transport: transport(id) };
    nodes.push(await RaftNode.open({ id, members }, { ...parts, stateMachine: newStateMachine() }));
  }
  const leader = await leaderOf(nodes);
  await leader.propose(new Uint8Array(ENTRY_BYTES));
  const close = async () => {
    for (const node of nodes) await node.close();
  };
  return { leader, close };
}

/** Proposals that are committed and applied in a second, with a window of them on their way. */
async function burst(leader: RaftNode<number>): Promise<number> {
  const data = new Uint8Array(ENTRY_BYTES);
  const startMs = performance.now();
  let proposed = 0;
  const client = async () => {
    while (proposed < BURST) {
      proposed += 1;
      await leader.propose(data);
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, client));
  return (1000 * BURST) / (performance.now() - startMs);
}

/** Milliseconds from proposal to applied, one proposal at a time, sorted. */
async function singles(leader: RaftNode<number>): Promise<readonly number[]> {
  const data = new Uint8Array(ENTRY_BYTES);
  const times: number[] = [];
  for (let i = 0; i < SINGLES; i += 1) {
    const startMs = performance.now();
    await leader.propose(data);
    times.push(performance.now() - startMs);
  }
  return times.sort((left, right) => left - right);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
}

function median(values: readonly number[]): number {
  return quantile(
    [...values].sort((left, right) => left - right),
    0.5,
  );
}

async function measure(what: string, openStore: (id: string) => LogStore): Promise<void> {
  const { leader, close } = await openCluster(openStore);
  try {
    await burst(leader);
    const rates: number[] = [];
    const halves: number[] = [];
    const tails: number[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      rates.push(await burst(leader));
      const times = await singles(leader);
      halves.push(quantile(times, 0.5));
      tails.push(quantile(times, 0.99));
    }
    const rate = median(rates).toFixed(0).padStart(11);
    const [half, tail] = [halves, tails].map((values) => median(values).toFixed(3).padStart(12));
    console.log(`  ${what.padEnd(28)} ${rate} ${half} ${tail}`);
  } finally {
    await close();
  }
}

/** Commit rate and latency of three members in this process, with the log in memory and on the temporary directory's disk. */
export async function benchRaft(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'raftwall-bench-'));
  try {
    console.log(
      `\nraft: ${IDS.length} members in one process, entries of ${ENTRY_BYTES} bytes, medians of ${RUNS} runs`,
    );
    console.log(`  commits/s: ${WINDOW} proposals on their way; latency: one, proposal to applied`);
    console.log(`  ${'log'.padEnd(28)}   commits/s    median ms       p99 ms`);
    await measure('MemoryLogStore', () => new MemoryLogStore());
    await measure(
      'SegmentLogStore',
      (id) => new SegmentLogStore({ directory: join(directory, id), clusterId: 'bench' }),
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
