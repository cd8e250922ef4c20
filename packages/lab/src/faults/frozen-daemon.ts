import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './fault.ts';

/** Longer than any election timeout and than readiness lasts without a quorum. */
const FROZEN_MS = 5000;

/** raftwalld stands still for five seconds while the kernel forwards and keepalived speaks. */
export const frozenDaemon: Fault = {
  name: 'frozen-daemon',
  title: 'raftwalld is frozen for 5 s (SIGSTOP)',
  async inject({ victim }) {
    victim.raftwall.signal('SIGSTOP');
    return async () => {
      await sleep(FROZEN_MS);
      victim.raftwall.signal('SIGCONT');
    };
  },
};
