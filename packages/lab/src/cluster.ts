import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterAuthority } from './cluster-authority.ts';
import { LabError } from './errors.ts';
import { Firewall } from './firewall.ts';
import { NamespaceSet } from './namespace.ts';
import type { StatusView, VrrpMode } from './raftwall-daemon.ts';
import type { RulesetOptions } from './ruleset.ts';
import { Timeline } from './timeline.ts';
import { Topology } from './topology.ts';
import { waitFor } from './wait.ts';
import { Witness } from './witness.ts';

/** What a cluster of the lab is made of. */
export interface ClusterOptions {
  /** Number of firewalls. Default 3. */
  readonly firewalls?: number;
  /** One more member that votes and carries no traffic. Default false. */
  readonly witness?: boolean;
  /** false: firewalls with keepalived alone. Default true. */
  readonly replication?: boolean;
  /** Default `follow`. */
  readonly mode?: VrrpMode;
  /** Whether the members prove by certificates who they are. Default false. */
  readonly tls?: boolean;
  /** What each raftwalld finds in its environment, by its firewall's directory. Default: nothing special. */
  readonly environment?: (directory: string) => Readonly<Record<string, string>>;
  readonly rules?: RulesetOptions;
  /** A second pair of virtual addresses, at home on the second firewall, and a second host that uses it. Default false. */
  readonly twoPairs?: boolean;
  /** Section `capture` of raftwalld's configuration. Default: empty. */
  readonly capture?: object;
  /** Section `kernel` of the configuration of each firewall, by its number from 1. Default: empty. */
  readonly kernel?: (index: number) => object;
  /** Settings of every firewall's kernel, names written with dots. */
  readonly sysctls?: Readonly<Record<string, number>>;
  /** More of section `node` of raftwalld's configuration. Default: nothing. */
  readonly node?: object;
  /** Default: a new one, silent. */
  readonly timeline?: Timeline;
}

/** On a disk, where /tmp often is not: what a member writes there, it waits for. */
const DIRECTORY = '/var/tmp';
const FIREWALLS = 3;
const READY_SECONDS = 30;
const TAKEOVER_MS = 15_000;

/** The firewalls between A and B. */
export class Cluster {
  readonly topology: Topology;
  /** Who vouches for the members; null: they trust their link. */
  readonly authority: ClusterAuthority | null;
  readonly witness: Witness | null;
  readonly timeline: Timeline;
  /** Configurations, logs and data of all firewalls. */
  readonly directory: string;
  readonly #namespaces: NamespaceSet;
  readonly #options: ClusterOptions;
  readonly #replication: boolean;
  readonly #firewalls: Firewall[];
  /** Number of members that the configuration names. */
  readonly #founders: number;
  #joined = 0;
  readonly #undo: (() => void)[] = [];

  private constructor(
    parts: { namespaces: NamespaceSet; topology: Topology; directory: string },
    options: ClusterOptions,
  ) {
    const firewalls = options.firewalls ?? FIREWALLS;
    this.#options = options;
    this.#founders = firewalls + (options.witness ? 1 : 0);
    this.#namespaces = parts.namespaces;
    this.topology = parts.topology;
    this.directory = parts.directory;
    this.timeline = options.timeline ?? new Timeline();
    this.#replication = options.replication ?? true;
    const pki = join(parts.directory, 'pki');
    this.authority = options.tls === true ? ClusterAuthority.create(pki) : null;
    this.#firewalls = Array.from({ length: firewalls }, (_, i) => this.#makeFirewall(i + 1, false));
    this.witness = options.witness ? this.#makeWitness(this.#founders, options) : null;
  }

  get firewalls(): readonly Firewall[] {
    return this.#firewalls;
  }

  /** Makes one more machine, of which the others do not know yet; no daemon runs on it. */
  async addFirewall(): Promise<Firewall> {
    this.#joined += 1;
    const firewall = this.#makeFirewall(this.#founders + this.#joined, true);
    await firewall.boot();
    this.#firewalls.push(firewall);
    return firewall;
  }

  /** Makes the machines and wires; no daemon runs yet. */
  static async create(options: ClusterOptions = {}): Promise<Cluster> {
    const namespaces = new NamespaceSet();
    const directory = mkdtempSync(join(DIRECTORY, 'raftwall-lab-'));
    try {
      const topology = await Topology.create(namespaces);
      const cluster = new Cluster({ namespaces, topology, directory }, options);
      await Promise.all(cluster.firewalls.map((firewall) => firewall.boot()));
      await cluster.witness?.boot();
      return cluster;
    } catch (error) {
      namespaces.remove();
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** The firewall of that name. @throws {LabError} If there is none. */
  firewall(id: string): Firewall {
    const found = this.firewalls.find((firewall) => firewall.id === id);
    if (found === undefined) throw new LabError('LAB_PROCESS_ENDED', `no firewall ${id}`);
    return found;
  }

  /** Those with power. */
  get powered(): Firewall[] {
    return this.firewalls.filter((firewall) => firewall.powered);
  }

  /** The one with the left virtual address, or null. */
  get holder(): Firewall | null {
    return this.powered.find((firewall) => firewall.holdsVirtualAddress) ?? null;
  }

  /**
   * Starts all daemons so that one firewall holds the virtual addresses and all are ready: the first one, but in `strict` the one
   * that leads.
   */
  async start(): Promise<void> {
    for (const firewall of this.firewalls) firewall.startRaftwall();
    this.witness?.start();
    if (this.#options.mode === 'strict') await this.#startStrict();
    else await this.#startFirst();
    const ready = this.#replication ? ', all members are ready' : '';
    this.timeline.note(`${this.firewalls.length} firewalls run${ready}`);
  }

  async #startFirst(): Promise<void> {
    const [first, ...others] = this.firewalls;
    first!.startKeepalived();
    await first!.keepalived.waitForState('MASTER');
    await this.waitReady();
    if (this.#options.mode === 'lead') await this.#waitCalm(first!);
    // The others only now: the first one that is ready has the higher priority and would take over.
    for (const firewall of others) firewall.startKeepalived();
    await Promise.all(others.map((firewall) => firewall.keepalived.waitForState('BACKUP')));
  }

  async #startStrict(): Promise<void> {
    await this.waitReady();
    for (const firewall of this.firewalls) firewall.startKeepalived();
    const holder = await this.waitActive();
    const others = this.firewalls.filter((firewall) => firewall !== holder);
    await Promise.all(others.map((firewall) => firewall.keepalived.waitForState('FAULT')));
  }

  /** Waits until it leads and says so to VRRP. */
  async #waitCalm(firewall: Firewall): Promise<void> {
    await waitFor(
      `${firewall.id} leads calmly`,
      async () => ((await firewall.raftwall.status()).vrrp?.trackFileValue === 2 ? true : null),
      { timeoutMs: TAKEOVER_MS },
    );
  }

  /** Waits until raftwalld is ready on all firewalls that have power. */
  async waitReady(timeoutSeconds = READY_SECONDS): Promise<void> {
    if (!this.#replication) return;
    await Promise.all(this.powered.map((firewall) => firewall.raftwall.waitReady(timeoutSeconds)));
  }

  /** Waits until another firewall than `loser` holds the virtual addresses. With equal priorities
   * two may for a moment, so who it is in the end, {@link holder} says later. */
  async waitTakeover(loser: Firewall): Promise<void> {
    await waitFor(
      `another firewall than ${loser.id} holds the virtual addresses`,
      () => (this.powered.some((one) => one !== loser && one.holdsVirtualAddress) ? true : null),
      { timeoutMs: TAKEOVER_MS, intervalMs: 10 },
    );
  }

  /** The status of all members with power, by their names; those that do not answer are left out. */
  async statuses(): Promise<Map<string, StatusView>> {
    const answers = await Promise.allSettled(
      this.powered.map((firewall) => firewall.raftwall.status()),
    );
    const found = answers.flatMap((answer) =>
      answer.status === 'fulfilled' ? [answer.value] : [],
    );
    return new Map(found.map((status) => [status.node, status]));
  }

  /** Waits until one firewall alone holds the virtual addresses and is the active node in the eyes
   * of every member with power. @returns it */
  waitActive(timeoutMs = TAKEOVER_MS): Promise<Firewall> {
    return waitFor(
      'the holder of the virtual addresses is the active node',
      async () => {
        const all = await this.statuses();
        const holders = this.powered.filter((firewall) => firewall.holdsVirtualAddress);
        const [holder] = holders;
        if (holder === undefined || holders.length > 1 || all.size !== this.powered.length)
          return null;
        return [...all.values()].every((status) => status.active === holder.id) ? holder : null;
      },
      { timeoutMs },
    );
  }

  /** Packets that rule 5 has logged, over all firewalls with power. */
  async invalidPackets(): Promise<number> {
    const all = await Promise.all(this.powered.map((firewall) => firewall.invalidCounters()));
    return all.reduce((sum, counters) => sum + counters.forward, 0);
  }

  /** Has something undone when the cluster is removed. */
  onRemove(undo: () => void): void {
    this.#undo.push(undo);
  }

  /** Ends everything. `keep` leaves the directory with the logs. */
  remove({ keep = false }: { keep?: boolean } = {}): void {
    this.#namespaces.remove();
    for (const undo of this.#undo.splice(0)) undo();
    if (!keep) rmSync(this.directory, { recursive: true, force: true });
  }

  #makeWitness(members: number, { rules, twoPairs = false }: ClusterOptions): Witness {
    const directory = join(this.directory, `fw${members}`);
    const ipv6 = rules?.ipv6 ?? false;
    return new Witness({ index: members, members, directory, ipv6, twoPairs }, this.topology);
  }

  #makeFirewall(index: number, isJoining: boolean): Firewall {
    const options = this.#options;
    const firewall = new Firewall(
      {
        ...{ index, members: this.#founders, join: isJoining },
        mode: options.mode ?? 'follow',
        tls: this.authority?.issue(`fw${index}`) ?? null,
        environment: options.environment ?? (() => ({})),
        directory: join(this.directory, `fw${index}`),
        rules: options.rules ?? {},
        twoPairs: options.twoPairs ?? false,
        capture: options.capture ?? {},
        kernel: options.kernel?.(index) ?? {},
        sysctls: options.sysctls ?? {},
        node: options.node ?? {},
        replication: this.#replication,
      },
      this.topology,
    );
    firewall.on('virtualAddress', (present) => this.timeline.virtualAddress(firewall.id, present));
    return firewall;
  }
}
