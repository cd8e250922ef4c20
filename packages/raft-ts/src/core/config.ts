import type { LogReader } from '../ports.ts';
import { assert } from './assert.ts';
import type { ClusterConfig, Entry, Index, LogId, NodeId } from './types.ts';
import { EntryType } from './types.ts';

/** A configuration and the index of its entry. */
export interface ConfigAt {
  readonly index: Index;
  readonly config: ClusterConfig;
}

/** Configuration of a new cluster with these voters; ids to `host:port`. */
export function initialConfig(addresses: Readonly<Record<string, string>>): ClusterConfig {
  return {
    voters: Object.keys(addresses),
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
    addresses,
    featureLevel: 1,
    generation: 0,
  };
}

/** The data of a `config` entry: JSON, since it is rare and people read it in a broken log. */
export function encodeConfig(config: ClusterConfig): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(config));
}

function isIdList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((id) => typeof id === 'string' && id.length > 0);
}

function isAddressMap(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((address) => typeof address === 'string');
}

/** Reads the data of a `config` entry. @throws {AssertionFailedError} If it is not a configuration. */
export function decodeConfig(data: Uint8Array): ClusterConfig {
  const value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  assert(typeof value === 'object' && value !== null, 'configuration entry is not an object');
  const { voters, votersOutgoing, learners, learnersNext, autoLeave, addresses } = value;
  const { featureLevel, generation = 0 } = value;
  assert(isIdList(voters) && voters.length > 0, 'configuration without voters');
  assert(isIdList(votersOutgoing), 'configuration: votersOutgoing is not a list of ids');
  assert(isIdList(learners), 'configuration: learners is not a list of ids');
  assert(isIdList(learnersNext), 'configuration: learnersNext is not a list of ids');
  assert(typeof autoLeave === 'boolean', 'configuration: autoLeave is not a boolean');
  assert(isAddressMap(addresses), 'configuration: addresses is not a map');
  assert(Number.isSafeInteger(featureLevel), 'configuration: featureLevel is not a number');
  assert(Number.isSafeInteger(generation), 'configuration: generation is not a number');
  return {
    ...{ voters, votersOutgoing, learners, learnersNext, autoLeave, addresses },
    ...{ featureLevel, generation },
  };
}

const searchChunkBytes = 1 << 20;

/** The newest configuration in a log, or `base` when it holds none. */
export function newestConfig(
  log: LogReader,
  { compacted, lastIndex }: { readonly compacted: LogId; readonly lastIndex: Index },
  base: ClusterConfig,
): ClusterConfig {
  let newest = base;
  for (let next = compacted.index + 1; next <= lastIndex; ) {
    const entries = log.entries(next, lastIndex + 1, searchChunkBytes);
    for (const { type, data } of entries) {
      if (type === EntryType.config) newest = decodeConfig(data);
    }
    next += entries.length;
  }
  return newest;
}

/**
 * Configurations by the index of their entry. The newest one holds from the moment it is appended (dissertation,
 * section 4.1), so a truncation brings back the one before it.
 */
export class ConfigHistory {
  #history: ConfigAt[];
  /** Committed ones, from that of the applied index on. */
  #committed: ConfigAt[];

  constructor(config: ClusterConfig, index: Index) {
    this.#history = [{ index, config }];
    this.#committed = [{ index, config }];
  }

  get current(): ClusterConfig {
    return this.#history[this.#history.length - 1]!.config;
  }

  /** The configuration before the present one, unless that is known to be committed. */
  get previous(): ClusterConfig | null {
    return this.#history[this.#history.length - 2]?.config ?? null;
  }

  get currentIndex(): Index {
    return this.#history[this.#history.length - 1]!.index;
  }

  /** The newest committed configuration. */
  get oldest(): ClusterConfig {
    return this.#history[0]!.config;
  }

  /** Index of the newest committed configuration. */
  get oldestIndex(): Index {
    return this.#history[0]!.index;
  }

  /** The configuration as of the applied index. */
  get applied(): ConfigAt {
    return this.#committed[0]!;
  }

  /** Where every member listens, of configurations that may still come back as well. */
  get addresses(): ReadonlyMap<NodeId, string> {
    return new Map(this.#history.flatMap(({ config }) => Object.entries(config.addresses)));
  }

  /** True when the entry was a configuration, which holds from now on. */
  append(entry: Entry): boolean {
    if (entry.type !== EntryType.config) return false;
    assert(entry.index > this.currentIndex, 'configurations out of order');
    this.#history.push({ index: entry.index, config: decodeConfig(entry.data) });
    return true;
  }

  /** Entries from `from` on are gone. True when another configuration holds now. */
  truncate(from: Index): boolean {
    const before = this.#history.length;
    while (this.#history.length > 1 && this.currentIndex >= from) this.#history.pop();
    return this.#history.length !== before;
  }

  /** What lies before the newest committed configuration can never come back. True when something did. */
  commit(index: Index): boolean {
    const before = this.#history.length;
    while (this.#history.length > 1 && this.#history[1]!.index <= index) {
      this.#history.shift();
      this.#committed.push(this.#history[0]!);
    }
    return this.#history.length !== before;
  }

  /** Entries up to `index` have been applied. */
  apply(index: Index): void {
    while (this.#committed.length > 1 && this.#committed[1]!.index <= index) {
      this.#committed.shift();
    }
  }

  /** A snapshot takes the place of everything (etcd's and others' known flaw: what it supersedes must be rolled back). */
  reset(config: ClusterConfig, index: Index): void {
    this.#history = [{ index, config }];
    this.#committed = [{ index, config }];
  }

  /** A snapshot up to `lastIndex` takes the place of what was known up to there; what the log holds behind it stays. */
  rebase(config: ClusterConfig, index: Index, lastIndex: Index): void {
    const known = new Set([...this.#committed, ...this.#history]);
    const later = [...known].filter((at) => at.index > lastIndex);
    this.#history = [{ index, config }, ...later];
    this.#committed = [{ index, config }];
  }
}
