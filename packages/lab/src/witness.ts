import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Namespace } from './namespace.ts';
import { RaftwallDaemon } from './raftwall-daemon.ts';
import type { Topology } from './topology.ts';

/** How the witness of the lab is set up. */
export interface WitnessOptions {
  /** Its number among the members, the last. */
  readonly index: number;
  readonly members: number;
  readonly directory: string;
  readonly ipv6: boolean;
  readonly twoPairs: boolean;
}

/** A machine that only has a wire to the other members, and a raftwalld without any capability (rule V10). */
export class Witness {
  readonly raftwall: RaftwallDaemon;
  readonly #index: number;
  readonly #topology: Topology;
  #namespace: Namespace | null = null;

  constructor(options: WitnessOptions, topology: Topology) {
    this.#index = options.index;
    this.#topology = topology;
    this.raftwall = new RaftwallDaemon({
      ...options,
      witness: true,
      runDirectory: join(options.directory, 'run'),
      stateDirectory: join(options.directory, 'keepalived'),
      dataDirectory: join(options.directory, 'data'),
      ...{ capture: {}, kernel: {}, node: {}, environment: {} },
      ...{ join: false, mode: 'follow', tls: null },
    });
  }

  async boot(): Promise<void> {
    this.#namespace = await this.#topology.addWitness(this.#index);
  }

  start(): void {
    if (this.#namespace === null) throw new Error('the witness has no machine yet');
    this.raftwall.start(this.#namespace);
  }
}

/** Netlink sockets of the processes in the namespace of `pid` (those of the kernel have no port id). */
export function netlinkSockets(pid: number): number {
  const [, ...lines] = readFileSync(`/proc/${pid}/net/netlink`, 'latin1').trim().split('\n');
  return lines.filter((line) => line.trim().split(/\s+/)[2] !== '0').length;
}

/** What a process may do beyond others, as a mask of bits (CapEff of proc(5)). */
export function capabilities(pid: number): bigint {
  const text = readFileSync(`/proc/${pid}/status`, 'latin1');
  return BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(text)?.[1] ?? ''}`);
}
