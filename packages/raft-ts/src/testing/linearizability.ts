/** One operation as its client saw it. Times come from one monotonic clock. */
export interface Timed<Operation> {
  readonly operation: Operation;
  readonly invokedMs: number;
  /** `Infinity` when no answer came: the operation may take effect at any time after its invocation, or never. */
  readonly answeredMs: number;
}

/** What a correct object does, one operation after the other. `State` must be a JSON value. */
export interface SequentialModel<State, Operation> {
  readonly initial: State;
  /** The state after `operation` was answered as it says; undefined when no correct object answers so. */
  apply(state: State, operation: Operation): State | undefined;
}

/** Thrown when a history has so many possible orders that the search was given up: it proves nothing. */
export class HistoryTooAmbiguousError extends Error {
  constructor(configurationsMax: number) {
    super(`gave up after ${configurationsMax} configurations`);
    this.name = 'HistoryTooAmbiguousError';
  }
}

/** A point of the search: the operations before `next` are placed, except those that are still `open`. */
interface Configuration<State> {
  readonly state: State;
  readonly next: number;
  /** Positions in the history, growing. */
  readonly open: readonly number[];
}

const configurationsMaxDefault = 1_000_000;

/**
 * Whether there is an order of the operations that the model allows and that keeps every operation that was answered
 * before another was invoked in front of it (Herlihy and Wing 1990). The search is that of Wing and Gong, and never visits
 * a configuration twice (Lowe 2017). Meant for small histories: at worst its time grows exponentially with what overlaps.
 *
 * @throws {HistoryTooAmbiguousError} If more than `configurationsMax` configurations do not decide it.
 */
export function isLinearizable<State, Operation>(
  history: readonly Timed<Operation>[],
  model: SequentialModel<State, Operation>,
  configurationsMax: number = configurationsMaxDefault,
): boolean {
  const operations = history.toSorted((a, b) => a.invokedMs - b.invokedMs);
  const isPending = (position: number): boolean => operations[position]!.answeredMs === Infinity;
  const stack = [opened(operations, { state: model.initial, next: 0, open: [] })];
  const visited = new Set<string>();
  while (stack.length > 0) {
    const { state, next, open } = stack.pop()!;
    if (next === operations.length && open.every(isPending)) return true;
    // The stack gives back the last one first: what was answered earliest is the likeliest next.
    const candidates = open.toSorted(
      (a, b) => operations[b]!.answeredMs - operations[a]!.answeredMs,
    );
    for (const position of candidates) {
      const after = model.apply(state, operations[position]!.operation);
      if (after === undefined) continue;
      const rest = open.filter((other) => other !== position);
      const reached = opened(operations, { state: after, next, open: rest });
      const key = JSON.stringify([reached.state, reached.next, reached.open]);
      if (visited.has(key)) continue;
      if (visited.size >= configurationsMax) throw new HistoryTooAmbiguousError(configurationsMax);
      visited.add(key);
      stack.push(reached);
    }
  }
  return false;
}

/** Opens every operation that was invoked before any open one was answered: each of these may be the next in the order. */
function opened<State, Operation>(
  operations: readonly Timed<Operation>[],
  { state, next, open }: Configuration<State>,
): Configuration<State> {
  const nowOpen = [...open];
  let end = next;
  let earliestAnswerMs = Math.min(...open.map((position) => operations[position]!.answeredMs));
  while (end < operations.length && operations[end]!.invokedMs <= earliestAnswerMs) {
    earliestAnswerMs = Math.min(earliestAnswerMs, operations[end]!.answeredMs);
    nowOpen.push(end++);
  }
  return { state, next: end, open: nowOpen };
}

/** Operations on one value that may be absent (null), with their answers. */
export type RegisterOperation =
  | { readonly type: 'get'; readonly found: string | null }
  | { readonly type: 'put'; readonly value: string }
  | {
      readonly type: 'cas';
      readonly expect: string | null;
      readonly value: string;
      /** Null when no answer came. */
      readonly written: boolean | null;
    };

/** A value with put, get and compare-and-set. */
export const registerModel: SequentialModel<string | null, RegisterOperation> = {
  initial: null,
  apply(state, operation) {
    switch (operation.type) {
      case 'get':
        return operation.found === state ? state : undefined;
      case 'put':
        return operation.value;
      case 'cas': {
        const written = operation.expect === state;
        if (operation.written !== null && operation.written !== written) return undefined;
        return written ? operation.value : state;
      }
    }
  },
};

/** What the histories of a key-value store show, by key. */
export interface Verdict {
  /** Keys whose histories are not linearizable. */
  readonly violations: readonly string[];
  /** Keys whose histories are too ambiguous to decide: they prove nothing. */
  readonly undecided: readonly string[];
}

/**
 * Judges the histories of a key-value store by key. A history is linearizable exactly if that of every single key is
 * (locality: Herlihy and Wing 1990, theorem 1; Lowe 2017 calls it partitioning), so each is searched alone.
 */
export function judgeHistories(
  histories: ReadonlyMap<string, readonly Timed<RegisterOperation>[]>,
  configurationsMax?: number,
): Verdict {
  const violations: string[] = [];
  const undecided: string[] = [];
  for (const [key, history] of histories) {
    try {
      if (!isLinearizable(history, registerModel, configurationsMax)) violations.push(key);
    } catch (error) {
      if (!(error instanceof HistoryTooAmbiguousError)) throw error;
      undecided.push(key);
    }
  }
  return { violations, undecided };
}

/**
 * The keys of a key-value store whose histories are not linearizable.
 *
 * @throws {HistoryTooAmbiguousError} If one cannot be decided.
 */
export function findViolations(
  histories: ReadonlyMap<string, readonly Timed<RegisterOperation>[]>,
): string[] {
  return [...histories.keys()].filter((key) => !isLinearizable(histories.get(key)!, registerModel));
}
