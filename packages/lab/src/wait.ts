import { setTimeout as sleep } from 'node:timers/promises';
import { TimedOutError } from './errors.ts';

/** How long to wait for a condition, and how often to look. */
export interface WaitOptions {
  readonly timeoutMs: number;
  /** Default 50. */
  readonly intervalMs?: number;
}

/**
 * Looks until `probe` gives something else than null. For conditions of other processes, which
 * nothing can announce to this one.
 * @throws {TimedOutError} If it has not in time; an error of the last probe is named in it.
 */
export async function waitFor<T>(
  what: string,
  probe: () => Promise<T | null> | T | null,
  options: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  let found = 'no';
  do {
    try {
      const value = await probe();
      if (value !== null) return value;
      found = 'no';
    } catch (error) {
      found = String(error);
    }
    await sleep(options.intervalMs ?? 50);
  } while (performance.now() < deadline);
  throw new TimedOutError(what, options.timeoutMs, found);
}
