import type { Message } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
import type { Transport } from '../ports.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';

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

/** Drops, delays, reorders and repeats; partitions are one-way links that are cut. */
export class SimNetwork {
  faults: NetworkFaults;
  /** Sees every message that is sent. */
  onSend: (message: Message) => void = () => {};
  readonly #clock: SimClock;
  readonly #random: Random;
  readonly #receivers = new Map<NodeId, (message: Message) => void>();
  readonly #cut = new Set<string>();

  constructor(faults: NetworkFaults, clock: SimClock, random: Random) {
    this.faults = faults;
    this.#clock = clock;
    this.#random = random;
  }

  /** The port of one member. */
  transport(id: NodeId): Transport {
    return {
      start: (receive) => {
        this.#receivers.set(id, receive);
        return Promise.resolve();
      },
      send: (message) => this.#send(message),
      setPeers: () => {},
      isReachable: (peer) => this.#receivers.has(peer) && !this.#cut.has(`${id}>${peer}`),
      stop: () => {
        this.disconnect(id);
        return Promise.resolve();
      },
    };
  }

  /** The member hears nothing until its transport starts again. */
  disconnect(id: NodeId): void {
    this.#receivers.delete(id);
  }

  /** Nothing gets from `from` to `to` any more, what is under way included. */
  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}>${to}`);
  }

  /** Ends every `cut`. */
  heal(): void {
    this.#cut.clear();
  }

  #send(message: Message): void {
    this.onSend(message);
    if (this.#random.chance(this.faults.lossRate)) return;
    this.#deliverLater(message);
    if (this.#random.chance(this.faults.duplicateRate)) this.#deliverLater(message);
  }

  #deliverLater(message: Message): void {
    const { delayMsMin, delayMsMax, straggleRate } = this.faults;
    const factor = this.#random.chance(straggleRate) ? 10 : 1;
    const delayMs = factor * this.#random.between(delayMsMin, delayMsMax);
    this.#clock.setTimer(delayMs, () => {
      if (this.#cut.has(`${message.from}>${message.to}`)) return;
      this.#receivers.get(message.to)?.(message);
    });
  }
}
