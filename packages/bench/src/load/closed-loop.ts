import { LatencyHistogram, type LatencySummary } from './latency.ts';

/** A load that always has the same number of requests on their way. */
export interface ClosedLoop {
  readonly inFlight: number;
  /** Operations in one request. */
  readonly operationsPerRequest: number;
  readonly warmUpMs: number;
  readonly measuredMs: number;
}

/** What a load brought about. */
export interface LoadResult {
  readonly operationsPerSecond: number;
  readonly operations: number;
  /** Request to answer. */
  readonly latency: LatencySummary;
}

/**
 * Runs `request` from `inFlight` clients, one after the other in each. What is answered after the warm-up and before the end is
 * counted.
 *
 * @param onMeasured Called when the warm-up is over, and when the measured time is.
 */
export async function runClosedLoop(
  load: ClosedLoop,
  request: (client: number) => Promise<void>,
  onMeasured: (edge: 'begin' | 'end') => void = () => undefined,
): Promise<LoadResult> {
  const latency = new LatencyHistogram();
  const beginMs = performance.now() + load.warmUpMs;
  const endMs = beginMs + load.measuredMs;
  const edges = [
    setTimeout(() => onMeasured('begin'), load.warmUpMs),
    setTimeout(() => onMeasured('end'), load.warmUpMs + load.measuredMs),
  ];
  let requests = 0;
  const client = async (number: number): Promise<void> => {
    for (let startMs = performance.now(); startMs < endMs; ) {
      await request(number);
      const nowMs = performance.now();
      if (nowMs >= beginMs && nowMs < endMs) {
        requests += 1;
        latency.add(nowMs - startMs);
      }
      startMs = nowMs;
    }
  };
  try {
    await Promise.all(Array.from({ length: load.inFlight }, (_, number) => client(number)));
  } finally {
    for (const edge of edges) clearTimeout(edge);
  }
  const operations = requests * load.operationsPerRequest;
  return {
    operations,
    operationsPerSecond: (1000 * operations) / load.measuredMs,
    latency: latency.summary(),
  };
}
