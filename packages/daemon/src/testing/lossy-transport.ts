import type {
  Done,
  Message,
  SnapshotMessage,
  SnapshotOffered,
  SnapshotReader,
  Transport,
} from 'raft-ts';
import type { DroppedPeer } from './fault-plan.ts';

/** A transport that loses messages with the members that the plan names, as a broken network does: without a word. */
export class LossyTransport implements Transport {
  readonly #real: Transport;
  readonly #dropped: () => readonly DroppedPeer[];

  constructor(real: Transport, dropped: () => readonly DroppedPeer[]) {
    this.#real = real;
    this.#dropped = dropped;
  }

  start(receive: (message: Message) => void, onSnapshot?: SnapshotOffered): Promise<void> {
    const offered: SnapshotOffered | undefined =
      onSnapshot === undefined
        ? undefined
        : (message, answer) => {
            if (this.#isLost(message.from, 'receive')) answer(lost(message.from));
            else onSnapshot(message, answer);
          };
    return this.#real.start((message) => {
      if (!this.#isLost(message.from, 'receive')) receive(message);
    }, offered);
  }

  send(message: Message): void {
    if (!this.#isLost(message.to, 'send')) this.#real.send(message);
  }

  setPeers(addresses: ReadonlyMap<string, string>): void {
    this.#real.setPeers(addresses);
  }

  setGeneration(generation: number | null): void {
    this.#real.setGeneration?.(generation);
  }

  isReachable(peer: string): boolean {
    return this.#real.isReachable(peer);
  }

  sendSnapshot(
    message: SnapshotMessage,
    reader: SnapshotReader,
    signal: AbortSignal,
    done: Done,
  ): void {
    if (this.#real.sendSnapshot === undefined || this.#isLost(message.to, 'send')) {
      setImmediate(() => done(lost(message.to)));
    } else this.#real.sendSnapshot(message, reader, signal, done);
  }

  stop(): Promise<void> {
    return this.#real.stop();
  }

  #isLost(peer: string, direction: 'send' | 'receive'): boolean {
    return this.#dropped().some(
      (it) =>
        it.peer === peer &&
        (it.direction === 'both' || it.direction === direction) &&
        Math.random() < it.probability,
    );
  }
}

function lost(peer: string): Error {
  return new Error(`injected fault: nothing reaches or comes from ${peer}`);
}
