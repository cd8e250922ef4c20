import type { FlowKeyProbe } from './flow-key-probe.ts';

/** Less than this may come from rounding. */
const movedSecondsMin = 2;

/**
 * When flows that are not replicated were going to end, as the dump before showed it. A deadline that has moved forward
 * tells of a later packet: of such flows there are two, of a flood's flows one (rule K4). One place for each hash: under a
 * flood the memory stays as it is, and a lasting flow has a new chance in every dump.
 */
export class DeadlineMemory {
  readonly #mask: number;
  readonly #hashes: Uint32Array;
  readonly #deadlines: Float64Array;

  /** @param capacity Places, a power of two. */
  constructor(capacity: number) {
    this.#mask = capacity - 1;
    this.#hashes = new Uint32Array(capacity);
    this.#deadlines = new Float64Array(capacity);
  }

  /** Notes when the flow is going to end; whether that is later than what was noted of it before, by more than the slack. */
  hasMoved(
    probe: FlowKeyProbe,
    nowMs: number,
    timeoutSeconds: number,
    slackSeconds: number,
  ): boolean {
    const place = probe.hash & this.#mask;
    const deadline = nowMs / 1000 + timeoutSeconds;
    const isKnown = this.#hashes[place] === probe.hash;
    const moved = deadline - this.#deadlines[place]!;
    this.#hashes[place] = probe.hash;
    this.#deadlines[place] = deadline;
    // A deadline that has passed was another flow's.
    return isKnown && moved >= movedSecondsMin + slackSeconds && moved <= timeoutSeconds;
  }
}
