import type { Clock } from '../ports.ts';

interface Event {
  readonly atMs: number;
  readonly sequence: number;
  callback: (() => void) | null;
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.sequence < b.sequence;
}

/** Virtual time: runs what is due in a fixed order and jumps over the time in which nothing is. */
export class SimClock implements Clock {
  #heap: Event[] = [];
  #nowMs = 0;
  #sequence = 0;
  #isTurnDue = false;

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const event = this.#push(this.#nowMs + delayMs, callback);
    return () => {
      event.callback = null;
    };
  }

  defer(callback: () => void): void {
    this.#push(this.#nowMs, callback);
  }

  /** What the present event settled is awaited in chains of promises: all of them run before the next event of `play`. */
  needTurn(): void {
    this.#isTurnDue = true;
  }

  /** Runs everything that is due up to `untilMs`. */
  runUntil(untilMs: number): void {
    while (this.#isDue(untilMs)) this.#runNext();
    this.#nowMs = untilMs;
  }

  /** As `runUntil`; whoever waits for a promise that an event settled hears of it before the next event. */
  async play(untilMs: number): Promise<void> {
    while (this.#isDue(untilMs)) {
      this.#runNext();
      if (this.#isTurnDue) await this.#turn();
      else await null;
    }
    this.#nowMs = untilMs;
  }

  async #turn(): Promise<void> {
    this.#isTurnDue = false;
    await new Promise(setImmediate);
  }

  #isDue(untilMs: number): boolean {
    return this.#heap.length > 0 && this.#heap[0]!.atMs <= untilMs;
  }

  #runNext(): void {
    const event = this.#pop();
    this.#nowMs = event.atMs;
    event.callback?.();
  }

  #push(atMs: number, callback: () => void): Event {
    const event = { atMs, sequence: this.#sequence++, callback };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
    return event;
  }

  #pop(): Event {
    const heap = this.#heap;
    const first = heap[0]!;
    const moved = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, moved)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moved;
    return first;
  }
}
