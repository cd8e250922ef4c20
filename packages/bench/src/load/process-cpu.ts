import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Microseconds of CPU that a process and its threads have used, user and system (proc_pid_stat(5), fields 14 and 15). */
function cpuUsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1e6) / ticksPerSecond;
}

/** The same of several processes together. */
export function cpuUsOfAll(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuUsOf(pid), 0);
}
