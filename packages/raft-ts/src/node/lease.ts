import type { LeaseRounds } from '../core/lease.ts';
import type { Term } from '../core/types.ts';

export interface LeaseOptions {
  /** How long after a heartbeat nobody who answered it helps to elect another leader, by the own clock. */
  readonly durationMs: number;
  /** Rounds closer to one another than this are noted as one. */
  readonly spacingMs: number;
}

interface Sent {
  readonly round: number;
  readonly atMs: number;
}

/**
 * The time for which a leader knows that nobody else leads: it begins when a round of heartbeats that a quorum answered was
 * sent. Measured by the clock and not in ticks, since ticks stand still while the process does.
 */
export class Lease {
  readonly #options: LeaseOptions;
  #term: Term = 0;
  /** Rounds that may still be confirmed, oldest first. */
  #sent: Sent[] = [];
  #newestRound = 0;
  #startMs = Number.NEGATIVE_INFINITY;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** To be told after each round was made, at `nowMs`, and before it leaves. */
  note(rounds: LeaseRounds | null, nowMs: number): void {
    if (rounds === null) return;
    if (rounds.term !== this.#term) this.#begin(rounds.term);
    this.#confirm(rounds.confirmed);
    if (rounds.sent === this.#newestRound) return;
    this.#newestRound = rounds.sent;
    const last = this.#sent.at(-1);
    if (last === undefined || nowMs - last.atMs >= this.#options.spacingMs) {
      this.#sent.push({ round: rounds.sent, atMs: nowMs });
    }
  }

  /** Whether nobody else can lead at `nowMs`. */
  holds(rounds: LeaseRounds | null, nowMs: number): boolean {
    if (rounds === null || !rounds.isUsable || rounds.term !== this.#term) return false;
    this.#confirm(rounds.confirmed);
    return nowMs - this.#startMs < this.#options.durationMs;
  }

  /** Milliseconds since the newest round that a quorum has answered was sent; infinite without one in this term. */
  ageMs(rounds: LeaseRounds | null, nowMs: number): number {
    if (rounds === null || rounds.term !== this.#term) return Number.POSITIVE_INFINITY;
    this.#confirm(rounds.confirmed);
    return nowMs - this.#startMs;
  }

  #begin(term: Term): void {
    this.#term = term;
    this.#sent = [];
    this.#newestRound = 0;
    this.#startMs = Number.NEGATIVE_INFINITY;
  }

  #confirm(round: number): void {
    while (this.#sent.length > 0 && this.#sent[0]!.round <= round) {
      this.#startMs = this.#sent.shift()!.atMs;
    }
  }
}
