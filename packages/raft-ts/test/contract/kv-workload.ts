import { setTimeout as sleep } from 'node:timers/promises';
import type { RegisterOperation, Timed } from '../../src/testing/linearizability.ts';
import { isSurelyNotDone, type KvCluster, type Reply, retryMs } from './kv-cluster.ts';

/** What is asked for, before it has an answer. */
type Request =
  | { readonly type: 'get' }
  | { readonly type: 'put'; readonly value: string }
  | { readonly type: 'cas'; readonly expect: string | null; readonly value: string };

/** Clients that put, get and compare-and-set at random, and write down what they see. */
export class KvWorkload {
  readonly histories: ReadonlyMap<string, Timed<RegisterOperation>[]>;
  readonly #cluster: KvCluster;
  readonly #onAnswer = new Map<number, () => void>();
  #count = 0;
  #isOver = false;

  constructor(keys: readonly string[], cluster: KvCluster) {
    this.histories = new Map(keys.map((key) => [key, []]));
    this.#cluster = cluster;
  }

  /** Resolves when that many operations have been answered, by whatever client. */
  answered(count: number): Promise<void> {
    return new Promise((resolve) => this.#onAnswer.set(count, resolve));
  }

  end(): void {
    this.#isOver = true;
  }

  /** One client, with one operation at a time, until `end`. */
  async runClient(name: string): Promise<void> {
    const keys = [...this.histories.keys()];
    let member = pick(this.#cluster.ids);
    let found: string | null = null;
    for (let i = 0; !this.#isOver; i++) {
      const value = `${name}-${i}`;
      const request = pick<Request>([
        { type: 'get' },
        { type: 'put', value },
        { type: 'cas', expect: found, value },
      ]);
      const reply = await this.#perform(member, pick(keys), request);
      if (reply?.status === 200 && request.type === 'get') found = reply.body;
      if (reply?.status === 200 && request.type !== 'get') found = value;
      if (reply !== null && !isSurelyNotDone(reply)) continue;
      member = leaderNamedBy(reply) ?? pick(this.#cluster.ids);
      await sleep(retryMs);
    }
  }

  /** Reads every key from every member. */
  async readAll(): Promise<void> {
    for (const key of this.histories.keys()) {
      for (const member of this.#cluster.ids) await this.#perform(member, key, { type: 'get' });
    }
  }

  /** Null when no answer came. */
  async #perform(member: string, key: string, request: Request): Promise<Reply | null> {
    const invokedMs = performance.now();
    try {
      const reply = await this.#send(member, key, request);
      if (isSurelyNotDone(reply)) return reply;
      const answeredMs = reply.status === 503 ? Infinity : performance.now();
      this.#record(key, request, reply, { invokedMs, answeredMs });
      return reply;
    } catch (error) {
      const isRefused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
      if (!isRefused) this.#record(key, request, null, { invokedMs, answeredMs: Infinity });
      return null;
    }
  }

  #send(member: string, key: string, request: Request): Promise<Reply> {
    const cluster = this.#cluster;
    if (request.type === 'get') return cluster.request(member, 'GET', `/kv/${key}`);
    if (request.type === 'put') {
      return cluster.request(member, 'PUT', `/kv/${key}`, request.value);
    }
    const { expect, value } = request;
    return cluster.request(member, 'POST', `/kv/${key}/cas`, JSON.stringify({ expect, value }));
  }

  #record(
    key: string,
    request: Request,
    reply: Reply | null,
    times: { readonly invokedMs: number; readonly answeredMs: number },
  ): void {
    if (reply !== null) this.#onAnswer.get(++this.#count)?.();
    const operation = observed(request, reply);
    if (operation !== null) this.histories.get(key)!.push({ operation, ...times });
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

function pick<T>(values: readonly T[]): T {
  return values[Math.floor(Math.random() * values.length)] as T;
}
