import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../src/testing/random.ts';
import type { KvCluster } from './kv-cluster.ts';
import type { KvWorkload } from './kv-workload.ts';
import type { NetworkFault, ProcessFault, Step, Victims } from './schedule.ts';

/** With all members up and a whole network something must be answered in this time, on a busy machine too. */
const recoveryMsMax = 60_000;
/** While something is broken, no progress is a right answer. */
const brokenMsMax = 1500;

/** Carries a schedule out, step by step, while clients work. */
export class Nemesis {
  kills = 0;
  readonly #cluster: KvCluster;
  readonly #workload: KvWorkload;
  readonly #random: Random;

  constructor(cluster: KvCluster, workload: KvWorkload, random: Random) {
    this.#cluster = cluster;
    this.#workload = workload;
    this.#random = random;
  }

  /** @throws {Error} If a member does not start again, or the group does not serve when all is well again. */
  async run(step: Step): Promise<void> {
    const { network } = this.#cluster;
    if (step.network !== null) this.#breakNetwork(step.network);
    await this.#workload.answered(step.operations, brokenMsMax);
    await this.#strike(step.process);
    if (step.network !== null) await this.#workload.answered(step.operations, brokenMsMax);
    network.heal();
    if (await this.#workload.answered(1, recoveryMsMax)) return;
    throw new Error(`nothing is answered after ${JSON.stringify(step)}`);
  }

  #breakNetwork(fault: NetworkFault): void {
    const { network } = this.#cluster;
    if (fault.kind === 'delay') network.delay(fault.delayMsMax, this.#random);
    else if (fault.kind === 'cut') network.cut(fault.some, fault.others);
    else network.block(fault.some, fault.others);
  }

  async #strike(fault: ProcessFault): Promise<void> {
    const victims = await this.#victims(fault.victims);
    if (fault.kind === 'pause') {
      for (const id of victims) this.#cluster.pause(id);
      await sleep(fault.forMs);
      for (const id of victims) this.#cluster.resume(id);
      return;
    }
    await this.#kill(victims);
    if (fault.operationsWhileDown > 0) {
      await this.#workload.answered(fault.operationsWhileDown, brokenMsMax);
    }
    if (fault.againMs !== null) await this.#killWhileStarting(victims, fault.againMs);
    await Promise.all(victims.map((id) => this.#cluster.startMember(id)));
  }

  async #kill(victims: readonly string[]): Promise<void> {
    await Promise.all(victims.map((id) => this.#cluster.end(id, 'SIGKILL')));
    this.kills += victims.length;
  }

  async #killWhileStarting(victims: readonly string[], afterMs: number): Promise<void> {
    const starts = victims.map((id) => this.#cluster.startMember(id));
    // A start that the signal below cuts short fails; one that fails by itself does so again in a moment.
    const started = Promise.allSettled(starts);
    await sleep(afterMs);
    await this.#kill(victims);
    await started;
  }

  async #victims(victims: Victims): Promise<readonly string[]> {
    if (victims !== 'leader') return victims;
    const { ids } = this.#cluster;
    const statuses = await Promise.all(ids.map((id) => this.#cluster.status(id)));
    const terms = ids.map((_, i) => (statuses[i]!.role === 'leader' ? statuses[i]!.term : 0));
    const newest = Math.max(...terms);
    return [newest > 0 ? ids[terms.indexOf(newest)]! : this.#random.pick(ids)];
  }
}
