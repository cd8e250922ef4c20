import type { Message } from '../../src/core/message.ts';
import type { Entry } from '../../src/core/types.ts';
import { RaftNode } from '../../src/node/raft-node.ts';
import type { LimitOptions } from '../../src/options.ts';
import type { StateMachine, Transport } from '../../src/ports.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';

/** Members of one process that hand messages to one another in a later turn of the loop. */
export class LocalNetwork {
  readonly #receivers = new Map<string, (message: Message) => void>();
  readonly cut = new Set<string>();
  /** How often a message arrives. */
  copies: (message: Message) => number = () => 1;
  onSend: (message: Message) => void = () => {};
  onSetPeers: (id: string, addresses: ReadonlyMap<string, string>) => void = () => {};

  transport(id: string): Transport {
    return {
      start: (receive) => {
        this.#receivers.set(id, receive);
        return Promise.resolve();
      },
      send: (message) => {
        this.onSend(message);
        if (this.cut.has(message.to) || this.cut.has(id)) return;
        for (let copy = 0; copy < this.copies(message); copy++) {
          setImmediate(() => this.#receivers.get(message.to)?.(message));
        }
      },
      setPeers: (addresses) => this.onSetPeers(id, addresses),
      isReachable: (peer) => !this.cut.has(peer),
      stop: () => {
        this.#receivers.delete(id);
        return Promise.resolve();
      },
    };
  }
}

/** Keeps what was applied and answers with the number of bytes. */
export class Recorder implements StateMachine<number> {
  readonly appliedIndex = 0;
  readonly appliedConfig = null;
  readonly applied: Entry[] = [];

  apply(entries: readonly Entry[]): readonly number[] {
    for (const entry of entries) this.applied.push(entry);
    return entries.map((entry) => entry.data.length);
  }
}

export interface LocalMember {
  readonly node: RaftNode<number>;
  readonly store: MemoryLogStore;
  readonly machine: Recorder;
}

export async function openCluster(
  ids: readonly string[],
  network: LocalNetwork,
  limits: Partial<LimitOptions> = {},
): Promise<Map<string, LocalMember>> {
  const members = Object.fromEntries(ids.map((id) => [id, `${id}:1`]));
  const cluster = new Map<string, LocalMember>();
  for (const id of ids) {
    const store = new MemoryLogStore();
    const machine = new Recorder();
    const node = await RaftNode.open(
      { id, members, timing: 'fast', limits, compactionTrailingEntries: 0 },
      { store, transport: network.transport(id), stateMachine: machine },
    );
    cluster.set(id, { node, store, machine });
  }
  return cluster;
}

/** Resolves with the id of the member that leads and is known by all. */
export async function awaitLeader(cluster: ReadonlyMap<string, LocalMember>): Promise<string> {
  for (;;) {
    const statuses = [...cluster.values()].map(({ node }) => node.status());
    const leader = statuses.find((status) => status.role === 'leader');
    if (leader !== undefined && statuses.every((status) => status.leader === leader.id)) {
      return leader.id;
    }
    await new Promise<void>((resolve) => {
      const stops = [...cluster.values()].map(({ node }) => node.once('leader', () => resolve()));
      void stops;
    });
  }
}

export async function closeCluster(cluster: ReadonlyMap<string, LocalMember>): Promise<void> {
  for (const { node } of cluster.values()) await node.close();
}
