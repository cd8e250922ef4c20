import type { Fault } from './fault.ts';

/** raftwalld crashes, and the service manager starts it again. */
export const killedDaemon: Fault = {
  name: 'killed-daemon',
  title: 'raftwalld is killed (SIGKILL) and started again',
  async inject({ victim }) {
    await victim.killDaemon();
    return async () => victim.startRaftwall();
  },
};
