import type { ExpectationFields, FlowTable } from '@raftwall/flow-table';
import type { GroupSelectors } from './group-selectors.ts';
import type { ReplicatorCounters } from './metrics.ts';
import { type KernelEventCursor, KernelEventKind, type KernelHandlers } from './ports.ts';
import type { TrafficGroup } from './traffic-group.ts';

export interface EventDispatchDependencies {
  readonly groups: readonly TrafficGroup[];
  readonly selectors: GroupSelectors;
  readonly table: FlowTable;
  readonly counters: ReplicatorCounters;
}

/** Gives each event of the one kernel to the traffic group of its flow (rule A6). */
export class EventDispatch implements KernelHandlers {
  readonly #dependencies: EventDispatchDependencies;

  constructor(dependencies: EventDispatchDependencies) {
    this.#dependencies = dependencies;
  }

  readonly onEvents = (events: KernelEventCursor): void => {
    const { groups, selectors, counters } = this.#dependencies;
    while (events.next()) {
      const { kind, entry, portId } = events;
      this.#count(kind);
      const group = groups[selectors.indexOf(entry)];
      if (group === undefined) counters.outsideGroups += 1;
      else group.parts.kernelEvents.handle(kind, entry, portId);
    }
    for (const { parts } of groups) parts.kernelEvents.flush();
  };

  readonly onExpectation = (kind: number, expectation: ExpectationFields): void => {
    const { groups, selectors, table, counters } = this.#dependencies;
    const group = groups[selectors.indexOfKey(table, expectation.master)];
    if (group === undefined) counters.outsideGroups += 1;
    else group.parts.kernelEvents.handleExpectation(kind, expectation);
  };

  readonly onMalformed = (messages: number): void => {
    this.#dependencies.counters.malformedMessages += messages;
  };

  readonly onOverrun = (): void => {
    this.#dependencies.counters.overruns += 1;
    for (const group of this.#dependencies.groups) group.onOverrun();
  };

  #count(kind: number): void {
    const { events } = this.#dependencies.counters;
    if (kind === KernelEventKind.new) events.new += 1;
    else if (kind === KernelEventKind.update) events.update += 1;
    else events.destroy += 1;
  }
}
