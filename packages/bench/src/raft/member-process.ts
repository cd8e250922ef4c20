import { join } from 'node:path';
import { Checkpoint, FlowTable } from '@raftwall/flow-table';
import { Checkpointer } from '@raftwall/replicator';
import {
  type Entry,
  EntryType,
  RaftNode,
  SegmentLogStore,
  type StateMachine,
  SystemClock,
  TcpTransport,
} from 'raft-ts';
import { runClosedLoop } from '../load/closed-loop.ts';
import { FlowBlobs } from '../load/flow-blobs.ts';
import { runPaced } from '../load/paced.ts';
import type { MemberAnswer, MemberRequest, MemberSetting, Standing } from './messages.ts';

const checkpointIntervalMs = 1000;
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** A member of raftwall's cluster without its kernel: log, flow table and checkpoint on disk, peers over TCP. */
class BenchMember {
  readonly #raft: RaftNode<void>;
  readonly #table: FlowTable;
  readonly #blobs = new FlowBlobs();

  private constructor(raft: RaftNode<void>, table: FlowTable) {
    this.#raft = raft;
    this.#table = table;
  }

  static async open({ id, directory, members }: MemberSetting): Promise<BenchMember> {
    const clock = new SystemClock();
    const table = new FlowTable({}, { nowMs: () => clock.nowMs() });
    const checkpoint = await Checkpoint.open(join(directory, 'table'));
    await checkpoint.load(table);
    const checkpointer = new Checkpointer(
      { intervalMs: checkpointIntervalMs, writtenIndex: 0 },
      { store: checkpoint, clock, logger: silent, onFailure: fail },
    );
    const store = new SegmentLogStore({ directory: join(directory, 'log'), clusterId: 'bench' });
    const transport = new TcpTransport(
      { clusterId: 'bench', id, listen: members[id]!, insecure: true },
      { incarnation: () => store.incarnation },
    );
    let applied = { index: 0, term: 0 };
    const stateMachine: StateMachine<void> = {
      get appliedIndex() {
        return applied.index;
      },
      appliedConfig: null,
      apply: (entries: readonly Entry[]) => {
        for (const { type, data } of entries) if (type === EntryType.normal) table.apply(data);
        const { index, term } = entries.at(-1)!;
        applied = { index, term };
        return entries.map(() => undefined);
      },
    };
    const raft = await RaftNode.open({ id, members }, { store, transport, stateMachine });
    checkpointer.start({
      position: () => ({ ...applied, meta: new Uint8Array(0) }),
      compact: (index) => raft.compact(index),
    });
    return new BenchMember(raft, table);
  }

  async answer(request: MemberRequest): Promise<MemberAnswer> {
    switch (request.kind) {
      case 'standing':
        return { kind: 'standing', ...this.#standing() };
      case 'closed-loop': {
        const { load } = request;
        const result = await runClosedLoop(
          load,
          () => this.#propose(load.operationsPerRequest),
          (edge) => send({ kind: 'edge', edge }),
        );
        return { kind: 'closed-loop', result };
      }
      case 'paced': {
        const latency = await runPaced(request.load, (operations) => this.#propose(operations));
        return { kind: 'paced', latency };
      }
    }
  }

  async #propose(operations: number): Promise<void> {
    await this.#raft.propose(this.#blobs.take(operations));
  }

  #standing(): Standing {
    const { role, appliedIndex } = this.#raft.status();
    const { records } = this.#table.digest();
    const digest = String(records);
    return { isLeader: role === 'leader', appliedIndex, flows: this.#table.size, digest };
  }
}

function send(answer: MemberAnswer): void {
  process.send!(answer);
}

function fail(error: unknown): void {
  send({ kind: 'failed', message: error instanceof Error ? error.stack! : String(error) });
}

process.on('disconnect', () => process.exit());
const setting = JSON.parse(process.argv[2]!) as MemberSetting;
const member = await BenchMember.open(setting);
process.on('message', (request: MemberRequest) => {
  void member.answer(request).then(send, fail);
});
