import { AddressMonitor } from '@raftwall/netlink';

/** The addresses of this node that others could mean: not those of loopback and link scope. */
export class LocalAddresses {
  readonly #monitor: AddressMonitor;
  readonly #listeners = new Set<() => void>();

  constructor(onFailure: (error: Error) => void) {
    this.#monitor = new AddressMonitor(
      {},
      {
        onChange: () => {
          for (const listener of this.#listeners) listener();
        },
        onFailure,
      },
    );
  }

  current(): readonly string[] {
    return this.#monitor
      .current()
      .filter(({ scope }) => scope === 'global')
      .map(({ address }) => address);
  }

  /** Returns the way to stop listening. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  stop(): Promise<void> {
    return this.#monitor.stop();
  }
}
