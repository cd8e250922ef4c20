import { AF_INET, AF_INET6, NetlinkError, natChains, TrackingProbe } from '@raftwall/netlink';
import type { KernelHooks } from '@raftwall/replicator';

/** Looks whether the kernel tracks and translates packets, by address family (rule K15). */
export class HookProbes {
  readonly #namespace: string | undefined;
  readonly #ipv4: TrackingProbe | null;
  readonly #ipv6: TrackingProbe | null;

  constructor(options: { readonly namespace?: string }) {
    this.#namespace = options.namespace;
    this.#ipv4 = openProbe(AF_INET, this.#namespace);
    this.#ipv6 = openProbe(AF_INET6, this.#namespace);
  }

  /** Port ids whose events are the probes' own doing. */
  get portIds(): readonly number[] {
    return [this.#ipv4, this.#ipv6].flatMap((probe) => probe?.portId ?? []);
  }

  /** @throws {NetlinkError} If the kernel does not answer. */
  look(): KernelHooks {
    const chains = natChains({ namespace: this.#namespace });
    return {
      ipv4: { tracks: this.#ipv4?.probe() ?? null, translates: chains.ipv4 },
      ipv6: { tracks: this.#ipv6?.probe() ?? null, translates: chains.ipv6 },
    };
  }

  close(): void {
    this.#ipv4?.close();
    this.#ipv6?.close();
  }
}

/** null where the family is switched off. */
function openProbe(family: number, namespace: string | undefined): TrackingProbe | null {
  try {
    return new TrackingProbe(family, { namespace });
  } catch (error) {
    if (error instanceof NetlinkError) return null;
    throw error;
  }
}
