import { initialConfig } from '../../src/core/config.ts';
import type { RaftMessage, SnapshotMessage } from '../../src/core/message.ts';
import type { Ready } from '../../src/core/ready.ts';
import type { ClusterConfig, Index, NodeId } from '../../src/core/types.ts';
import { CoreBench, type CoreSetup } from '../unit/core-bench.ts';
import { messageText, readyText } from './format.ts';

type Sent = RaftMessage | SnapshotMessage;

/** Members on benches and what is on its way between them. Everything that happens is told in lines. */
export class GoldenCluster {
  readonly #benches = new Map<NodeId, CoreBench>();
  #network: Sent[] = [];
  #lines: string[] = [];

  add(id: NodeId, members: readonly NodeId[], setup: CoreSetup): void {
    this.#benches.set(id, new CoreBench({ ...setup, id, members }));
  }

  /** Members with the same beginning; learners follow the voters. */
  addAll(voters: readonly NodeId[], learners: readonly NodeId[], setup: CoreSetup): void {
    const addresses = Object.fromEntries([...voters, ...learners].map((id) => [id, id]));
    const config: ClusterConfig = { ...initialConfig(addresses), voters, learners };
    for (const id of [...voters, ...learners]) this.add(id, voters, { ...setup, config });
  }

  get ids(): NodeId[] {
    return [...this.#benches.keys()];
  }

  get(id: NodeId | undefined): CoreBench {
    const bench = this.#benches.get(id ?? '');
    if (bench === undefined) throw new Error(`there is no member ${id}`);
    return bench;
  }

  /** Takes what was told since the last time. */
  takeLines(): string[] {
    return this.#lines.splice(0);
  }

  tell(line: string): void {
    this.#lines.push(line);
  }

  /** Does what the member wants done; its append stays in flight. True when there was something. */
  run(id: NodeId): boolean {
    return this.#tellReadies(id, this.get(id).run());
  }

  /** The append in flight becomes durable, and a snapshot is taken up. */
  sync(id: NodeId): boolean {
    const bench = this.get(id);
    const { pending, restoring } = bench;
    if (pending !== null) {
      this.tell(`${id}: written`);
      this.#tellReadies(id, bench.sync());
    }
    if (restoring !== null) {
      this.tell(`${id}: restored`);
      bench.restoring = null;
      bench.core.restored(restoring);
      this.run(id);
    }
    return pending !== null || restoring !== null;
  }

  send(message: Sent): void {
    this.#post([message]);
  }

  /** Hands the messages to these members over, in the order in which they were sent. */
  deliver(ids: readonly NodeId[]): boolean {
    const passed = this.#network.filter(({ to }) => ids.includes(to));
    this.#network = this.#network.filter(({ to }) => !ids.includes(to));
    for (const message of passed) this.#benches.get(message.to)?.core.step(message);
    return passed.length > 0;
  }

  /** Loses what is on its way and fits. */
  drop(fits: (message: Sent) => boolean): void {
    for (const message of this.#network.filter(fits)) this.tell(`lost ${messageText(message)}`);
    this.#network = this.#network.filter((message) => !fits(message));
  }

  /** Runs these members and what is between them until nothing moves. */
  stabilize(ids: readonly NodeId[]): void {
    for (let round = 0; round < 1000; round++) {
      let isMoving = false;
      for (const id of ids) isMoving = this.run(id) || isMoving;
      for (const id of ids) isMoving = this.sync(id) || isMoving;
      isMoving = this.deliver(ids) || isMoving;
      if (!isMoving) return;
    }
    throw new Error('the members do not come to rest');
  }

  /** The leader sends a snapshot of what its state was at `index`. */
  snapshot(from: NodeId, to: NodeId, index: Index): void {
    const { core } = this.get(from);
    const { log, term, configs } = core.state;
    const lastTerm = log.term(index);
    if (lastTerm === undefined) throw new Error(`${from} does not know the term of ${index}`);
    const { config, index: configIndex } = configs.applied;
    const content = { bytes: 1, digest: '0'.repeat(64), formatVersion: 1 };
    const meta = { lastIndex: index, lastTerm, config, configIndex, ...content };
    core.snapshotChosen(to, meta);
    this.send({ kind: 'snapshot', from, to, term, meta });
  }

  #tellReadies(id: NodeId, readies: readonly Ready[]): boolean {
    for (const ready of readies) this.#lines.push(...readyText(id, ready));
    this.#post(this.get(id).take());
    return readies.length > 0;
  }

  #post(messages: readonly Sent[]): void {
    for (const message of messages) this.#lines.push(messageText(message));
    this.#network.push(...messages);
  }
}
