import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterOptions } from '../cluster.ts';
import type { Firewall } from '../firewall.ts';

const NAME = 'faults.json';

/** A cluster whose daemons can be broken from inside (`docs/internals/faults.md`). */
export const breakableCluster: ClusterOptions = {
  environment: (directory) => ({ RAFTWALL_FAULTS: join(directory, NAME) }),
};

/** Breaks a raftwalld from inside. @returns makes it sound again */
export function breakInside(victim: Firewall, plan: object): () => void {
  const file = join(victim.directory, NAME);
  writeFileSync(file, JSON.stringify(plan));
  return () => rmSync(file);
}
