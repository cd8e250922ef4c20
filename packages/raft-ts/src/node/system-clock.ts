import type { Clock } from '../ports.ts';

/** The process's own monotonic time and turns of the event loop. */
export class SystemClock implements Clock {
  /** `performance.now()`. */
  nowMs(): number {
    return performance.now();
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  }

  defer(callback: () => void): void {
    setImmediate(callback);
  }
}
