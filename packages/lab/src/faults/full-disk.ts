import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run, runQuietly } from '../command.ts';
import type { Firewall } from '../firewall.ts';
import type { Fault } from './fault.ts';
import { waitForStorageExit } from './storage-exit.ts';

const DISK_MEBIBYTES = 48;
const BLOCK = Buffer.alloc(1 << 16);

/** The disk of the data directory is full; somebody makes room and starts raftwalld again. */
export const fullDisk: Fault = {
  name: 'full-disk',
  title: 'the disk is full; room is made and raftwalld started again',
  cluster: { node: { raftLog: { segmentBytes: 1 << 20 } } },
  async prepare(cluster) {
    for (const { dataDirectory } of cluster.firewalls) {
      mkdirSync(dataDirectory, { recursive: true });
      const size = `size=${DISK_MEBIBYTES}m`;
      await run('mount', ['-t', 'tmpfs', '-o', size, 'raftwall-lab', dataDirectory]);
      cluster.onRemove(() => runQuietly('umount', ['--lazy', dataDirectory]));
    }
  },
  async inject({ victim }) {
    const ballast = fillDisk(victim);
    return async () => {
      await waitForStorageExit(victim);
      rmSync(ballast);
      victim.startRaftwall();
    };
  },
};

/** @returns the file that takes all room */
function fillDisk({ dataDirectory }: Firewall): string {
  const ballast = join(dataDirectory, 'ballast');
  for (;;) {
    try {
      appendFileSync(ballast, BLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return ballast;
      throw error;
    }
  }
}
