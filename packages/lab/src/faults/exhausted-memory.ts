import { run } from '../command.ts';
import type { Fault } from './fault.ts';

/** raftwalld gets no more memory and dies of it. The limit is that of the process (RLIMIT_DATA and RLIMIT_AS): a
 * control group would need one that this machine delegates. */
export const exhaustedMemory: Fault = {
  name: 'exhausted-memory',
  title: 'raftwalld gets no more memory (RLIMIT_AS), dies, and is started again',
  async inject({ victim }) {
    await run('prlimit', ['--pid', String(victim.raftwall.pid), '--as=1', '--data=1']);
    return async () => {
      await victim.raftwall.ended();
      victim.startRaftwall();
    };
  },
};
