import { setTimeout as sleep } from 'node:timers/promises';
import type { RegisterOperation, Timed } from '../../src/testing/linearizability.ts';
import { Random } from '../../src/testing/random.ts';
import { isSurelyNotDone, type KvCluster, type Reply, retryMs } from './kv-cluster.ts';

/** What is asked for, before it has an answer. */
type Request =
  | { readonly type: 'get' }
  | { readonly type: 'put'; readonly value: string }
  | { readonly type: 'cas'; readonly expect: string | null; readonly value: string };

interface Waiter {
  readonly count: number;
  readonly resolve: (isReached: boolean) => void;
}

/** A client gives an answer up after so long: the member may be frozen. */
const patienceMs = 3000;
/** Keys in use at a time. One is given up after so many operations, or unknown outcomes: what is open makes checking slow. */
const keysInUse = 3;
const keyOperationsMax = 80;
const keyUnknownMax = 6;

/**
 * Clients that put, get and compare-and-set at random, and write down what they see, on one clock. What was surely not done
 * is left out, what has no known outcome stays open for ever, and a read without an answer says nothing.
 */
export class KvWorkload {
  /** By key, in the order of answers. */
  readonly histories = new Map<string, Timed<RegisterOperation>[]>();
  readonly #cluster: KvCluster;
  readonly #random: Random;
  readonly #keys: string[] = [];
  #waiters: Waiter[] = [];
  #answered = 0;
  #isOver = false;

  constructor(cluster: KvCluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
    while (this.#keys.length < keysInUse) this.#addKey();
  }

  /** Operations with a definite answer, by whatever client. */
  get answeredCount(): number {
    return this.#answered;
  }

  /** Resolves when so many more operations have been answered, or with false after `timeoutMs`. */
  answered(more: number, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const waiter = { count: this.#answered + more, resolve: finish };
      const timer = setTimeout(() => finish(false), timeoutMs);
      function finish(isReached: boolean): void {
        clearTimeout(timer);
        resolve(isReached);
      }
      this.#waiters.push(waiter);
    });
  }

  end(): void {
    this.#isOver = true;
  }

  /** One client, with one operation at a time, until `end`. */
  async runClient(name: string): Promise<void> {
    const random = new Random(this.#random.integer(0, 2 ** 31));
    let member = random.pick(this.#cluster.ids);
    let found: string | null = null;
    for (let i = 0; !this.#isOver; i++) {
      const value = `${name}-${i}`;
      const request = random.pick<Request>([
        { type: 'get' },
        { type: 'put', value },
        { type: 'cas', expect: found, value },
      ]);
      const reply = await this.#perform(member, random.pick(this.#keys), request);
      if (reply?.status === 200 && request.type === 'get') found = reply.body;
      if (reply?.status === 200 && request.type !== 'get') found = value;
      // Reads are served by any member: let every one have some.
      if (random.chance(0.1)) member = random.pick(this.#cluster.ids);
      if (reply !== null && !isSurelyNotDone(reply)) continue;
      member = leaderNamedBy(reply) ?? random.pick(this.#cluster.ids);
      await sleep(retryMs);
    }
  }

  /** Reads every key, the keys in use from every member. */
  async readAll(): Promise<void> {
    for (const [i, key] of [...this.histories.keys()].entries()) {
      const { ids } = this.#cluster;
      const members = this.#keys.includes(key) ? ids : [ids[i % ids.length]!];
      for (const member of members) await this.#read(member, key);
    }
  }

  /** Asks until there is an answer. */
  async #read(member: string, key: string): Promise<void> {
    while (true) {
      const reply = await this.#perform(member, key, { type: 'get' });
      if (reply !== null && [200, 404].includes(reply.status)) return;
      await sleep(retryMs);
    }
  }

  #addKey(): void {
    const key = `key-${this.histories.size}`;
    this.histories.set(key, []);
    this.#keys.push(key);
  }

  /** Null when no answer came. */
  async #perform(member: string, key: string, request: Request): Promise<Reply | null> {
    const invokedMs = performance.now();
    const reply = await this.#send(member, key, request).catch((error) => error as Error);
    if (reply instanceof Error) {
      const isRefused = (reply as NodeJS.ErrnoException).code === 'ECONNREFUSED';
      if (!isRefused) this.#record(key, request, null, { invokedMs, answeredMs: Infinity });
      return null;
    }
    if (isSurelyNotDone(reply)) return reply;
    const answeredMs = reply.status === 503 ? Infinity : performance.now();
    this.#record(key, request, reply, { invokedMs, answeredMs });
    if (reply.status !== 503) this.#count();
    return reply;
  }

  #send(member: string, key: string, request: Request): Promise<Reply> {
    const send = (method: string, url: string, body?: string): Promise<Reply> =>
      this.#cluster.request(member, method, url, body, patienceMs);
    if (request.type === 'get') return send('GET', `/kv/${key}`);
    if (request.type === 'put') return send('PUT', `/kv/${key}`, request.value);
    const { expect, value } = request;
    return send('POST', `/kv/${key}/cas`, JSON.stringify({ expect, value }));
  }

  #count(): void {
    this.#answered += 1;
    const reached = this.#waiters.filter(({ count }) => count <= this.#answered);
    this.#waiters = this.#waiters.filter(({ count }) => count > this.#answered);
    for (const { resolve } of reached) resolve(true);
  }

  #record(
    key: string,
    request: Request,
    reply: Reply | null,
    times: { readonly invokedMs: number; readonly answeredMs: number },
  ): void {
    const operation = observed(request, reply);
    if (operation === null) return;
    const history = this.histories.get(key)!;
    history.push({ operation, ...times });
    const unknown = history.filter(({ answeredMs }) => answeredMs === Infinity).length;
    const isWorn = history.length >= keyOperationsMax || unknown >= keyUnknownMax;
    const position = this.#keys.indexOf(key);
    if (!isWorn || position < 0) return;
    this.#keys.splice(position, 1);
    this.#addKey();
  }
}

/** The request with its answer; null for a read without one, which says nothing. */
function observed(request: Request, reply: Reply | null): RegisterOperation | null {
  const status = reply === null || reply.status === 503 ? null : reply.status;
  const allowed = { get: [200, 404], put: [200], cas: [200, 409] }[request.type];
  if (status !== null && !allowed.includes(status)) {
    throw new Error(`${request.type} was answered with ${status}: ${reply?.body}`);
  }
  if (request.type === 'put') return request;
  if (request.type === 'cas') {
    return { ...request, written: status === null ? null : status === 200 };
  }
  if (status === null) return null;
  return { type: 'get', found: status === 200 ? reply!.body : null };
}

function leaderNamedBy(reply: Reply | null): string | null {
  if (reply?.status !== 421) return null;
  return (JSON.parse(reply.body) as { leader: string | null }).leader;
}
