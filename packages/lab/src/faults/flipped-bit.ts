import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../errors.ts';
import type { Firewall } from '../firewall.ts';
import type { Fault } from './fault.ts';
import { readmit } from './readmission.ts';
import { waitForStorageExit } from './storage-exit.ts';

/** A bit of the log turns while the daemon is down: it must not start on that (rule L3). */
export const flippedBit: Fault = {
  name: 'flipped-bit',
  title: 'a bit of its log is flipped; it refuses to start, is removed and added again by hand',
  async inject({ cluster, victim }) {
    await victim.killDaemon();
    flipBit(victim);
    victim.startRaftwall();
    return async () => {
      await waitForStorageExit(victim);
      await readmit(cluster, victim);
    };
  },
};

/** Where entries surely are: behind the header of the first segment, far before the last group. */
const AT_BYTES = 1000;

function flipBit({ dataDirectory }: Firewall): void {
  const directory = join(dataDirectory, 'log');
  const [first] = readdirSync(directory)
    .filter((name) => name.endsWith('.segment'))
    .sort();
  if (first === undefined) throw new LabError('LAB_COMMAND_FAILED', `no segment in ${directory}`);
  const bytes = readFileSync(join(directory, first));
  bytes[AT_BYTES]! ^= 1;
  writeFileSync(join(directory, first), bytes);
}
