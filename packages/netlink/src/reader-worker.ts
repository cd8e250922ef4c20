import { parentPort, workerData } from 'node:worker_threads';
import type { ReadingThreadData } from './datagram-reader.ts';
import { DatagramRing } from './datagram-ring.ts';
import { receiveInto } from './receive-loop.ts';

/** What a reader worker is started with. */
export interface ReaderWorkerData extends ReadingThreadData {
  readonly paceMs: number;
  readonly busyPaceMs: number;
  readonly busyEventsPerSecond: number;
}

const data = workerData as ReaderWorkerData;
const ring = new DatagramRing(data.ring);
const wake = (): void => parentPort?.postMessage(null);

/**
 * Sleeping between two receives halves the cost of an event: a wake-up costs more than the event. The first event after
 * a silence is not delayed, since the pause comes behind it.
 */
function pauseAfter(count: number, elapsedMs: number): void {
  const busy = count * 1000 > data.busyEventsPerSecond * Math.max(elapsedMs, 1);
  ring.pause(busy ? data.busyPaceMs : data.paceMs);
}

ring.prepareWriter();
let last = performance.now();
while (!ring.stopped) {
  const count = receiveInto(data.fd, ring, wake);
  if (count === 0) continue;
  if (ring.publish(count)) wake();
  const now = performance.now();
  pauseAfter(count, now - last);
  last = now;
}
