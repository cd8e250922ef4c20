import type { Cluster } from './cluster.ts';

const INTERVAL_MS = 100;

/** Notes in the timeline when the members see another leader or active node, and who becomes ready. */
export class Observer {
  readonly #cluster: Cluster;
  readonly #ready = new Map<string, boolean>();
  #leader: string | null = null;
  #active: string | null = null;
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  start(): void {
    this.#loop = this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      await this.#look();
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
  }

  async #look(): Promise<void> {
    const { timeline, powered } = this.#cluster;
    const all = [...(await this.#cluster.statuses()).values()];
    const leader = all.find((status) => status.role === 'leader')?.node ?? null;
    if (leader !== null && leader !== this.#leader) timeline.note(`${leader} leads the Raft group`);
    this.#leader = leader ?? this.#leader;
    const active = mostNamed(all.map((status) => status.active));
    if (active !== null && active !== this.#active) timeline.note(`${active} is the active node`);
    this.#active = active ?? this.#active;
    for (const status of all) {
      const was = this.#ready.get(status.node);
      if (was === status.ready) continue;
      this.#ready.set(status.node, status.ready);
      if (status.ready) timeline.note(`${status.node} is ready: ${status.flows} flows`, 'good');
      else if (was === true) timeline.note(`${status.node} is not ready: ${status.notReadyReason}`);
    }
    // One that lost power is news again when it is back.
    for (const id of this.#ready.keys()) {
      if (!powered.some((firewall) => firewall.id === id)) this.#ready.delete(id);
    }
  }
}

/** @returns what more than half of the names say, or null */
function mostNamed(names: readonly (string | null)[]): string | null {
  const counts = new Map<string, number>();
  for (const name of names) if (name !== null) counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const [name, count] of counts) if (count * 2 > names.length) return name;
  return null;
}
