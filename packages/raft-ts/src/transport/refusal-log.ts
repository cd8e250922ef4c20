import type { NodeId } from '../core/types.ts';
import type { PeerRefusedError } from './errors.ts';

type Direction = 'dialled' | 'accepted';

/** Strangers can make up ids: above this many causes all are forgotten, and may be reported once more. */
const causesMax = 256;

/** Reports each cause of refusal once, until a connection of that direction succeeds. */
export class RefusalLog {
  readonly #report: (refusal: PeerRefusedError) => void;
  readonly #reported = new Map<string, PeerRefusedError>();

  constructor(report: (refusal: PeerRefusedError) => void) {
    this.#report = report;
  }

  add(direction: Direction, refusal: PeerRefusedError): void {
    const cause = `${direction}/${refusal.peer}/${refusal.by}/${refusal.reason}`;
    if (this.#reported.has(cause)) return;
    if (this.#reported.size >= causesMax) this.#reported.clear();
    this.#reported.set(cause, refusal);
    this.#report(refusal);
  }

  clear(direction: Direction, peer: NodeId): void {
    for (const [cause, refusal] of this.#reported) {
      if (refusal.peer === peer && cause.startsWith(direction)) this.#reported.delete(cause);
    }
  }
}
