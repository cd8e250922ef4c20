import { type FlowFields, type FlowKeyFields, FlowRecord } from '@raftwall/flow-table';
import { type Prefix, parsePrefix } from './address.ts';
import { isInZone, touches } from './flow-place.ts';
import type { GroupOptions } from './options.ts';

interface Selector {
  readonly zones: ReadonlySet<number>;
  readonly prefixes: readonly Prefix[];
}

/** The rows that say what a key alone does not: how the flow is translated. */
interface TranslatedTable {
  find(key: FlowKeyFields): number;
  read(slot: number, into: FlowFields): void;
}

/**
 * Rule A6: whose flow it is. A pure function of the flow and the selectors, which all members have alike: the first group, in the
 * order of the configuration, that has its zone or an address of either tuple. A single group has every flow.
 */
export class GroupSelectors {
  readonly #names: readonly string[];
  /** Null: the only group selects everything. */
  readonly #selectors: readonly Selector[] | null;
  readonly #flow = new FlowRecord();

  /** @throws {AddressFormatError} If a prefix is none. */
  constructor(groups: readonly GroupOptions[]) {
    this.#names = groups.map(({ name }) => name);
    this.#selectors = groups.length === 1 ? null : groups.map(selectorOf);
  }

  /** There is one group, and everything is its own. */
  get isWhole(): boolean {
    return this.#selectors === null;
  }

  /** Position of the flow's group, or -1 if none selects it. */
  indexOf(flow: FlowFields): number {
    if (this.#selectors === null) return 0;
    return this.#selectors.findIndex(
      ({ zones, prefixes }) => isInZone(flow, zones) || touches(flow, prefixes),
    );
  }

  /** The same of the flow in a row. */
  indexOfRow(table: TranslatedTable, slot: number): number {
    if (this.#selectors === null) return 0;
    table.read(slot, this.#flow);
    return this.indexOf(this.#flow);
  }

  /** The same of a flow that only its key is known of: as its row says, and without one as its original tuple says. */
  indexOfKey(table: TranslatedTable, key: FlowKeyFields): number {
    if (this.#selectors === null) return 0;
    const slot = table.find(key);
    if (slot >= 0) return this.indexOfRow(table, slot);
    const flow = new FlowRecord();
    flow.copyKeyFrom(key);
    return this.indexOf(flow);
  }

  /**
   * Whether the flow is in the group of that name. A group that is not configured is one of a log from before there were several,
   * to which everything belonged.
   */
  isIn(name: string, flow: FlowFields): boolean {
    if (this.#selectors === null) return true;
    const position = this.#names.indexOf(name);
    return position < 0 || this.indexOf(flow) === position;
  }
}

function selectorOf({ select }: GroupOptions): Selector {
  return {
    zones: new Set(select?.zones),
    prefixes: select?.prefixes.map(parsePrefix) ?? [],
  };
}
