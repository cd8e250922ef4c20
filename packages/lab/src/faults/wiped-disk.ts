import { rmSync } from 'node:fs';
import type { Fault } from './fault.ts';
import { readmit } from './readmission.ts';

/** Its data directory is lost: it is refused as a stranger until a person removes it and adds it anew. */
export const wipedDisk: Fault = {
  name: 'wiped-disk',
  title: 'loses its data directory; it is removed and added again by hand',
  async inject({ cluster, victim }) {
    await victim.killDaemon();
    rmSync(victim.dataDirectory, { recursive: true, force: true });
    victim.startRaftwall();
    return () => readmit(cluster, victim);
  },
};
