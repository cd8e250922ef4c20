import { randomBytes } from 'node:crypto';
import type { Message } from '../../../src/core/message.ts';
import type { SnapshotOffered } from '../../../src/ports.ts';
import {
  type PeerRefusedError,
  TcpTransport,
  type TcpTransportOptions,
  type TransportMetrics,
} from '../../../src/transport/index.ts';

type Name = keyof TransportMetrics;

/** Counts what a transport counts. */
export class Counts {
  readonly values = new Map<Name, number>();
  readonly metrics: TransportMetrics = new Proxy({} as TransportMetrics, {
    get: (_, name: Name) => ({
      inc: (by = 1) => this.values.set(name, this.of(name) + by),
    }),
  });

  of(name: Name): number {
    return this.values.get(name) ?? 0;
  }
}

/** A transport on loopback together with what it received and refused. */
export class Member {
  readonly id: string;
  readonly transport: TcpTransport;
  readonly received: Message[] = [];
  readonly refused: PeerRefusedError[] = [];
  readonly errors: Error[] = [];
  readonly counts = new Counts();
  /** What to do with an offered snapshot; null to keep none. Read at start. */
  onSnapshot: SnapshotOffered | null = null;
  #onEvent: (() => void)[] = [];

  constructor(
    id: string,
    options: Partial<TcpTransportOptions> = {},
    incarnation = randomBytes(16).toString('hex'),
  ) {
    this.id = id;
    this.transport = new TcpTransport(
      {
        clusterId: 'c',
        id,
        listen: '127.0.0.1:0',
        insecure: true,
        ...options,
        limits: { reconnectMsMin: 5, reconnectMsMax: 20, ...options.limits },
      },
      {
        incarnation: () => incarnation,
        onPeerRefused: (refusal) => {
          this.refused.push(refusal);
          this.#wake();
        },
        onError: (error) => this.errors.push(error),
        metrics: this.counts.metrics,
        random: () => 0.5,
      },
    );
  }

  async start(): Promise<this> {
    await this.transport.start((message) => {
      this.received.push(message);
      this.#wake();
    }, this.onSnapshot ?? undefined);
    return this;
  }

  get address(): string {
    return `127.0.0.1:${this.transport.port}`;
  }

  knows(...others: Member[]): this {
    this.transport.setPeers(new Map(others.map((other) => [other.id, other.address])));
    return this;
  }

  /** Waits for a received message or a refusal that makes the condition true. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#onEvent.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#onEvent.splice(0)) resolve();
  }
}

/** Polls a condition that no event announces. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

/** Two members that reach each other. */
export async function connectedPair(
  first: Partial<TcpTransportOptions> = {},
  second: Partial<TcpTransportOptions> = {},
): Promise<readonly [Member, Member]> {
  const a = await new Member('a', first).start();
  const b = await new Member('b', second).start();
  a.knows(b);
  b.knows(a);
  await eventually(() => a.transport.isReachable('b') && b.transport.isReachable('a'));
  return [a, b];
}
