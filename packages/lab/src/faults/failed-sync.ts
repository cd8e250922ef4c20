import type { Fault } from './fault.ts';
import { breakableCluster, breakInside } from './injected-faults-file.ts';
import { waitForStorageExit } from './storage-exit.ts';

/** The disk refuses to sync the log. */
export const failedSync: Fault = {
  name: 'failed-sync',
  title:
    'fdatasync of the log fails (EIO); the disk is replaced by itself and raftwalld started again',
  cluster: breakableCluster,
  async inject({ victim }) {
    const effect = { kind: 'error', code: 'EIO' };
    const restore = breakInside(victim, {
      storage: [{ call: 'dataSync', path: '/log/', isLasting: true, effect }],
    });
    return async () => {
      await waitForStorageExit(victim);
      restore();
      victim.startRaftwall();
    };
  },
};
