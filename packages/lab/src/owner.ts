import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Who owns which prefix, so that leftovers of a run that died can be told from those of a living one. */
const OWNERS = '/run/raftwall-lab';
const PREFIX = /^rw[0-9a-f]{4}-$/;

/** Names this process as the owner of `prefix`. */
export function claimPrefix(prefix: string): void {
  mkdirSync(OWNERS, { recursive: true });
  writeFileSync(join(OWNERS, prefix), `${process.pid} ${startTime(process.pid)}\n`);
}

/** Gives `prefix` up. */
export function releasePrefix(prefix: string): void {
  rmSync(join(OWNERS, prefix), { force: true });
}

/** @returns the prefixes whose owner is gone */
export function orphanedPrefixes(): string[] {
  try {
    return readdirSync(OWNERS).filter((prefix) => PREFIX.test(prefix) && !ownerLives(prefix));
  } catch {
    return [];
  }
}

function ownerLives(prefix: string): boolean {
  const [pid, started] = readFileSync(join(OWNERS, prefix), 'utf8').trim().split(' ');
  return startTime(Number(pid)) === started;
}

/** A pid may be used again, so its start time goes with it.
 * @returns field 22 of /proc/PID/stat, or null if there is no such process */
function startTime(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
