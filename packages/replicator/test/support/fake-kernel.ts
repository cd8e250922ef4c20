import {
  type ExpectationFields,
  ExpectationRecord,
  expectationKey,
  FlowAttribute,
  type FlowFields,
  FlowRecord,
} from '@raftwall/flow-table';
import { FlowKeyProbe } from '../../src/flow-key-probe.ts';
import { mergeFlow } from '../../src/merge-flow.ts';
import {
  type InjectOptions,
  type Kernel,
  type KernelBatch,
  type KernelEntryCursor,
  KernelEventKind,
  type KernelHandlers,
  type KernelHooks,
  type LookupBy,
} from '../../src/ports.ts';
import { endOf } from './flows.ts';

type Message =
  | { readonly verb: 'create' | 'update' | 'touch' | 'delete'; readonly flow: FlowRecord }
  | { readonly verb: 'expect' | 'limit' | 'unexpect'; readonly expectation: ExpectationRecord };

const probe = new FlowKeyProbe();
const originalKey = (flow: FlowFields): string => probe.set(flow).text();

function replyKey(flow: FlowFields): string {
  const inverse = new FlowRecord();
  inverse.copyKeyFrom(flow);
  inverse.originalSource.set(flow.replySource);
  inverse.originalDestination.set(flow.replyDestination);
  inverse.originalL4 = flow.replyL4;
  return probe.set(inverse).text();
}

function copyOf(flow: FlowFields): FlowRecord {
  const copy = new FlowRecord();
  copy.copyFrom(flow);
  return copy;
}

/** conntrack's table with its refusals (netlink facts: EEXIST for either tuple, ENOENT), and packets made by the test. */
export class FakeKernel implements Kernel {
  #paused: Promise<void> = Promise.resolve();
  readonly entries = new Map<string, FlowRecord>();
  readonly expectations = new Map<string, ExpectationRecord>();
  /** Every message that reached the kernel, in order. */
  readonly log: string[] = [];
  dumps = 0;
  entriesMax = 262_144;
  hooked: KernelHooks = {
    ipv4: { tracks: true, translates: true },
    ipv6: { tracks: null, translates: false },
  };
  #handlers: KernelHandlers | null = null;
  /** Called once at the beginning of the next dump, after its entries were taken. */
  duringDump: (() => void | Promise<void>) | null = null;
  /** errno that a message fails with, 0 for none. */
  refuses: (verb: string, flow: FlowFields) => number = () => 0;

  async listen(handlers: KernelHandlers): Promise<void> {
    this.#handlers = handlers;
  }

  newBatch(): KernelBatch {
    return new FakeBatch();
  }

  /** Commands wait until `resume`. */
  pause(): void {
    this.#paused = new Promise((resolve) => {
      this.resume = resolve;
    });
  }

  resume: () => void = () => undefined;

  async execute(batch: KernelBatch): Promise<Int32Array> {
    // Sent as it is now: its owner may fill it anew at once.
    const messages = [...(batch as FakeBatch).messages];
    await this.#paused;
    return Int32Array.from(messages.map((message) => this.#execute(message)));
  }

  async lookup(
    flows: readonly FlowFields[],
    by: LookupBy,
    found: (position: number, entry: FlowFields) => void,
  ): Promise<void> {
    await Promise.resolve();
    flows.forEach((flow, position) => {
      const entry = by === 'original' ? this.entries.get(originalKey(flow)) : this.#byReply(flow);
      if (entry !== undefined) found(position, copyOf(entry));
    });
  }

  async dump(
    onPage: (page: KernelEntryCursor) => void | Promise<void>,
  ): Promise<{ interrupted: boolean }> {
    this.dumps += 1;
    const taken = [...this.entries.values()].map(copyOf);
    const hook = this.duringDump;
    this.duringDump = null;
    await hook?.();
    let position = -1;
    await onPage({
      next: () => ++position < taken.length,
      get entry() {
        return taken[position]!;
      },
    });
    return { interrupted: false };
  }

  async dumpExpectations(found: (expectation: ExpectationFields) => void): Promise<void> {
    await Promise.resolve();
    for (const expectation of this.expectations.values()) found(expectation);
  }

  count(): number {
    return this.entries.size;
  }

  countMax(): number {
    return this.entriesMax;
  }

  hooks(): KernelHooks {
    return this.hooked;
  }

  async close(): Promise<void> {}

  has(flow: FlowFields): boolean {
    return this.entries.has(originalKey(flow));
  }

  get(flow: FlowFields): FlowRecord | undefined {
    return this.entries.get(originalKey(flow));
  }

  /** A reboot: everything is gone and nobody is told. */
  reboot(): void {
    this.entries.clear();
  }

  /** Packets made this flow. */
  born(flow: FlowFields): void {
    this.entries.set(originalKey(flow), copyOf(flow));
    this.emit(KernelEventKind.new, flow);
  }

  /** A flow that emits no events (rule K17), or whose event was lost. */
  unobserved(flow: FlowFields): void {
    this.entries.set(originalKey(flow), copyOf(flow));
  }

  /** Packets changed this flow; the event carries what `change` names. */
  changed(change: FlowFields): void {
    const entry = this.entries.get(originalKey(change));
    if (entry !== undefined) mergeFlow(entry, change);
    this.emit(KernelEventKind.update, change);
  }

  /** Packets or time ended this flow. */
  died(flow: FlowFields): void {
    this.entries.delete(originalKey(flow));
    this.emit(KernelEventKind.destroy, endOf(copyOf(flow)));
  }

  /** The kernel destroyed this flow by itself, with time left. */
  cutShort(flow: FlowFields): void {
    this.entries.delete(originalKey(flow));
    this.emit(KernelEventKind.destroy, flow);
  }

  /** Another program deleted this flow. */
  deletedBy(portId: number, flow: FlowFields): void {
    this.entries.delete(originalKey(flow));
    this.emit(KernelEventKind.destroy, flow, portId);
  }

  /** The flow is gone and its event was lost. */
  vanished(flow: FlowFields): void {
    this.entries.delete(originalKey(flow));
  }

  /** A helper expects this. */
  expects(expectation: ExpectationFields): void {
    const copy = new ExpectationRecord().copyFrom(expectation);
    this.expectations.set(expectationKey(copy), copy);
    this.#tellExpectation(KernelEventKind.new, copy);
  }

  /** What was expected has come, or its time is over. */
  fulfilled(expectation: ExpectationFields): void {
    this.expectations.delete(expectationKey(expectation));
    this.#tellExpectation(KernelEventKind.destroy, expectation);
  }

  #tellExpectation(kind: number, expectation: ExpectationFields): void {
    let told = false;
    // An expectation's event comes while a batch of events is read.
    this.#handlers?.onEvents({
      next: () => {
        if (!told) this.#handlers?.onExpectation(kind, expectation);
        told = true;
        return false;
      },
      kind,
      portId: 0,
      entry: new FlowRecord(),
    });
  }

  #executeExpectation(verb: string, expectation: ExpectationRecord): number {
    const key = expectationKey(expectation);
    this.log.push(`${verb} ${expectation.l4 & 0xffff}`);
    const isThere = this.expectations.has(key);
    if (verb !== 'expect') {
      if (verb === 'unexpect') this.expectations.delete(key);
      return isThere ? 0 : 2;
    }
    if (isThere) return 17;
    const master = Object.assign(new FlowRecord(), expectation.master);
    const entry = this.entries.get(originalKey(master));
    if (entry === undefined) return 2;
    if ((entry.attributes & FlowAttribute.helper) === 0) return 95;
    this.expectations.set(key, expectation);
    return 0;
  }

  /** Messages came that do not parse. */
  garbled(messages: number): void {
    this.#handlers?.onMalformed(messages);
  }

  overrun(): void {
    this.#handlers?.onOverrun();
  }

  emit(kind: number, flow: FlowFields, portId = 0): void {
    let left = 1;
    this.#handlers?.onEvents({ next: () => left-- > 0, kind, portId, entry: copyOf(flow) });
  }

  #byReply(flow: FlowFields): FlowRecord | undefined {
    const wanted = replyKey(flow);
    return [...this.entries.values()].find((entry) => replyKey(entry) === wanted);
  }

  #execute(message: Message): number {
    if ('expectation' in message) {
      return this.#executeExpectation(message.verb, message.expectation);
    }
    const { verb, flow } = message;
    const key = originalKey(flow);
    const entry = this.entries.get(key);
    this.log.push(`${verb} ${flow.originalL4 >>> 16}`);
    const refused = this.refuses(verb, flow);
    if (refused !== 0) return refused;
    if (verb === 'create') {
      if (entry !== undefined || this.#byReply(flow) !== undefined) return 17;
      this.entries.set(key, flow);
      return 0;
    }
    if (entry === undefined) return 2;
    if (verb === 'delete') this.entries.delete(key);
    else if (verb === 'touch') entry.timeoutSeconds = flow.timeoutSeconds;
    else mergeFlow(entry, flow);
    return 0;
  }
}

class FakeBatch implements KernelBatch {
  readonly messages: Message[] = [];

  get count(): number {
    return this.messages.length;
  }

  reset(): void {
    this.messages.length = 0;
  }

  create(flow: FlowFields, { timeoutSeconds }: InjectOptions): void {
    this.#add('create', flow, timeoutSeconds);
  }

  update(flow: FlowFields, { timeoutSeconds }: InjectOptions): void {
    this.#add('update', flow, timeoutSeconds);
  }

  touch(flow: FlowFields, timeoutSeconds: number): void {
    this.#add('touch', flow, timeoutSeconds);
  }

  delete(flow: FlowFields): void {
    this.messages.push({ verb: 'delete', flow: copyOf(flow) });
  }

  expect(expectation: ExpectationFields): void {
    this.#addExpectation('expect', expectation);
  }

  limitExpectation(expectation: ExpectationFields): void {
    this.#addExpectation('limit', expectation);
  }

  unexpect(expectation: ExpectationFields): void {
    this.#addExpectation('unexpect', expectation);
  }

  #addExpectation(verb: 'expect' | 'limit' | 'unexpect', expectation: ExpectationFields): void {
    this.messages.push({ verb, expectation: new ExpectationRecord().copyFrom(expectation) });
  }

  #add(verb: 'create' | 'update' | 'touch', flow: FlowFields, timeoutSeconds: number): void {
    const copy = copyOf(flow);
    copy.timeoutSeconds = timeoutSeconds;
    this.messages.push({ verb, flow: copy });
  }
}
