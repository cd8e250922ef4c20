import type { NetlinkMetrics } from '../../src/metrics.ts';

export class CountingMetrics implements NetlinkMetrics {
  readonly counts = new Map<string, number>();
  readonly events = this.#counter('events');
  readonly malformedMessages = this.#counter('malformedMessages');
  readonly overruns = this.#counter('overruns');
  readonly ringFullWaits = this.#counter('ringFullWaits');
  readonly commands = this.#counter('commands');
  readonly dumps = this.#counter('dumps');
  readonly dumpedEntries = this.#counter('dumpedEntries');
  readonly interruptedDumps = this.#counter('interruptedDumps');
  readonly commandErrors = {
    inc: ({ errno }: { errno: string }, amount = 1): void => this.#add(errno, amount),
  };

  count(name: string): number {
    return this.counts.get(name) ?? 0;
  }

  #counter(name: string): { inc(amount?: number): void } {
    return { inc: (amount = 1) => this.#add(name, amount) };
  }

  #add(name: string, amount: number): void {
    this.counts.set(name, this.count(name) + amount);
  }
}
