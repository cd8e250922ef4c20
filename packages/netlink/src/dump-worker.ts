import { parentPort, workerData } from 'node:worker_threads';
import type { ReadingThreadData } from './datagram-reader.ts';
import { DatagramRing } from './datagram-ring.ts';
import { checked, libc } from './libc.ts';
import { MESSAGE_HEADER_BYTES, NLMSG_DONE, NLMSG_ERROR } from './netlink-protocol.ts';
import { receiveInto } from './receive-loop.ts';

/** What a dump worker is started with. */
export interface DumpWorkerData extends ReadingThreadData {
  /** The request: its length in the first four bytes, the message from byte 8 on. */
  readonly request: SharedArrayBuffer;
}

const data = workerData as DumpWorkerData;
const ring = new DatagramRing(data.ring);
const length = new Int32Array(data.request, 0, 1);
const message = new Uint8Array(data.request, 8);
const wake = (): void => parentPort?.postMessage(null);

function dump(): void {
  checked('send', libc.send(data.fd, message, length[0] ?? 0, 0));
  let done = false;
  while (!done && !ring.stopped) {
    const count = receiveInto(data.fd, ring, wake);
    if (count === 0) continue;
    for (let index = 0; index < count; index++) done = endsDump(index) || done;
    if (ring.publish(count)) wake();
  }
}

/** Whether a received datagram has the message that ends a dump. */
function endsDump(index: number): boolean {
  let at = ring.receivedOffset(index);
  const end = at + ring.receivedLength(index);
  while (end - at >= MESSAGE_HEADER_BYTES) {
    const bytes = ring.view.getUint32(at, true);
    const type = ring.view.getUint16(at + 4, true);
    if (type === NLMSG_DONE || type === NLMSG_ERROR) return true;
    if (bytes < MESSAGE_HEADER_BYTES) return false;
    at += (bytes + 3) & ~3;
  }
  return false;
}

ring.prepareWriter();
for (let seen = 0; ; ) {
  seen = ring.waitForRequest(seen);
  if (ring.stopped) break;
  dump();
}
