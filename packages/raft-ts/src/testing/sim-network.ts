import type { Message, SnapshotMessage } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
import type { Done, SnapshotOffered, SnapshotReader, Transport } from '../ports.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';
import { SimSnapshotLink } from './sim-snapshot-link.ts';

/** How bad the network is: rates from 0 to 1, times in virtual milliseconds. */
export interface NetworkFaults {
  readonly lossRate: number;
  readonly duplicateRate: number;
  readonly delayMsMin: number;
  /** Random delays reorder. */
  readonly delayMsMax: number;
  /** Share of messages that take ten times as long. */
  readonly straggleRate: number;
}

/** One direction between two members. */
interface Path {
  isCut: boolean;
  /** Until then everything waits on the way, and comes all at once after. */
  cloggedUntilMs: number;
}

interface Endpoint {
  readonly paths: Map<NodeId, Path>;
  /** Data directory behind the id; a message of an earlier one is dropped on arrival. */
  incarnation: string;
  /** What this member remembers of its peers' data directories, over restarts; not of strangers. */
  readonly known: Map<NodeId, string>;
  peers: ReadonlySet<NodeId>;
  receive: ((message: Message) => void) | null;
  onSnapshot: SnapshotOffered | null;
}

/**
 * Drops, delays, reorders and repeats; partitions are one-way links that are cut. Like the real transport, both ends refuse
 * a peer whose data directory is not the one they know.
 */
export class SimNetwork {
  faults: NetworkFaults;
  /** Sees every message that is sent. */
  onSend: (message: Message) => void = () => {};
  readonly #clock: SimClock;
  readonly #random: Random;
  readonly #endpoints = new Map<NodeId, Endpoint>();
  #epoch = 0;

  constructor(faults: NetworkFaults, clock: SimClock, random: Random) {
    this.faults = faults;
    this.#clock = clock;
    this.#random = random;
  }

  /** The end of a member that starts; `incarnation` names its data directory. */
  transport(id: NodeId, incarnation: string): Transport {
    return {
      start: (receive, onSnapshot) => {
        const endpoint = this.#endpoint(id);
        endpoint.receive = receive;
        endpoint.onSnapshot = onSnapshot ?? null;
        if (endpoint.incarnation !== incarnation) endpoint.known.clear();
        endpoint.incarnation = incarnation;
        return Promise.resolve();
      },
      send: (message) => this.#send(message, incarnation),
      setPeers: (addresses) => this.#setPeers(id, new Set(addresses.keys())),
      isReachable: (peer) => {
        return this.#endpoint(peer).receive !== null && !this.#path(id, peer).isCut;
      },
      sendSnapshot: (...transfer) => this.#sendSnapshot(incarnation, ...transfer),
      stop: () => {
        this.disconnect(id);
        return Promise.resolve();
      },
    };
  }

  /** The member hears nothing until its transport starts again. */
  disconnect(id: NodeId): void {
    this.#endpoint(id).receive = null;
    this.#endpoint(id).onSnapshot = null;
  }

  /** Nothing gets from `from` to `to` any more, what is under way included. */
  cut(from: NodeId, to: NodeId): void {
    this.#path(from, to).isCut = true;
  }

  /** What is sent from `from` to `to` arrives only after `untilMs`, then all at once. */
  clog(from: NodeId, to: NodeId, untilMs: number): void {
    this.#path(from, to).cloggedUntilMs = untilMs;
  }

  /** Ends every `cut`. */
  heal(): void {
    for (const { paths } of this.#endpoints.values()) paths.clear();
  }

  /** All connections break at once: what is under way is lost. */
  reset(): void {
    this.#epoch++;
  }

  /** Whether `id` would notice that `peer` has another data directory. */
  hasMet(id: NodeId, peer: NodeId): boolean {
    return this.#endpoint(id).known.has(peer);
  }

  #send(message: Message, incarnation: string): void {
    this.onSend(message);
    const { lossRate, duplicateRate } = this.faults;
    if (lossRate > 0 && this.#random.chance(lossRate)) return;
    this.#deliverLater(message, incarnation);
    if (duplicateRate > 0 && this.#random.chance(duplicateRate)) {
      this.#deliverLater(message, incarnation);
    }
  }

  /** Over a connection of its own, which breaks when either end is gone or cut off. */
  #sendSnapshot(
    incarnation: string,
    message: SnapshotMessage,
    reader: SnapshotReader,
    signal: AbortSignal,
    done: Done,
  ): void {
    const { from, to } = message;
    const [sender, receiver] = [this.#endpoint(from), this.#endpoint(to)];
    const { receive, onSnapshot } = receiver;
    const epoch = this.#epoch;
    const isOpen = (): boolean => {
      if (receive === null || receiver.receive !== receive || epoch !== this.#epoch) return false;
      if (this.#path(from, to).isCut || this.#path(to, from).isCut) return false;
      if (sender.receive === null || sender.incarnation !== incarnation) return false;
      return meets(receiver, from, incarnation) && meets(sender, to, receiver.incarnation);
    };
    const { delayMsMin, delayMsMax, lossRate } = this.faults;
    const transfer = {
      ...{ message, reader, signal, done },
      offered: onSnapshot ?? ((_, answer) => answer(new Error('no snapshots here'))),
    };
    const delayMs = (): number => this.#random.between(delayMsMin, delayMsMax);
    const parts = { clock: this.#clock, random: this.#random, delayMs, isOpen };
    new SimSnapshotLink(transfer, { ...parts, breakRate: lossRate / 4 }).start();
  }

  #deliverLater(message: Message, incarnation: string): void {
    const { delayMsMin, delayMsMax, straggleRate } = this.faults;
    const factor = straggleRate > 0 && this.#random.chance(straggleRate) ? 10 : 1;
    const delayMs = factor * this.#random.between(delayMsMin, delayMsMax);
    const path = this.#path(message.from, message.to);
    const clogMs = Math.max(0, path.cloggedUntilMs - this.#clock.nowMs());
    const epoch = this.#epoch;
    this.#clock.setTimer(delayMs + clogMs, () => {
      if (epoch === this.#epoch) this.#deliver(message, incarnation);
    });
  }

  /** Connections are made at once to whom can be reached, and both ends learn who the other one is. */
  #setPeers(id: NodeId, peers: ReadonlySet<NodeId>): void {
    const own = this.#endpoint(id);
    own.peers = peers;
    for (const peer of peers) {
      const other = this.#endpoint(peer);
      if (other.receive === null || this.#path(id, peer).isCut || this.#path(peer, id).isCut) {
        continue;
      }
      meets(own, peer, other.incarnation);
      meets(other, id, own.incarnation);
    }
  }

  #deliver(message: Message, incarnation: string): void {
    const { from, to } = message;
    const receiver = this.#endpoint(to);
    if (receiver.receive === null || this.#path(from, to).isCut) return;
    const sender = this.#endpoint(from);
    if (sender.incarnation !== incarnation) return;
    if (!meets(receiver, from, incarnation) || !meets(sender, to, receiver.incarnation)) return;
    receiver.receive(message);
  }

  #endpoint(id: NodeId): Endpoint {
    const found = this.#endpoints.get(id);
    if (found !== undefined) return found;
    const endpoint = {
      paths: new Map(),
      incarnation: '',
      known: new Map(),
      onSnapshot: null,
      peers: new Set<NodeId>(),
      receive: null,
    };
    this.#endpoints.set(id, endpoint);
    return endpoint;
  }

  #path(from: NodeId, to: NodeId): Path {
    const { paths } = this.#endpoint(from);
    const found = paths.get(to);
    if (found !== undefined) return found;
    const path = { isCut: false, cloggedUntilMs: 0 };
    paths.set(to, path);
    return path;
  }
}

function meets({ known, peers }: Endpoint, peer: NodeId, incarnation: string): boolean {
  const expected = known.get(peer);
  if (expected === undefined && peers.has(peer)) known.set(peer, incarnation);
  return expected === undefined || expected === incarnation;
}
