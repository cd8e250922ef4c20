import { EventEmitter } from 'node:events';
import { join } from 'node:path';
import { plan } from './address-plan.ts';
import { AddressWatch } from './address-watch.ts';
import type { TlsFiles } from './cluster-authority.ts';
import { KeepalivedDaemon } from './keepalived-daemon.ts';
import { killNow, type Namespace } from './namespace.ts';
import { RaftwallDaemon, type VrrpMode } from './raftwall-daemon.ts';
import {
  applyRuleset,
  type InvalidCounters,
  type RulesetOptions,
  readInvalidCounters,
} from './ruleset.ts';
import type { Topology } from './topology.ts';

/** How a firewall of the lab is set up. */
export interface FirewallOptions {
  /** From 1; its name is `fw` and this number. */
  readonly index: number;
  /** Number of founding members. */
  readonly members: number;
  /** It has no say before the others have added it. */
  readonly join: boolean;
  readonly mode: VrrpMode;
  /** null: the members trust their link. */
  readonly tls: TlsFiles | null;
  /** What its raftwalld finds in its environment, by its directory. */
  readonly environment: (directory: string) => Readonly<Record<string, string>>;
  /** Its run, state and data directories are made below. */
  readonly directory: string;
  readonly rules: RulesetOptions;
  /** A second pair of virtual addresses. */
  readonly twoPairs: boolean;
  /** Section `capture` of raftwalld's configuration. */
  readonly capture: object;
  /** The same of `kernel`. */
  readonly kernel: object;
  /** Settings of its kernel, names written with dots. */
  readonly sysctls: Readonly<Record<string, number>>;
  /** More of its section `node`. */
  readonly node: object;
  /** Without it the firewall keeps its flows to itself. */
  readonly replication: boolean;
}

/** Events of {@link Firewall}. */
export interface FirewallEvents {
  /** The left virtual address came or went. */
  virtualAddress: [present: boolean];
}

/** One firewall: a machine with the rules of the test case, keepalived and raftwalld. */
export class Firewall extends EventEmitter<FirewallEvents> {
  readonly id: string;
  /** From 1. */
  readonly index: number;
  /** Where all that it writes is. */
  readonly directory: string;
  readonly keepalived: KeepalivedDaemon;
  readonly raftwall: RaftwallDaemon;
  readonly #options: FirewallOptions;
  readonly #topology: Topology;
  #namespace: Namespace | null = null;
  #watch: AddressWatch | null = null;
  #powered = false;

  constructor(options: FirewallOptions, topology: Topology) {
    super();
    this.id = `fw${options.index}`;
    this.index = options.index;
    this.directory = options.directory;
    this.#options = options;
    this.#topology = topology;
    const { index, members, join: isJoining, mode, tls } = options;
    const runDirectory = join(options.directory, 'run');
    const stateDirectory = join(options.directory, 'keepalived');
    const { dataDirectory } = this;
    const ipv6 = options.rules.ipv6 ?? false;
    const { twoPairs } = options;
    this.keepalived = new KeepalivedDaemon({
      ...{ runDirectory, stateDirectory, ipv6, mode },
      priority: mode === 'strict' ? 254 - index : 100,
      // The second pair's place is the second firewall, when that is ready.
      secondPriority: twoPairs ? (index === 2 ? 110 : 100) : null,
    });
    this.raftwall = new RaftwallDaemon({
      ...{ index, members, ipv6, twoPairs, capture: options.capture, kernel: options.kernel },
      ...{ node: options.node, witness: false, join: isJoining, mode, tls },
      environment: options.environment(options.directory),
      ...{ runDirectory, dataDirectory, stateDirectory },
    });
  }

  /** Whether it has power; one without is not to be asked for anything. */
  get powered(): boolean {
    return this.#powered;
  }

  get holdsVirtualAddress(): boolean {
    return this.#watch?.present ?? false;
  }

  /** @throws {Error} If the machine was never made. */
  get namespace(): Namespace {
    if (this.#namespace === null) throw new Error(`${this.id} has no machine yet`);
    return this.#namespace;
  }

  /** Makes the machine with its wires and rules; no daemon runs yet. */
  async boot(): Promise<void> {
    this.#namespace = await this.#topology.addFirewall(this.#options.index);
    await applyRuleset(this.#namespace, this.#options.rules);
    await this.#namespace.sysctl(this.#options.sysctls);
    this.#powered = true;
    this.#startWatch();
  }

  /** Where raftwalld keeps what must outlive it. */
  get dataDirectory(): string {
    return join(this.directory, 'data');
  }

  /** @param asJoining as a member that the others have added; by default as it is set up */
  startRaftwall(asJoining?: boolean): void {
    if (this.#options.replication) this.raftwall.start(this.namespace, asJoining);
  }

  startKeepalived(priority?: number): void {
    this.keepalived.start(this.namespace, priority);
  }

  /**
   * As when the plug is pulled: first all wires, in one go, then every process at once. Nothing says
   * goodbye, nothing is written, the addresses are not given up.
   */
  async powerLoss(): Promise<void> {
    const pids = await this.namespace.pids();
    await this.#topology.setLinks(this.#options.index, 'down');
    killNow(pids);
    killNow(await this.namespace.pids());
    this.#powered = false;
    this.#watch?.close();
  }

  /**
   * Brings it back. After a reboot (`emptyKernel`, the default) the machine is new and only the
   * disk is what it was; else the kernel has kept its flows, as after a cut wire and killed daemons.
   */
  async powerOn({ emptyKernel = true }: { emptyKernel?: boolean } = {}): Promise<void> {
    const { index } = this.#options;
    if (emptyKernel) {
      await this.#topology.removeFirewall(index, this.namespace);
      await this.boot();
      return;
    }
    await this.#dropVirtualAddresses();
    await this.#topology.setLinks(index, 'up');
    this.#powered = true;
    this.#startWatch();
  }

  /** Brings the rules in anew, as after a flush. */
  async reloadRuleset(): Promise<void> {
    await applyRuleset(this.namespace, this.#options.rules);
  }

  /** SIGKILL to raftwalld alone. */
  killDaemon(): Promise<void> {
    return this.raftwall.kill();
  }

  /** SIGTERM to raftwalld. @returns its exit code */
  stopDaemon(): Promise<number | null> {
    return this.raftwall.stop();
  }

  /** Packets that the rules which log INVALID have seen since the boot. */
  invalidCounters(): Promise<InvalidCounters> {
    return readInvalidCounters(this.namespace);
  }

  /** Number of flows in its kernel. */
  async kernelFlowCount(): Promise<number> {
    return Number((await this.namespace.exec('conntrack', ['-C'])).trim());
  }

  #startWatch(): void {
    this.#watch = new AddressWatch(this.namespace, plan.virtualLeft, (present) =>
      this.emit('virtualAddress', present),
    );
  }

  /** A killed keepalived leaves them, and two nodes would answer for them. */
  async #dropVirtualAddresses(): Promise<void> {
    const lines = [
      `address del ${plan.virtualLeft}/24 dev eth1`,
      `address del ${plan.virtualRight}/24 dev eth0`,
      `address del ${plan.virtualLeft6}/64 dev eth1`,
      `address del ${plan.virtualRight6}/64 dev eth0`,
    ];
    for (const line of lines) await this.namespace.ip([line]).catch(() => undefined);
  }
}
