import {
  type ExpectationFields,
  FlowAttribute,
  type FlowFields,
  OperationReader,
  OperationWriter,
} from '@raftwall/flow-table';
import {
  CommandBatch,
  CommandChannel,
  type ConntrackCursor,
  type ConntrackEntry,
  type ConntrackExpectation,
  ConntrackSysctls,
  Dumper,
  EventListener,
  type FilterPrefix,
} from '@raftwall/netlink';
import type {
  InjectOptions,
  Kernel,
  KernelBatch,
  KernelEntryCursor,
  KernelHandlers,
  KernelHooks,
  LookupBy,
} from '@raftwall/replicator';
import { HookProbes } from './hook-probes.ts';
import { type KernelTimeouts, readKernelTimeouts } from './kernel-timeouts.ts';

export interface NetlinkKernelOptions {
  /** Path of a network namespace such as `/run/netns/blue`; the process's own when absent. */
  readonly namespace?: string;
  readonly tcpWindowTracking: 'liberal' | 'strict';
  /** Receive buffer for events. */
  readonly eventBufferBytes: number;
  /** IP protocols whose events are of interest. */
  readonly protocols: readonly number[];
  /** Flows with an original end in one of these are of none. */
  readonly ignorePrefixes: readonly FilterPrefix[];
  /** Zones whose flows are of interest; empty: all. */
  readonly zones: readonly number[];
}

/** What an update may carry: the kernel changes neither translation nor helper nor master of a flow. */
const changeable =
  FlowAttribute.status |
  FlowAttribute.timeout |
  FlowAttribute.mark |
  FlowAttribute.tcp |
  FlowAttribute.sctp |
  FlowAttribute.dccp |
  FlowAttribute.sequenceAdjustOriginal |
  FlowAttribute.sequenceAdjustReply |
  FlowAttribute.synproxy |
  FlowAttribute.labels;

const lookupsPerBatch = 100;
/** About a thousand flows: what is compared without letting other work run. */
const dumpPageBytesMax = 64 * 1024;

/** The conntrack table of this process's network namespace, behind the port that the replicator declares. */
export class NetlinkKernel implements Kernel {
  readonly #options: NetlinkKernelOptions;
  readonly #onFailure: (error: Error) => void;
  readonly #commands: CommandChannel;
  readonly #dumper: Dumper;
  readonly #sysctls: ConntrackSysctls;
  readonly #probes: HookProbes;
  readonly #lookups = new CommandBatch();
  #listener: EventListener | null = null;
  #dumping: Promise<unknown> = Promise.resolve();
  /** Malformed events reported so far. */
  #malformed = 0;

  constructor(options: NetlinkKernelOptions, onFailure: (error: Error) => void) {
    this.#options = options;
    this.#onFailure = onFailure;
    this.#sysctls = new ConntrackSysctls(this.#place);
    this.#commands = new CommandChannel(this.#place, { onFailure, metrics: null });
    this.#dumper = new Dumper(this.#place, { metrics: null });
    this.#probes = new HookProbes(this.#place);
  }

  get #place(): { namespace?: string } {
    const { namespace } = this.#options;
    return namespace === undefined ? {} : { namespace };
  }

  async listen(handlers: KernelHandlers): Promise<void> {
    // Flows born while nobody listens must emit as well (netlink facts: nf_conntrack_events 2).
    this.#sysctls.write('nf_conntrack_events', 1);
    this.#listener = new EventListener(
      {
        ...this.#place,
        ignorePortIds: [this.#commands.portId, ...this.#probes.portIds],
        protocols: this.#options.protocols,
        receiveBufferBytes: this.#options.eventBufferBytes,
        ignorePrefixes: this.#options.ignorePrefixes,
        zones: this.#options.zones,
      },
      {
        onBatch: (cursor) => {
          handlers.onEvents(cursor);
          this.#reportMalformed(cursor, handlers);
        },
        onExpectation: (kind, expectation) => handlers.onExpectation(kind, expectation),
        onOverrun: () => handlers.onOverrun(),
        onFailure: this.#onFailure,
        metrics: null,
      },
    );
  }

  /** What did not parse was skipped; somebody has to hear of it. */
  #reportMalformed({ malformed }: ConntrackCursor, handlers: KernelHandlers): void {
    if (malformed === this.#malformed) return;
    handlers.onMalformed(malformed - this.#malformed);
    this.#malformed = malformed;
  }

  newBatch(): KernelBatch {
    return new InjectBatch(this.#options.tcpWindowTracking);
  }

  async execute(batch: KernelBatch): Promise<Int32Array> {
    const { commands } = batch as InjectBatch;
    await this.#commands.room();
    return (await this.#commands.execute(commands)).errnos;
  }

  async lookup(
    flows: readonly FlowFields[],
    by: LookupBy,
    found: (position: number, entry: FlowFields) => void,
  ): Promise<void> {
    for (let start = 0; start < flows.length; start += lookupsPerBatch) {
      await this.#commands.room();
      const batch = this.#lookups;
      batch.reset();
      for (const flow of flows.slice(start, start + lookupsPerBatch)) {
        batch.get(flow as ConntrackEntry, by);
      }
      const { firstSequence } = batch;
      await this.#commands.execute(batch, (cursor) => {
        while (cursor.next())
          found(start + ((cursor.sequence - firstSequence) >>> 0), cursor.entry);
      });
    }
  }

  /** Entries are kept packed until their reader has time: the kernel is not made to wait for the log. */
  async dump(
    onPage: (entries: KernelEntryCursor) => void | Promise<void>,
  ): Promise<{ interrupted: boolean }> {
    const pages: Uint8Array[] = [];
    const writer = new OperationWriter({ byteLengthMax: dumpPageBytesMax });
    const { interrupted } = await this.#inTurn(() =>
      this.#dumper.dump({}, (cursor) => pack(cursor, writer, pages)),
    );
    pages.push(writer.finish());
    for (const page of pages) await onPage(new PackedEntries(page));
    return { interrupted };
  }

  /** One dump at a time; whoever comes meanwhile waits. */
  #inTurn<T>(dump: () => Promise<T>): Promise<T> {
    const turn = this.#dumping.then(dump);
    this.#dumping = turn.catch(() => undefined);
    return turn;
  }

  async dumpExpectations(found: (expectation: ExpectationFields) => void): Promise<void> {
    await this.#inTurn(() => this.#dumper.dumpExpectations(found));
  }

  count(): number {
    return this.#sysctls.read('nf_conntrack_count');
  }

  countMax(): number {
    return this.#sysctls.read('nf_conntrack_max');
  }

  timeouts(): KernelTimeouts {
    return readKernelTimeouts(this.#sysctls);
  }

  hooks(): KernelHooks {
    return this.#probes.look();
  }

  async close(): Promise<void> {
    await this.#listener?.stop();
    await this.#dumper.stop();
    await this.#commands.stop();
    this.#probes.close();
  }
}

function pack(cursor: ConntrackCursor, writer: OperationWriter, pages: Uint8Array[]): void {
  while (cursor.next()) {
    if (!writer.hasRoom) {
      pages.push(writer.finish());
      writer.reset();
    }
    writer.create(cursor.entry);
  }
}

class PackedEntries implements KernelEntryCursor {
  readonly #reader: OperationReader;

  constructor(page: Uint8Array) {
    this.#reader = new OperationReader(page);
  }

  get entry(): FlowFields {
    return this.#reader.fields;
  }

  next(): boolean {
    return this.#reader.next();
  }
}

/** Messages that inject, change and delete flows as a standby does. */
class InjectBatch implements KernelBatch {
  readonly commands: CommandBatch;

  constructor(tcpWindowTracking: 'liberal' | 'strict') {
    this.commands = new CommandBatch({ tcpWindowTracking });
  }

  get count(): number {
    return this.commands.count;
  }

  reset(): void {
    this.commands.reset();
  }

  create(flow: FlowFields, inject: InjectOptions): void {
    flow.timeoutSeconds = inject.timeoutSeconds;
    const attributes = flow.attributes | FlowAttribute.timeout;
    this.commands.create(flow as ConntrackEntry, attributes);
  }

  update(flow: FlowFields, inject: InjectOptions): void {
    flow.timeoutSeconds = inject.timeoutSeconds;
    const wanted = inject.withStatus ? changeable : changeable & ~FlowAttribute.status;
    const attributes = (flow.attributes | FlowAttribute.timeout) & wanted;
    this.commands.update(flow as ConntrackEntry, attributes);
  }

  touch(flow: FlowFields, timeoutSeconds: number): void {
    flow.timeoutSeconds = timeoutSeconds;
    this.commands.update(flow as ConntrackEntry, FlowAttribute.timeout);
  }

  delete(flow: FlowFields): void {
    this.commands.delete(flow as ConntrackEntry);
  }

  expect(expectation: ExpectationFields): void {
    this.commands.expect(expectation as ConntrackExpectation);
  }

  limitExpectation(expectation: ExpectationFields): void {
    this.commands.limitExpectation(expectation as ConntrackExpectation);
  }

  unexpect(expectation: ExpectationFields): void {
    this.commands.unexpect(expectation as ConntrackExpectation);
  }
}
