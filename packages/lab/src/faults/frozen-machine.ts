import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

const FROZEN_MS = 5000;

/** The whole machine stands still, as a virtual one that is moved: it forwards nothing, and wakes where it stopped. */
export const frozenMachine: Fault = {
  name: 'frozen-machine',
  title: 'the machine is frozen for 5 s: nothing runs and nothing is forwarded',
  async inject({ cluster: { topology }, victim }) {
    const pids = await victim.namespace.pids();
    const signalAll = (name: NodeJS.Signals): void => {
      for (const pid of pids) process.kill(pid, name);
    };
    await topology.setLinks(victim.index, 'down');
    signalAll('SIGSTOP');
    return async () => {
      await sleep(FROZEN_MS);
      await topology.setLinks(victim.index, 'up');
      signalAll('SIGCONT');
    };
  },
};
