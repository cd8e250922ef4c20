import { readFileSync } from 'node:fs';

/**
 * Name of the program behind a netlink port id. The first socket of a process has its pid as port id, which is what tools
 * like `conntrack` use; of others, and of programs that have ended, nothing is known.
 *
 * @returns The name as `ps` shows it, or null.
 */
export function programOf(portId: number): string | null {
  try {
    return readFileSync(`/proc/${portId}/comm`, 'utf8').trim();
  } catch {
    return null;
  }
}
