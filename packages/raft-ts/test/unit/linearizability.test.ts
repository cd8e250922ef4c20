import { describe, expect, it } from 'vitest';
import {
  findViolations,
  HistoryTooAmbiguousError,
  isLinearizable,
  judgeHistories,
  type RegisterOperation,
  registerModel,
  type Timed,
} from '../../src/testing/linearizability.ts';
import { Random } from '../../src/testing/random.ts';

type History = readonly Timed<RegisterOperation>[];

const put = (value: string): RegisterOperation => ({ type: 'put', value });
const get = (found: string | null): RegisterOperation => ({ type: 'get', found });
const cas = (
  expected: string | null,
  value: string,
  written: boolean | null,
): RegisterOperation => ({ type: 'cas', expect: expected, value, written });

const during = (
  invokedMs: number,
  answeredMs: number,
  operation: RegisterOperation,
): Timed<RegisterOperation> => ({ operation, invokedMs, answeredMs });

/** Never answered. */
const since = (invokedMs: number, operation: RegisterOperation): Timed<RegisterOperation> =>
  during(invokedMs, Infinity, operation);

const isRegister = (...history: History): boolean => isLinearizable(history, registerModel);

describe('isLinearizable', () => {
  it('accepts what one client does alone', () => {
    expect(isRegister()).toBe(true);
    expect(
      isRegister(
        during(0, 1, get(null)),
        during(2, 3, put('a')),
        during(4, 5, cas('b', 'c', false)),
        during(6, 7, cas('a', 'c', true)),
        during(8, 9, get('c')),
      ),
    ).toBe(true);
  });

  it('accepts either order of what overlaps', () => {
    const writes = [during(0, 10, put('a')), during(1, 9, put('b'))];
    expect(isRegister(...writes, during(11, 12, get('a')))).toBe(true);
    expect(isRegister(...writes, during(11, 12, get('b')))).toBe(true);
    expect(isRegister(...writes, during(2, 3, get('b')), during(4, 5, get('a')))).toBe(true);
  });

  it('rejects a stale read', () => {
    const writes = [during(0, 1, put('a')), during(2, 3, put('b'))];
    expect(isRegister(...writes, during(4, 5, get('a')))).toBe(false);
  });

  it('rejects a value that two reads saw go back', () => {
    const write = [during(0, 1, put('a')), during(2, 20, put('b'))];
    expect(isRegister(...write, during(3, 4, get('b')), during(5, 6, get('a')))).toBe(false);
  });

  it('rejects two clients that both won the same compare-and-set', () => {
    const history = [during(0, 9, cas(null, 'a', true)), during(0, 9, cas(null, 'b', true))];
    expect(isRegister(...history)).toBe(false);
  });

  it('rejects a write that was acknowledged and lost', () => {
    expect(isRegister(during(0, 1, put('a')), during(2, 3, get(null)))).toBe(false);
  });

  it('rejects a value that nobody wrote', () => {
    expect(isRegister(during(0, 1, get('a')))).toBe(false);
  });

  it('lets an unanswered write happen late, or never', () => {
    const reads = [during(2, 3, get(null)), during(4, 5, get(null))];
    expect(isRegister(since(0, put('a')), ...reads)).toBe(true);
    expect(isRegister(since(0, put('a')), ...reads, during(6, 7, get('a')))).toBe(true);
    expect(isRegister(since(0, cas(null, 'a', null)), ...reads, during(6, 7, get('a')))).toBe(true);
  });

  it('rejects an unanswered write that is seen before its invocation, or twice', () => {
    expect(isRegister(during(0, 1, get('a')), since(2, put('a')))).toBe(false);
    const seen = [during(2, 3, get('a')), during(4, 5, put('b')), during(6, 7, get('a'))];
    expect(isRegister(since(0, put('a')), ...seen)).toBe(false);
  });

  it('rejects the effect of an unanswered compare-and-set that could not succeed', () => {
    const history = [during(0, 1, put('a')), since(2, cas('b', 'c', null))];
    expect(isRegister(...history, during(3, 4, get('c')))).toBe(false);
  });

  it('agrees with trying every order, on random small histories', () => {
    const random = new Random(7);
    const verdicts = { true: 0, false: 0 };
    for (let run = 0; run < 3000; run++) {
      const history = randomHistory(random);
      const expected = someOrderFits(history, null);
      expect(isLinearizable(history, registerModel), JSON.stringify(history)).toBe(expected);
      verdicts[`${expected}`]++;
    }
    expect(Math.min(verdicts.true, verdicts.false)).toBeGreaterThan(300);
  });

  it('decides a long history with many overlaps', () => {
    const random = new Random(3);
    const history = longHistory(random, 2000);
    expect(isLinearizable(history, registerModel)).toBe(true);
    const end = 1e9;
    expect(isRegister(...history, during(end, end + 1, get('never written')))).toBe(false);
  });

  it('gives up, rather than guess, above its limit', () => {
    const history = Array.from({ length: 12 }, (_, i) => during(0, 1, put(`${i}`)));
    expect(() => isLinearizable([...history, during(2, 3, get('x'))], registerModel, 1000)).toThrow(
      HistoryTooAmbiguousError,
    );
  });
});

describe('findViolations', () => {
  it('names the keys whose own history is wrong', () => {
    const histories = new Map<string, History>([
      ['good', [during(0, 1, put('a')), during(2, 3, get('a'))]],
      ['bad', [during(0, 1, put('a')), during(2, 3, get(null))]],
    ]);
    expect(findViolations(histories)).toEqual(['bad']);
  });
});

describe('judgeHistories', () => {
  const ambiguous = [
    ...Array.from({ length: 12 }, (_, i) => during(0, 1, put(`${i}`))),
    during(2, 3, get('x')),
  ];
  const histories = new Map<string, History>([
    ['good', [during(0, 1, put('a')), during(2, 3, get('a'))]],
    ['ambiguous', ambiguous],
    ['bad', [during(0, 1, put('a')), during(2, 3, get(null))]],
  ]);

  it('tells apart what is wrong and what it could not decide', () => {
    expect(judgeHistories(histories, 1_000)).toEqual({
      violations: ['bad'],
      undecided: ['ambiguous'],
    });
  });

  it('decides with a higher limit what it gave up before', () => {
    expect(judgeHistories(histories)).toEqual({ violations: ['ambiguous', 'bad'], undecided: [] });
  });
});

function randomHistory(random: Random): History {
  const values = ['a', 'b'];
  const value = (): string => random.pick(values);
  const maybe = (): string | null => random.pick([...values, null]);
  return Array.from({ length: random.integer(1, 5) }, () => {
    const invokedMs = random.integer(0, 8);
    const isPending = random.chance(0.2);
    const operation = random.pick([
      put(value()),
      get(maybe()),
      cas(maybe(), value(), isPending ? null : random.chance(0.5)),
    ]);
    const answeredMs = isPending ? Infinity : invokedMs + random.integer(1, 5);
    return { operation, invokedMs, answeredMs };
  });
}

/** The definition, word by word: some order of all answered operations and some others fits. */
function someOrderFits(rest: History, state: string | null): boolean {
  if (rest.every(({ answeredMs }) => answeredMs === Infinity)) return true;
  return rest.some((candidate) => {
    const others = rest.filter((other) => other !== candidate);
    if (others.some(({ answeredMs }) => answeredMs < candidate.invokedMs)) return false;
    const after = registerModel.apply(state, candidate.operation);
    return after !== undefined && someOrderFits(others, after);
  });
}

/** Correct by construction: every operation takes effect at its own instant, and is invoked and answered around it. */
function longHistory(random: Random, length: number): History {
  let state: string | null = null;
  return Array.from({ length }, (_, i) => {
    const operation: RegisterOperation = random.pick([
      put(`${i}`),
      get(state),
      cas(state, `${i}`, true),
    ]);
    state = registerModel.apply(state, operation) ?? null;
    return during(i - random.between(0, 2.5), i + random.between(0, 2.5), operation);
  });
}
