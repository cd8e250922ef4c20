import type { Coverage } from './coverage.ts';
import type { RegisterOperation, Timed } from './linearizability.ts';
import type { Random } from './random.ts';
import type { SimClock } from './sim-clock.ts';
import type { SimMember } from './sim-member.ts';
import type { Answer, Workload } from './workload.ts';

interface SimClientsDependencies {
  readonly members: readonly SimMember[];
  readonly clock: SimClock;
  readonly random: Random;
  readonly coverage: Coverage;
  readonly workload: Workload;
}

/** A register in use. The history of each stays short enough to be decided, so registers are given up and others begun. */
interface Register {
  readonly key: number;
  readonly history: Timed<RegisterOperation>[];
  /** Operations that may take effect at any time: each doubles what the checker has to try. */
  unknowns: number;
  /** Newest value that a client knows of, 0 for none. */
  seen: number;
}

const clientsCount = 4;
const registersCount = 4;
const operationsMax = 60;
const unknownsMax = 6;

type Call = { readonly kind: 'get' | 'put' | 'cas'; readonly register: Register };

/** Clients that each do one thing after the other, and note what they did and heard by register. */
export class SimClients {
  readonly #parts: SimClientsDependencies;
  readonly #thinkMeanMs: number;
  readonly #registers: Register[] = [];
  readonly #retired: Register[] = [];
  readonly #underWay = new Set<() => void>();
  #isOpen = true;

  constructor(parts: SimClientsDependencies) {
    this.#parts = parts;
    this.#thinkMeanMs = parts.random.pick([10, 40, 100]);
    for (let key = 1; key <= registersCount; key++) this.#registers.push(begun(key));
  }

  start(): void {
    for (let client = 0; client < clientsCount; client++) this.#think();
  }

  /** What is under way ends; nothing new is begun. */
  stop(): void {
    this.#isOpen = false;
  }

  /** After the run: what has no answer yet gets none any more. */
  finish(): void {
    for (const giveUp of [...this.#underWay]) giveUp();
  }

  get histories(): ReadonlyMap<string, readonly Timed<RegisterOperation>[]> {
    const all = [...this.#retired, ...this.#registers];
    return new Map(all.map(({ key, history }) => [String(key), history]));
  }

  #think(): void {
    const { clock, random } = this.#parts;
    clock.setTimer(random.between(0, 2 * this.#thinkMeanMs), () => {
      if (this.#isOpen) this.#call();
    });
  }

  #call(): void {
    const { members, random } = this.#parts;
    const up = members.filter((member) => member.isUp && !member.isPaused);
    if (up.length === 0) {
      this.#think();
      return;
    }
    const call: Call = {
      kind: random.pick(['get', 'get', 'put', 'cas']),
      register: this.#pickRegister(),
    };
    // A leader that is none any more is where stale answers would come from.
    const leaders = up.filter(({ state }) => state?.role === 'leader');
    const member = random.pick(leaders.length > 0 && random.chance(0.4) ? leaders : up);
    if (call.kind === 'get') this.#get(member, call.register);
    else this.#write(member, call.kind, call.register);
  }

  #get(member: SimMember, { key, history }: Register): void {
    const invokedMs = this.#parts.clock.nowMs();
    const end = this.#once((found: number | null) => {
      // A read without an answer has told nobody anything.
      if (found === null) return;
      this.#parts.coverage.add('client read');
      const operation = { type: 'get', found: found === 0 ? null : String(found) } as const;
      history.push({ operation, invokedMs, answeredMs: this.#parts.clock.nowMs() });
    });
    member.read(key).then(end, () => end(null));
  }

  #write(member: SimMember, kind: 'put' | 'cas', register: Register): void {
    const { clock, random, workload } = this.#parts;
    const invokedMs = clock.nowMs();
    const expect = kind === 'cas' ? (random.chance(0.8) ? register.seen : 0) : 0;
    const value = workload.nextId;
    const answer = workload.submit(member, { kind, key: register.key, expect });
    const end = this.#once((found: Answer | null) => {
      if (found === 'none') return;
      this.#note(register, { kind, expect, value, invokedMs }, found ?? 'unknown');
    });
    answer.then(end, () => end(null));
  }

  #note(
    register: Register,
    write: { kind: 'put' | 'cas'; expect: number; value: number; invokedMs: number },
    answer: Exclude<Answer, 'none'>,
  ): void {
    const { clock, coverage } = this.#parts;
    const { kind, expect, invokedMs } = write;
    const isUnknown = answer === 'unknown';
    const written = isUnknown ? null : answer.isWritten;
    if (written) register.seen = write.value;
    if (isUnknown) register.unknowns++;
    const told = isUnknown ? 'unknown' : written ? 'done' : 'refused';
    coverage.add(`client ${kind} ${told}`);
    const value = String(write.value);
    const operation: RegisterOperation =
      kind === 'put'
        ? { type: 'put', value }
        : { type: 'cas', expect: expect === 0 ? null : String(expect), value, written };
    const answeredMs = isUnknown ? Number.POSITIVE_INFINITY : clock.nowMs();
    register.history.push({ operation, invokedMs, answeredMs });
  }

  /** The client goes on when the answer comes, or without one after a while: then `end` gets null. */
  #once<T>(end: (answer: T | null) => void): (answer: T | null) => void {
    const { clock, random } = this.#parts;
    let isOver = false;
    const settle = (answer: T | null) => {
      if (isOver) return;
      isOver = true;
      this.#underWay.delete(giveUp);
      cancel();
      end(answer);
      this.#think();
    };
    const giveUp = () => settle(null);
    const cancel = clock.setTimer(random.between(300, 3_000), giveUp);
    this.#underWay.add(giveUp);
    return settle;
  }

  #pickRegister(): Register {
    const at = this.#parts.random.integer(0, registersCount - 1);
    const register = this.#registers[at]!;
    if (register.history.length < operationsMax && register.unknowns < unknownsMax) return register;
    this.#retired.push(register);
    const next = begun(register.key + registersCount);
    this.#registers[at] = next;
    return next;
  }
}

function begun(key: number): Register {
  return { key, history: [], unknowns: 0, seen: 0 };
}
