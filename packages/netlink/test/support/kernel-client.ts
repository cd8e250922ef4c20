import {
  CommandBatch,
  CommandChannel,
  type CommandResults,
  type ConntrackEntry,
  type ConntrackExpectation,
  Dumper,
  type DumpFilter,
} from '@raftwall/netlink';

/** Commands and dumps of one test namespace, with copies instead of reused cells. */
export class KernelClient {
  readonly channel: CommandChannel;
  readonly batch = new CommandBatch();
  readonly #dumper: Dumper;
  failure: Error | null = null;

  constructor(namespace: string) {
    const onFailure = (error: Error): void => {
      this.failure = error;
    };
    this.channel = new CommandChannel({ namespace }, { onFailure, metrics: null });
    this.#dumper = new Dumper({ namespace }, { metrics: null });
  }

  /** Fills a batch, runs it, and returns the errnos. */
  async run(fill: (batch: CommandBatch) => void): Promise<CommandResults> {
    this.batch.reset();
    fill(this.batch);
    return this.channel.execute(this.batch);
  }

  /** The errno of one command. */
  async one(fill: (batch: CommandBatch) => void): Promise<number> {
    const { errnos } = await this.run(fill);
    return errnos[0] ?? -1;
  }

  /** The entry that has this tuple, or null. */
  async get(
    entry: ConntrackEntry,
    direction: 'original' | 'reply' = 'original',
  ): Promise<ConntrackEntry | null> {
    let found: ConntrackEntry | null = null;
    this.batch.reset();
    this.batch.get(entry, direction);
    await this.channel.execute(this.batch, (cursor) => {
      while (cursor.next()) found = structuredClone({ ...cursor.entry });
    });
    return found;
  }

  async dump(filter: DumpFilter = {}): Promise<ConntrackEntry[]> {
    const entries: ConntrackEntry[] = [];
    await this.#dumper.dump(filter, (cursor) => {
      while (cursor.next()) entries.push(structuredClone({ ...cursor.entry }));
    });
    return entries;
  }

  async dumpExpectations(): Promise<ConntrackExpectation[]> {
    const found: ConntrackExpectation[] = [];
    await this.#dumper.dumpExpectations((it) => found.push(structuredClone({ ...it })));
    return found;
  }

  async stop(): Promise<void> {
    await this.channel.stop();
    await this.#dumper.stop();
  }
}

/** Errno numbers of Linux. */
export const Errno = {
  ENOENT: 2,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  EOPNOTSUPP: 95,
} as const;
