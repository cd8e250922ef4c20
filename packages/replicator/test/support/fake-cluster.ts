import { FlowTable } from '@raftwall/flow-table';
import { type Entry, EntryType, initialConfig, type SnapshotMeta } from 'raft-ts';
import { ClusterState, type Outcome } from '../../src/cluster-state.ts';
import { type Command, decodeCommand, encodeCommand } from '../../src/command.ts';
import { GroupSelectors } from '../../src/group-selectors.ts';
import { ReplicatorCounters } from '../../src/metrics.ts';
import {
  activityDefaults,
  applierDefaults,
  captureDefaults,
  checksDefaults,
  type GroupOptions,
  hooksDefaults,
  type ReplicatorOptions,
  readinessDefaults,
  reconcilerDefaults,
  roomDefaults,
} from '../../src/options.ts';
import type {
  Consensus,
  ConsensusStatus,
  HostFacts,
  MemberChange,
  VrrpState,
} from '../../src/ports.ts';
import { Replicator } from '../../src/replicator.ts';
import { ReplicatedStateMachine } from '../../src/state-machine.ts';
import { Witness } from '../../src/witness.ts';
import { FakeKernel } from './fake-kernel.ts';
import { ManualClock, settle } from './manual-clock.ts';

const oneGroup = [{ name: 'default', select: null, virtualAddresses: [] }];

/** One log that every connected node applies at once and in order; a test decides who is cut off and what is dropped. */
export class FakeCluster {
  readonly clock = new ManualClock();
  readonly log: Entry[] = [];
  readonly nodes: FakeNode[] = [];
  leader: string;
  term = 1;
  /** Proposals for which this returns true are rejected and leave no trace. */
  drops: (command: Command) => boolean = () => false;

  /** Targets to which leadership cannot be transferred. */
  readonly unfit = new Set<string>();
  readonly groups: readonly GroupOptions[];

  constructor(
    ids: readonly string[],
    witnesses: readonly string[] = [],
    groups: readonly GroupOptions[] = oneGroup,
  ) {
    this.groups = groups;
    this.leader = ids[0]!;
    for (const id of ids) this.nodes.push(new FakeNode(id, this, witnesses.includes(id)));
  }

  node(id: string): FakeNode {
    return this.nodes.find((node) => node.id === id)!;
  }

  async start(): Promise<this> {
    for (const node of this.nodes) await node.start();
    await this.clock.advance(500);
    return this;
  }

  append(data: Uint8Array): number {
    const index = this.log.length + 1;
    this.log.push({ index, term: this.term, type: EntryType.normal, data });
    for (const node of this.nodes) node.catchUp();
    return index;
  }

  /** Puts a command into the log as if another program had proposed it. */
  inject(command: Command): Outcome {
    const index = this.append(encodeCommand(command));
    return this.nodes.find(({ connected }) => connected)!.outcomes.get(index)!;
  }

  commands(): readonly Command[] {
    return this.log.map(({ data }) => decodeCommand(data));
  }

  elect(id: string): void {
    this.leader = id;
    this.term += 1;
    for (const node of this.nodes) node.changed();
  }
}

/** A firewall: fake kernel, fake VRRP, and the real replicator over a real flow table. */
export class FakeNode implements Consensus {
  readonly id: string;
  readonly isWitness: boolean;
  readonly kernel = new FakeKernel();
  readonly outcomes = new Map<number, Outcome>();
  connected = true;
  /** What it proposes reaches the log, and nothing of the log reaches it. */
  deaf = false;
  vrrp: VrrpState = 'BACKUP';
  mastering = false;
  trackFile: 0 | 1 | 2 = 0;
  /** Everything that was written into it. */
  readonly written: number[] = [];
  /** How often the daemon has signed that it lives. */
  signsOfLife = 0;
  /** By traffic group. */
  readonly trackFiles = new Map<string, 0 | 1 | 2>();
  /** What VRRP says of single groups; of the others it says `vrrp`. */
  readonly #roles = new Map<string, VrrpState>();
  kernelIncarnation = 'boot-1';
  addresses: string[] = [];
  /** What its machine says of itself; null: it cannot be read. */
  facts: Record<string, string> | null = {};
  /** What was logged as a warning, the message among its details. */
  readonly warnings: object[] = [];
  counters = new ReplicatorCounters();
  state = new ClusterState();
  table: FlowTable;
  replicator!: Replicator;
  witness!: Witness;
  machine!: ReplicatedStateMachine;
  readonly #cluster: FakeCluster;
  #vrrpListeners: (() => void)[] = [];
  #changeListeners: (() => void)[] = [];
  #addressListeners: (() => void)[] = [];
  #running = false;

  constructor(id: string, cluster: FakeCluster, isWitness: boolean) {
    this.id = id;
    this.isWitness = isWitness;
    this.#cluster = cluster;
    this.addresses = [`10.77.0.${id.slice(2)}`, `192.168.0.${id.slice(2)}0`];
    this.table = this.#newTable();
  }

  #newTable(): FlowTable {
    return new FlowTable({}, { nowMs: () => this.#cluster.clock.nowMs() });
  }

  async start(overrides: Partial<ReplicatorOptions> = {}): Promise<void> {
    this.#vrrpListeners = [];
    this.#changeListeners = [];
    this.#addressListeners = [];
    const member = this.isWitness ? this.#makeWitness() : this.#makeReplicator(overrides);
    const index = this.machine?.appliedIndex ?? 0;
    this.machine = new ReplicatedStateMachine(
      { index, term: 1 },
      {
        state: this.state,
        table: this.table,
        // No disk here: the table is filled at once.
        checkpoint: { replace: (fill) => fill() },
        counters: this.counters,
        selectors: new GroupSelectors(this.#cluster.groups),
        listener: member,
      },
    );
    this.#running = true;
    await member.start(this);
    this.catchUp();
  }

  #makeWitness(): Witness {
    const { clock } = this.#cluster;
    const { cluster, node, version, groups, activity, checks } = this.#options({});
    const options = { cluster, node, version, groups, activity, checks };
    this.witness = new Witness(options, this.machine?.appliedIndex ?? 0, {
      clock,
      logger: { info() {}, warn() {}, error() {} },
      counters: this.counters,
      state: this.state,
      table: this.table,
      hostFacts: () => this.#hostFacts(),
    });
    return this.witness;
  }

  #makeReplicator(overrides: Partial<ReplicatorOptions>): Replicator {
    const { clock } = this.#cluster;
    this.replicator = new Replicator(this.#options(overrides), this.machine?.appliedIndex ?? 0, {
      kernel: this.kernel,
      portsOf: (group) => ({
        activity: this.#activity(group),
        readinessSink: this.#sink(group),
      }),
      addresses: {
        current: () => this.addresses,
        onChange: (listener) => void this.#addressListeners.push(listener),
      },
      clock,
      logger: {
        info() {},
        warn: (details, message) => void this.warnings.push({ message, ...details }),
        error() {},
      },
      counters: this.counters,
      programOf: (portId) => (portId === 4711 ? 'conntrack' : null),
      errnoName: (errno) => (errno === 17 ? 'EEXIST' : `errno ${errno}`),
      state: this.state,
      table: this.table,
      hostFacts: () => this.#hostFacts(),
    });
    return this.replicator;
  }

  #hostFacts(): Promise<HostFacts> {
    const { facts } = this;
    if (facts === null) return Promise.reject(new Error('unreadable'));
    return Promise.resolve({ wallClockMs: 1_700_000_000_000, facts });
  }

  /** The daemon dies; what is applied is in its checkpoint, its memory of the kernel is not. */
  kill(): void {
    (this.isWitness ? this.witness : this.replicator).stop();
    this.#running = false;
    for (let cursor = 0; cursor >= 0; ) {
      cursor = this.table.forEachPage(cursor, 1000, (slot) => this.table.setLocalFlags(slot, 0));
    }
  }

  setVrrp(state: VrrpState): void {
    this.vrrp = state;
    this.mastering = state === 'MASTER';
    for (const listener of this.#vrrpListeners) listener();
  }

  /** VRRP's word for one of several groups. */
  setRole(group: string, state: VrrpState): void {
    this.#roles.set(group, state);
    for (const listener of this.#vrrpListeners) listener();
  }

  setMastering(mastering: boolean): void {
    this.mastering = mastering;
    for (const listener of this.#vrrpListeners) listener();
  }

  setAddresses(addresses: string[]): void {
    this.addresses = addresses;
    for (const listener of this.#addressListeners) listener();
  }

  changed(): void {
    for (const listener of this.#changeListeners) listener();
  }

  catchUp(): void {
    if (!this.connected || this.deaf || !this.#running) return;
    while (this.machine.appliedIndex < this.#cluster.log.length) {
      const entry = this.#cluster.log[this.machine.appliedIndex]!;
      this.outcomes.set(entry.index, this.machine.apply([entry])[0]!);
    }
  }

  /** Gets what another node has instead of the log behind which it has fallen. */
  async restoreFrom(other: FakeNode): Promise<void> {
    this.connected = false;
    await this.machine.restore(other.snapshotMeta(), other.machine.snapshot());
    this.connected = true;
    this.catchUp();
  }

  /** What a snapshot of this node would say of itself. */
  snapshotMeta(): SnapshotMeta {
    const { appliedIndex: lastIndex, appliedTerm: lastTerm } = this.machine;
    const config = initialConfig({ [this.id]: `${this.id}:1` });
    const content = { bytes: 0, digest: '', formatVersion: 1 };
    return { lastIndex, lastTerm, config, configIndex: 0, ...content };
  }

  async propose(command: Uint8Array): Promise<Outcome> {
    await Promise.resolve();
    if (!this.connected || !this.#running) throw new Error('no leader');
    if (this.#cluster.drops(decodeCommand(command))) throw new Error('dropped');
    const index = this.#cluster.append(command);
    if (this.deaf) throw new Error('outcome unknown');
    return this.outcomes.get(index)!;
  }

  async readIndex(): Promise<number> {
    await settle();
    if (!this.connected) throw new Error('no leader');
    return this.#cluster.log.length;
  }

  /** How long ago the leader had the last word of a quorum; a test that wants a lease sets it. */
  quorumAge = Number.POSITIVE_INFINITY;

  quorumAgeMs(): number {
    return this.status().role === 'leader' ? this.quorumAge : Number.POSITIVE_INFINITY;
  }

  async transferLeadership(target: string): Promise<void> {
    if (this.#cluster.unfit.has(target)) throw new Error(`${target} does not answer`);
    this.#cluster.elect(target);
  }

  readonly memberChanges: MemberChange[] = [];

  async changeMembers(change: MemberChange): Promise<void> {
    if (change.id === 'refused') throw new Error('the log refused');
    this.memberChanges.push(change);
  }

  onChange(listener: () => void): void {
    this.#changeListeners.push(listener);
  }

  status(): ConsensusStatus {
    const { leader, term, log, nodes } = this.#cluster;
    return {
      role: leader === this.id ? 'leader' : 'follower',
      leader,
      term,
      commitIndex: log.length,
      appliedIndex: this.machine.appliedIndex,
      quorum: this.connected,
      members: nodes.map(({ id, connected }) => ({
        id,
        address: '',
        role: id === leader ? 'leader' : 'follower',
        matchIndex: null,
        reachable: connected,
      })),
    };
  }

  #options(overrides: Partial<ReplicatorOptions>): ReplicatorOptions {
    return {
      cluster: 'test',
      node: this.id,
      version: '0.0.0',
      groups: this.#cluster.groups,
      kernelIncarnation: this.kernelIncarnation,
      vrrpMode: 'follow',
      domain: {
        protocols: [1, 6, 17],
        ignorePrefixes: ['127.0.0.0/8'],
        onlyPrefixes: [],
        zones: [],
        virtualAddresses: ['192.168.0.100', '192.168.1.100'],
        peerAddresses: ['10.77.0.1', '10.77.0.2', '10.77.0.3'],
      },
      capture: captureDefaults,
      applier: applierDefaults,
      room: roomDefaults,
      hooks: hooksDefaults,
      reconciler: reconcilerDefaults,
      checks: checksDefaults,
      activity: activityDefaults,
      readiness: readinessDefaults,
      ...overrides,
    };
  }

  #activity(group: string) {
    const node = this;
    return {
      get state() {
        return node.#roles.get(group) ?? node.vrrp;
      },
      get mastering() {
        return node.#roles.has(group) ? this.state === 'MASTER' : node.mastering;
      },
      onChange: (listener: () => void) => void node.#vrrpListeners.push(listener),
    };
  }

  #sink(group: string) {
    const node = this;
    return {
      set: (value: 0 | 1 | 2) => {
        node.trackFile = value;
        node.written.push(value);
        node.trackFiles.set(group, value);
      },
      renew: () => {
        node.signsOfLife += 1;
      },
      get value() {
        if (node.#cluster.groups.length === 1) return node.trackFile;
        return node.trackFiles.get(group) ?? 0;
      },
    };
  }
}

/** Three nodes, the first of which is MASTER and active. */
export async function activeCluster(): Promise<FakeCluster> {
  const cluster = await new FakeCluster(['fw1', 'fw2', 'fw3']).start();
  cluster.node('fw1').setVrrp('MASTER');
  await cluster.clock.advance(300);
  return cluster;
}
