import { LatencyHistogram, type LatencySummary } from './latency.ts';

/** A load that comes at its own pace, whatever the answers do. */
export interface Paced {
  readonly operationsPerSecond: number;
  /** Operations that have come in this time leave as one request. */
  readonly windowMs: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
}

/**
 * Runs `request` once a window. Latency counts from the moment at which the window should have ended: a generator that is held up
 * does not hide the delay.
 */
export async function runPaced(
  load: Paced,
  request: (operations: number) => Promise<void>,
): Promise<LatencySummary> {
  const latency = new LatencyHistogram();
  const startMs = performance.now();
  const endMs = startMs + load.warmUpMs + load.measuredMs;
  const operations = Math.round((load.operationsPerSecond * load.windowMs) / 1000);
  const answers: Promise<void>[] = [];
  for (let dueMs = startMs + load.windowMs; dueMs < endMs; dueMs += load.windowMs) {
    await until(dueMs);
    const isMeasured = dueMs >= startMs + load.warmUpMs;
    const answer = request(operations).then(() => {
      if (isMeasured) latency.add(performance.now() - dueMs);
    });
    answers.push(answer);
  }
  await Promise.all(answers);
  return latency.summary();
}

/** Turns of the loop until then: timers are a millisecond too coarse. */
async function until(dueMs: number): Promise<void> {
  while (performance.now() < dueMs) await new Promise((resolve) => setImmediate(resolve));
}
