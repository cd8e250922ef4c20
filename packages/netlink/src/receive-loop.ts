import { constants } from 'node:os';
import type { DatagramRing } from './datagram-ring.ts';
import { NetlinkError } from './errors.ts';
import { lastErrno, libc } from './libc.ts';

const MSG_WAITFORONE = 0x10000;
/** Most datagrams of one system call. */
const RECEIVE_MAX = 1024;
const WAIT_MS = 100;

/** Errors of recvmmsg that are no failure: nothing in time, a signal, lost events. */
const { EAGAIN, EINTR, ENOBUFS } = constants.errno;

/**
 * Receives once into the ring: waits for the first datagram up to the socket's receive timeout, takes what else is there.
 * The datagrams are not published yet.
 *
 * @param wake Called when the reader sleeps and has to be told of an overrun.
 * @returns How many there are; 0 after a timeout, an overrun, or while the ring is full.
 * @throws {NetlinkError} If receiving fails for good.
 */
export function receiveInto(fd: number, ring: DatagramRing, wake: () => void): number {
  const room = ring.writableSlots();
  if (room === 0) {
    ring.waitForRoom(WAIT_MS);
    return 0;
  }
  const count = libc.recvmmsg(
    fd,
    ring.writeAddress(),
    Math.min(room, RECEIVE_MAX),
    MSG_WAITFORONE,
    0,
  );
  if (count >= 0) return count;
  const errno = lastErrno();
  if (errno === ENOBUFS) {
    if (ring.reportOverrun()) wake();
  } else if (errno !== EAGAIN && errno !== EINTR) {
    throw new NetlinkError('recvmmsg', errno);
  }
  return 0;
}
