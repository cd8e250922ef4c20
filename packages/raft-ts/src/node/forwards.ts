import type { ForwardedResponse } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';

type ForwardKind = 'propose' | 'read-index' | 'transfer';

/** A request that was sent to the leader. `answer` gets null when there will be none. */
export interface Forward {
  readonly kind: ForwardKind;
  readonly leader: NodeId;
  readonly answer: (response: ForwardedResponse | null) => void;
}

interface Pending extends Forward {
  deadlineMs: number;
}

const sessionBits = 20;
const sequenceMax = 2 ** 32;

/** Splits a request id into the asking process's session and the number in it. */
function splitRequestId(requestId: number): { session: number; sequence: number } {
  const session = Math.floor(requestId / sequenceMax);
  return { session, sequence: requestId - session * sequenceMax };
}

/** Requests of this member that the leader has not answered yet. */
export class Forwards {
  readonly #random: () => number;
  readonly #pending = new Map<number, Pending>();
  #session: number;
  #sequence = 0;
  #proposals = 0;

  constructor(random: () => number) {
    this.#random = random;
    this.#session = this.#drawSession();
  }

  get size(): number {
    return this.#pending.size;
  }

  /** How many of them are proposals. */
  get proposals(): number {
    return this.#proposals;
  }

  /** Returns the request id to send; ids grow, so that the leader can tell what is late or repeated. */
  add(forward: Forward, deadlineMs: number): number {
    if (++this.#sequence === sequenceMax) {
      this.#session = this.#drawSession();
      this.#sequence = 1;
    }
    const requestId = this.#session * sequenceMax + this.#sequence;
    this.#pending.set(requestId, { ...forward, deadlineMs });
    if (forward.kind === 'propose') this.#proposals++;
    return requestId;
  }

  answer(response: ForwardedResponse): void {
    const pending = this.#pending.get(response.requestId);
    if (pending === undefined || pending.leader !== response.from) return;
    this.#settle(response.requestId, pending, response);
  }

  /** The leader that was asked leads no more: an answer that is under way may still come until `deadlineMs`. */
  leaderLost(deadlineMs: number): void {
    for (const pending of this.#pending.values()) {
      pending.deadlineMs = Math.min(pending.deadlineMs, deadlineMs);
    }
  }

  /** Gives up what is overdue; returns how many. */
  expire(nowMs: number): number {
    let count = 0;
    for (const [requestId, pending] of this.#pending) {
      if (pending.deadlineMs > nowMs) continue;
      this.#settle(requestId, pending, null);
      count++;
    }
    return count;
  }

  failAll(): void {
    for (const [requestId, pending] of this.#pending) this.#settle(requestId, pending, null);
  }

  #settle(requestId: number, pending: Pending, response: ForwardedResponse | null): void {
    this.#pending.delete(requestId);
    if (pending.kind === 'propose') this.#proposals--;
    pending.answer(response);
  }

  #drawSession(): number {
    return Math.floor(this.#random() * 2 ** sessionBits);
  }
}

interface Origin {
  session: number;
  retiredSession: number;
  sequence: number;
}

/** Leader's side: lets the proposals of one member in once and in order; what comes late or again has no effect. */
export class ForwardInbox {
  readonly #origins = new Map<NodeId, Origin>();

  admits(from: NodeId, requestId: number): boolean {
    const { session, sequence } = splitRequestId(requestId);
    const origin = this.#origins.get(from);
    if (origin === undefined) {
      this.#origins.set(from, { session, retiredSession: -1, sequence });
      return true;
    }
    if (session === origin.retiredSession) return false;
    if (session !== origin.session) {
      this.#origins.set(from, { session, retiredSession: origin.session, sequence });
      return true;
    }
    if (sequence <= origin.sequence) return false;
    origin.sequence = sequence;
    return true;
  }
}
