import type { ClusterState } from './cluster-state.ts';
import { CommandKind, encodeCommand } from './command.ts';
import { countBy, type ReplicatorCounters } from './metrics.ts';
import type { AddressSource, Consensus } from './ports.ts';

export interface AnnouncerOptions {
  readonly node: string;
  readonly kernelIncarnation: string;
  readonly virtualAddresses: readonly string[];
}

export interface AnnouncerDependencies {
  readonly consensus: Consensus;
  readonly state: ClusterState;
  readonly addresses: AddressSource;
  readonly counters: ReplicatorCounters;
  readonly isReady: () => boolean;
}

/**
 * Commits what the others must know of this node: its own addresses (rule K1), whether it is ready, its kernel's
 * incarnation, and that this kernel is level (rule K9). It compares what is committed with what is so, again and
 * again: nothing depends on one proposal.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #dependencies: AnnouncerDependencies;
  readonly #running = new Set<string>();
  /** A roll call is not answered yet. */
  #isAsked = false;

  constructor(options: AnnouncerOptions, dependencies: AnnouncerDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
  }

  /** Looks once. */
  check(): void {
    this.#announce();
  }

  /** This node's kernel is to be named anew (rule K9). */
  onRollCall(): void {
    this.#isAsked = true;
    this.#announce();
  }

  /** Runs the action unless the last one of that name still runs; a failure is left to the next look. */
  once(name: string, action: () => Promise<void>): void {
    if (this.#running.has(name)) return;
    this.#running.add(name);
    void action()
      .catch(() => countBy(this.#dependencies.counters.retries, name))
      .finally(() => this.#running.delete(name));
  }

  #announce(): void {
    const { state, addresses, consensus, isReady } = this.#dependencies;
    const { node, kernelIncarnation } = this.#options;
    if (!consensus.status().quorum) return;
    const known = state.member(node);
    const own = this.#ownAddresses(addresses.current());
    const ready = isReady();
    const isNew =
      known?.kernelIncarnation !== kernelIncarnation ||
      known.ready !== ready ||
      !sameTexts(known.addresses, own);
    if (isNew || this.#isAsked) {
      this.once('member', async () => {
        this.#isAsked = false;
        const kind = CommandKind.member;
        const command = encodeCommand({ kind, node, addresses: own, kernelIncarnation, ready });
        await consensus.propose(command).catch((error) => {
          this.#isAsked = true;
          throw error;
        });
      });
    } else if (!known.level && ready) {
      this.#propose('level', { kind: CommandKind.level, node, kernelIncarnation });
    }
  }

  /** Virtual addresses are nobody's own. */
  #ownAddresses(addresses: readonly string[]): readonly string[] {
    const virtual = new Set(this.#options.virtualAddresses);
    return addresses.filter((address) => !virtual.has(address)).sort();
  }

  #propose(name: string, command: Parameters<typeof encodeCommand>[0]): void {
    this.once(name, async () => {
      await this.#dependencies.consensus.propose(encodeCommand(command));
    });
  }
}

function sameTexts(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((text, i) => text === right[i]);
}
