import type { SnapshotMessage } from '../../src/core/message.ts';
import {
  type ClusterConfig,
  type Entry,
  EntryType,
  type Index,
  type SnapshotMeta,
} from '../../src/core/types.ts';
import { RaftNode } from '../../src/node/raft-node.ts';
import type { RaftNodeOptions } from '../../src/options.ts';
import type {
  Done,
  SnapshotContent,
  SnapshotOffered,
  SnapshotReader,
  SnapshotWriter,
  StateMachine,
  Transport,
} from '../../src/ports.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';
import { MemorySnapshotStore } from '../../src/testing/memory-snapshot-store.ts';
import { LocalNetwork } from './node-local-cluster.ts';

const chunkBytes = 50;

/** A piece of a snapshot that arrived. */
export interface Arrival {
  readonly to: string;
  readonly meta: SnapshotMeta;
  readonly offset: number;
}

/** Also carries snapshots, in pieces of 50 bytes, each in a turn of its own. */
export class SnapshotNetwork extends LocalNetwork {
  readonly #offered = new Map<string, SnapshotOffered>();
  readonly arrivals: Arrival[] = [];
  /** Offers that were answered without content, or refused. */
  readonly refusals: (Error | null)[] = [];
  /** Called before each piece is handed over; a transfer breaks when it says so. */
  breaks: (arrival: Arrival) => boolean | Promise<boolean> = () => false;

  override transport(id: string): Transport {
    const transport = super.transport(id);
    return {
      ...transport,
      start: (receive, onSnapshot) => {
        if (onSnapshot !== undefined) this.#offered.set(id, onSnapshot);
        return transport.start(receive);
      },
      sendSnapshot: (message, reader, signal, done) => {
        this.#transfer(message, reader, signal).then(() => done(null), done);
      },
      stop: () => {
        this.#offered.delete(id);
        return transport.stop();
      },
    };
  }

  /** Offers a snapshot to a member, as another one would. */
  offer(message: SnapshotMessage): Promise<SnapshotWriter | null> {
    const offered = this.#offered.get(message.to);
    return new Promise((resolve, reject) => {
      if (offered === undefined) reject(new Error('nobody is there'));
      else
        offered(message, (result) => {
          if (result instanceof Error) reject(result);
          else resolve(result);
        });
    });
  }

  async #transfer(
    message: SnapshotMessage,
    reader: SnapshotReader,
    signal: AbortSignal,
  ): Promise<void> {
    const { to } = message;
    const writer = await this.offer(message).catch((error: Error) => {
      this.refusals.push(error);
      throw error;
    });
    if (writer === null) {
      this.refusals.push(null);
      return;
    }
    const { meta } = reader;
    try {
      while (writer.offset < meta.bytes) {
        const { offset } = writer;
        const chunk = await read(reader, offset);
        await new Promise(setImmediate);
        const isBroken = (await this.breaks({ to, meta, offset })) || this.cut.has(to);
        if (isBroken || signal.aborted) throw new Error('the transfer broke');
        this.arrivals.push({ to, meta, offset });
        await promised((done) => writer.write(chunk, done));
      }
      await promised((done) => writer.finish(done));
    } finally {
      writer.close();
    }
  }
}

function promised(action: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    action((error) => (error ? reject(error) : resolve()));
  });
}

function read(reader: SnapshotReader, offset: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    reader.read(offset, chunkBytes, (result) => {
      if (result instanceof Error) reject(result);
      else resolve(result);
    });
  });
}

/** Keys and values in memory: `key=value` sets, `-key` deletes. */
export class KvMachine implements StateMachine<Index> {
  appliedIndex: Index = 0;
  appliedConfig: ClusterConfig | null = null;
  values = new Map<string, string>();
  /** Awaited before each piece of a snapshot is given. */
  beforePiece: () => Promise<void> = () => Promise.resolve();
  /** Awaited before a restoration ends. */
  beforeRestored: () => Promise<void> = () => Promise.resolve();

  apply(entries: readonly Entry[]): readonly Index[] {
    for (const { index, type, data } of entries) {
      this.appliedIndex = index;
      if (type === EntryType.normal) this.#applyText(new TextDecoder().decode(data));
    }
    return entries.map(({ index }) => index);
  }

  snapshot(): SnapshotContent {
    const pieces = [...this.values].map((pair) => `${JSON.stringify(pair)}\n`);
    return this.#give(pieces);
  }

  async restore(meta: SnapshotMeta, content: SnapshotContent): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of content) pieces.push(piece);
    await this.beforeRestored();
    const text = Buffer.concat(pieces).toString();
    this.values = new Map(
      text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as [string, string]),
    );
    this.appliedIndex = meta.lastIndex;
  }

  async *#give(pieces: readonly string[]): AsyncIterable<Uint8Array> {
    for (const piece of pieces) {
      await this.beforePiece();
      yield new TextEncoder().encode(piece);
    }
  }

  #applyText(text: string): void {
    if (text.startsWith('-')) this.values.delete(text.slice(1));
    else this.values.set(...(text.split('=', 2) as [string, string]));
  }
}

/** One member of a cluster over its restarts: log and snapshots stay, the state machine is made anew. */
export class SnapshotMember {
  readonly id: string;
  readonly store = new MemoryLogStore();
  readonly snapshots = new MemorySnapshotStore();
  machine = new KvMachine();
  node!: RaftNode<Index>;
  readonly #network: SnapshotNetwork;
  readonly #options: RaftNodeOptions;

  constructor(options: RaftNodeOptions, network: SnapshotNetwork) {
    this.id = options.id;
    this.#options = options;
    this.#network = network;
  }

  async start(machine = new KvMachine()): Promise<void> {
    this.machine = machine;
    const { store, snapshots } = this;
    const transport = this.#network.transport(this.id);
    const parts = { store, snapshots, transport, stateMachine: machine };
    this.node = await RaftNode.open<Index>(this.#options, parts);
  }

  stop(): Promise<void> {
    return this.node.close();
  }

  propose(text: string): Promise<unknown> {
    return this.node.propose(new TextEncoder().encode(text));
  }

  /** Resolves when this member has applied everything up to `index`. */
  applied(index: Index): Promise<void> {
    if (this.node.status().appliedIndex >= index) return Promise.resolve();
    return new Promise((resolve) => {
      const stop = this.node.on('applied', (applied) => {
        if (applied < index) return;
        stop();
        resolve();
      });
    });
  }
}

export interface SnapshotCluster {
  readonly network: SnapshotNetwork;
  readonly members: ReadonlyMap<string, SnapshotMember>;
  /** The leader among the members that run; waits for one. */
  leader(): Promise<SnapshotMember>;
  close(): Promise<void>;
}

/** Three running members, `a`, `b` and `c`. */
export async function openSnapshotCluster(
  options: Partial<RaftNodeOptions> = {},
): Promise<SnapshotCluster> {
  const network = new SnapshotNetwork();
  const ids = ['a', 'b', 'c'];
  const addresses = Object.fromEntries(ids.map((id) => [id, `${id}:1`]));
  const common = { members: addresses, timing: 'fast', compactionTrailingEntries: 0 } as const;
  const members = new Map(
    ids.map((id) => [id, new SnapshotMember({ id, ...common, ...options }, network)]),
  );
  for (const member of members.values()) await member.start();
  return {
    network,
    members,
    leader: () => awaitLeader([...members.values()]),
    close: async () => {
      for (const member of members.values()) await member.stop();
    },
  };
}

async function awaitLeader(members: readonly SnapshotMember[]): Promise<SnapshotMember> {
  for (;;) {
    const running = members.filter(({ node }) => node.status().stopped === null);
    const leader = running.find(({ node }) => node.status().role === 'leader');
    const isKnown = running.every(({ node }) => node.status().leader === leader?.id);
    if (leader !== undefined && isKnown && leader.node.status().quorum) return leader;
    await new Promise<void>((resolve) => {
      for (const { node } of running) node.once('leader', () => resolve());
      setTimeout(resolve, 100);
    });
  }
}
