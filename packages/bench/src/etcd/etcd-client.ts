import { fileURLToPath } from 'node:url';
import {
  type ChannelCredentials,
  type Client,
  credentials,
  loadPackageDefinition,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const proto = fileURLToPath(new URL('../../proto/etcd.proto', import.meta.url));

/** Bytes as etcd keeps them. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

interface StatusResponse {
  readonly header: { readonly member_id: string };
  readonly leader: string;
}

type Call = (request: unknown, done: (error: Error | null, response: unknown) => void) => void;
type Stub = Client & Record<string, Call>;
type StubClass = new (
  address: string,
  how: ChannelCredentials,
  options: Readonly<Record<string, number>>,
) => Stub;

function stubClass(name: 'KV' | 'Maintenance'): StubClass {
  const { etcdserverpb } = loadPackageDefinition(
    loadSync(proto, { longs: String, keepCase: true }),
  );
  return (etcdserverpb as unknown as Record<string, StubClass>)[name]!;
}

/** One connection to a member of an etcd cluster (gRPC, API v3). */
export class EtcdClient {
  readonly #kv: Stub;
  readonly #maintenance: Stub;

  /** @param address `host:port` of the member's client URL. */
  constructor(address: string) {
    // Channels to the same address would share one connection.
    const options = { 'grpc.use_local_subchannel_pool': 1 };
    this.#kv = new (stubClass('KV'))(address, credentials.createInsecure(), options);
    this.#maintenance = new (stubClass('Maintenance'))(
      address,
      credentials.createInsecure(),
      options,
    );
  }

  /** Resolves when the member answers. @throws {Error} If it does not by then. */
  ready(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const deadline = Date.now() + timeoutMs;
      this.#kv.waitForReady(deadline, (error) => (error ? reject(error) : resolve()));
    });
  }

  async isLeader(): Promise<boolean> {
    const answer = (await call(this.#maintenance, 'Status', {})) as StatusResponse;
    return answer.leader === answer.header.member_id;
  }

  async put(pair: KeyValue): Promise<void> {
    await call(this.#kv, 'Put', pair);
  }

  /** All of them in one transaction. */
  async putAll(pairs: readonly KeyValue[]): Promise<void> {
    const success = pairs.map((pair) => ({ request_put: pair }));
    const { succeeded } = (await call(this.#kv, 'Txn', { success })) as { succeeded: boolean };
    if (!succeeded) throw new Error('etcd refused a transaction without conditions');
  }

  close(): void {
    this.#kv.close();
    this.#maintenance.close();
  }
}

function call(stub: Stub, method: string, request: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    stub[method]!(request, (error, response) => (error ? reject(error) : resolve(response)));
  });
}
