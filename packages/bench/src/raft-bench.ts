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
  TcpTransport,
  type Transport,
} from 'raft-ts';
import { MemoryLogStore } from 'raft-ts/testing';
import { freeAddress } from './load/free-address.ts';
import { fdatasyncMs } from './report/machine.ts';
import { median, quantile } from './report/statistics.ts';

const IDS = ['a', 'b', 'c'];
const ENTRY_BYTES = 200;
const RUNS = 5;
const BURST_MS = 1000;
const WINDOW = 1000;
const SINGLES = 500;

interface Cluster {
  readonly leader: RaftNode<number>;
  close(): Promise<void>;
}

/** What differs from row to row. */
interface Setting {
  readonly what: string;
  readonly openStore: (id: string) => LogStore;
  readonly openTransport: (id: string, store: LogStore) => Transport;
}

/** A message arrives in a later turn of the loop: no network is measured. */
function localTransports(): Setting['openTransport'] {
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

function tcpTransports(members: Readonly<Record<string, string>>): Setting['openTransport'] {
  return (id, store) =>
    new TcpTransport(
      { clusterId: 'bench', id, listen: members[id]!, insecure: true },
      { incarnation: () => (store as SegmentLogStore).incarnation },
    );
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

async function openCluster(
  { openStore, openTransport }: Setting,
  members: Readonly<Record<string, string>>,
): Promise<Cluster> {
  const nodes = await Promise.all(
    IDS.map((id) => {
      const store = openStore(id);
      const transport = openTransport(id, store);
      return RaftNode.open({ id, members }, { store, transport, stateMachine: newStateMachine() });
    }),
  );
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
  let done = 0;
  const client = async () => {
    while (performance.now() - startMs < BURST_MS) {
      await leader.propose(data);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: WINDOW }, client));
  return (1000 * done) / (performance.now() - startMs);
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

async function measure(setting: Setting, members: Readonly<Record<string, string>>): Promise<void> {
  const { leader, close } = await openCluster(setting, members);
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
    console.log(`  ${setting.what.padEnd(40)} ${rate} ${half} ${tail}`);
  } finally {
    await close();
  }
}

/** Commit rate and latency of three members in this process, with the log in memory and on the temporary directory's disk. */
export async function benchRaft(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'raftwall-bench-'));
  const onDisk = (name: string) => (id: string) =>
    new SegmentLogStore({ directory: join(directory, name, id), clusterId: 'bench' });
  try {
    const addresses = await Promise.all(IDS.map(freeAddress));
    const members = Object.fromEntries(IDS.map((id, i) => [id, addresses[i]!]));
    console.log(
      `\nraft: ${IDS.length} members in one process, on one core; entries of ${ENTRY_BYTES} bytes; medians of ${RUNS} runs`,
    );
    console.log(
      `  commits/s: ${WINDOW} proposals on their way; latency: one alone, proposal to applied`,
    );
    console.log(`  fdatasync of 4 KiB in ${tmpdir()}: ${fdatasyncMs(directory).toFixed(3)} ms`);
    console.log(`  ${'log, transport'.padEnd(40)}   commits/s    median ms       p99 ms`);
    for (const setting of [
      {
        what: 'in memory, by function call',
        openStore: () => new MemoryLogStore(),
        openTransport: localTransports(),
      },
      {
        what: 'on disk, by function call',
        openStore: onDisk('local'),
        openTransport: localTransports(),
      },
      {
        what: 'on disk, TCP on the loopback interface',
        openStore: onDisk('tcp'),
        openTransport: tcpTransports(members),
      },
    ]) {
      await measure(setting, members);
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
