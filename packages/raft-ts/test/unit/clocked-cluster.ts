import type { Message } from '../../src/core/message.ts';
import type { RaftMetrics } from '../../src/metrics.ts';
import { RaftNode } from '../../src/node/raft-node.ts';
import { type RaftNodeOptions, resolveOptions } from '../../src/options.ts';
import type { Clock, Transport } from '../../src/ports.ts';
import { MemoryLogStore } from '../../src/testing/memory-log-store.ts';
import { SimClock } from '../../src/testing/sim-clock.ts';
import { Recorder } from './node-local-cluster.ts';

const deliveryMs = 1;

/** Election timeouts that differ, so that no two members ever stand at the same time. */
function drawOf(id: string): number {
  return (id.charCodeAt(0) % 8) / 8;
}

/** Keeps what metrics are told: the sum of a counter, the newest value of a gauge, how many values a histogram got. */
export class Tally {
  readonly values = new Map<string, number>();
  readonly metrics = new Proxy({} as RaftMetrics, {
    get: (_, name: string) => ({
      inc: (by = 1) => this.values.set(name, this.of(name) + by),
      set: (value: number) => this.values.set(name, value),
      observe: (value: number) => {
        if (!(value >= 0)) throw new Error(`${name} observed ${value}`);
        this.values.set(name, this.of(name) + 1);
      },
    }),
  });

  of(name: string): number {
    return this.values.get(name) ?? 0;
  }
}

/** A member whose process can be stopped in time: its timers and messages wait, its clock goes on. */
export class ClockedMember {
  readonly id: string;
  readonly node: RaftNode<number>;
  readonly machine = new Recorder();
  readonly store: MemoryLogStore;
  readonly metrics = new Tally();
  readonly #clock: SimClock;
  #frozen: (() => void)[] | null = null;
  #receive: (message: Message) => void = () => {};

  constructor(
    id: string,
    options: Omit<RaftNodeOptions, 'id'>,
    world: { clock: SimClock; send: (message: Message) => void; store?: MemoryLogStore },
  ) {
    this.id = id;
    this.#clock = world.clock;
    this.store =
      world.store ?? new MemoryLogStore((commit) => this.#clock.defer(this.#run(commit)));
    const transport: Transport = {
      start: (receive) => {
        this.#receive = receive;
        return Promise.resolve();
      },
      send: world.send,
      setPeers: () => {},
      isReachable: () => true,
      stop: () => Promise.resolve(),
    };
    const clock: Clock = {
      nowMs: () => this.#clock.nowMs(),
      setTimer: (delayMs, callback) => this.#clock.setTimer(delayMs, this.#run(callback)),
      defer: (callback) => this.#clock.defer(this.#run(callback)),
    };
    this.node = new RaftNode(
      resolveOptions({ ...options, id }),
      {
        ...{ store: this.store, transport, stateMachine: this.machine, clock },
        ...{ random: () => drawOf(id), metrics: this.metrics.metrics },
      },
      this.store.restore(),
    );
    void this.node.start();
  }

  receive(message: Message): void {
    this.#run(() => this.#receive(message))();
  }

  freeze(): void {
    this.#frozen ??= [];
  }

  thaw(): void {
    const waiting = this.#frozen ?? [];
    this.#frozen = null;
    for (const callback of waiting) callback();
  }

  #run(callback: () => void): () => void {
    return () => {
      if (this.#frozen === null) callback();
      else this.#frozen.push(callback);
    };
  }
}

/** Real members over virtual time; everything happens when `run` says so. */
export class ClockedCluster {
  readonly clock = new SimClock();
  readonly members = new Map<string, ClockedMember>();
  readonly sent: Message[] = [];
  /** Drops what it is true for, when it is sent. */
  drop: (message: Message) => boolean = () => false;
  readonly #options: Omit<RaftNodeOptions, 'id'>;

  constructor(ids: readonly string[], options: Partial<RaftNodeOptions> = {}) {
    const members = Object.fromEntries(ids.map((id) => [id, `${id}:1`]));
    this.#options = { members, timing: 'default', ...options };
    for (const id of ids) this.start(id);
  }

  /** Starts a member; over the log of an earlier life, when one is given. */
  start(id: string, store?: MemoryLogStore): ClockedMember {
    const world = { clock: this.clock, send: (message: Message) => this.#send(message) };
    const member = new ClockedMember(id, this.#options, store ? { ...world, store } : world);
    this.members.set(id, member);
    return member;
  }

  get(id: string): ClockedMember {
    return this.members.get(id)!;
  }

  /** Lets time pass, and then the promises of what has happened. */
  async run(ms: number): Promise<void> {
    const endMs = this.clock.nowMs() + ms;
    while (this.clock.nowMs() < endMs) {
      this.clock.runUntil(Math.min(endMs, this.clock.nowMs() + 1));
      await Promise.resolve();
    }
  }

  /** Runs until one member leads and has committed an entry of its term. */
  async elect(): Promise<ClockedMember> {
    for (let ms = 0; ms < 20_000; ms += 10) {
      await this.run(10);
      const leaders = [...this.members.values()].filter(({ node }) => {
        const { role, commitIndex, lastIndex } = node.status();
        return role === 'leader' && commitIndex === lastIndex;
      });
      if (leaders.length === 1) return leaders[0]!;
    }
    throw new Error('nobody was elected');
  }

  #send(message: Message): void {
    this.sent.push(message);
    if (this.drop(message)) return;
    this.clock.setTimer(deliveryMs, () => this.members.get(message.to)?.receive(message));
  }
}
