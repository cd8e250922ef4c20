import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../errors.ts';
import type { Firewall } from '../firewall.ts';
import { waitFor } from '../wait.ts';
import type { Fault } from './fault.ts';

const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1';
const NAME = 'clock';
const APART_MS = 3000;
const SEEN_MS = 10_000;

/** Wall time jumps; the monotonic clock does not, as on a real machine. By libfaketime. */
export const jumpedClock: Fault = {
  name: 'jumped-clock',
  title: 'its clock jumps a day ahead, and 3 s later an hour behind the truth',
  cluster: {
    environment: (directory) => ({
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: join(directory, NAME),
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_NO_CACHE: '1',
    }),
  },
  async prepare(cluster) {
    if (!existsSync(LIBRARY)) throw new LabError('LAB_COMMAND_FAILED', `${LIBRARY} is missing`);
    for (const { directory } of cluster.firewalls) {
      mkdirSync(directory, { recursive: true });
      writeFileSync(join(directory, NAME), '+0\n');
    }
  },
  async inject({ victim }) {
    const set = (offset: string): void => writeFileSync(join(victim.directory, NAME), offset);
    set('+86400\n');
    await waitFor('its log is a day ahead', () => (isAhead(victim) ? true : null), {
      timeoutMs: SEEN_MS,
    });
    return async () => {
      await sleep(APART_MS);
      set('-3600\n');
    };
  },
};

/** Whether the daemon has written a line that is dated at least half a day from now. */
function isAhead({ directory }: Firewall): boolean {
  const log = readFileSync(join(directory, 'run', 'raftwalld.log'), 'utf8');
  const times = [...log.matchAll(/"time":"([^"]+)"/g)].map(([, time]) => Date.parse(time ?? ''));
  return Math.max(...times) > Date.now() + 43_200_000;
}
