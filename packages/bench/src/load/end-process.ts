import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

const graceMs = 10_000;

/** SIGTERM, and SIGKILL when that is not heard. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await ended;
  clearTimeout(timer);
}
