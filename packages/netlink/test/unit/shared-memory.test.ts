import { describe, expect, it } from 'vitest';
import { CommandQueue, UNANSWERED } from '../../src/command-queue.ts';
import { DatagramRing } from '../../src/datagram-ring.ts';
import { libc } from '../../src/libc.ts';
import { NETLINK_NETFILTER } from '../../src/netlink-protocol.ts';
import { NetlinkSocket } from '../../src/netlink-socket.ts';

/** Puts a datagram into the next slot, as recvmmsg does. */
function write(ring: DatagramRing, text: string): boolean {
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, receiveTimeoutMs: 1000 });
  // A message to the own port id comes back as it is: a real datagram of chosen content.
  const message = Buffer.alloc(16 + text.length);
  message.writeUInt32LE(message.length, 0);
  message.writeUInt16LE(1, 4);
  message.writeUInt16LE(5, 6);
  message.write(text, 16);
  const bytes = new Uint8Array(new ArrayBuffer(message.length));
  bytes.set(message);
  socket.send(bytes);
  const received = libc.recvmmsg(socket.fd, ring.writeAddress(), 1, 0, 0);
  socket.close();
  expect(received).toBe(1);
  return ring.publish(1);
}

describe('DatagramRing', () => {
  it('hands datagrams over in order, round and round, and never more than it has slots', () => {
    const ring = DatagramRing.allocate(4, 64);
    ring.prepareWriter();
    let written = 0;
    for (let round = 0; round < 5; round++) {
      while (ring.writableSlots() > 0) {
        write(ring, 'x'.repeat(written % 8));
        written++;
      }
      expect(ring.open(100)).toBe(Math.min(4, written - round * 4));
      let read = 0;
      while (ring.nextDatagram()) {
        expect(ring.end - ring.offset).toBeGreaterThanOrEqual(16);
        expect(ring.offset % 64).toBe(0);
        read++;
      }
      ring.release();
      expect(read).toBeGreaterThan(0);
      expect(ring.open(100)).toBe(0);
    }
  });

  it('wakes a sleeping reader once, and does not let it sleep over unread datagrams', () => {
    const ring = DatagramRing.allocate(8, 64);
    ring.prepareWriter();
    expect(ring.sleep()).toBe(true);
    expect(write(ring, '')).toBe(true);
    expect(write(ring, '')).toBe(false);
    expect(ring.sleep()).toBe(false);
    ring.open(1);
    ring.release();
    expect(ring.sleep()).toBe(false);
    ring.open(8);
    ring.release();
    expect(ring.sleep()).toBe(true);
    expect(ring.reportOverrun()).toBe(true);
    expect(ring.overruns()).toBe(1);
  });

  it('counts a datagram that was cut off as an overrun and shows nothing of it', () => {
    const ring = DatagramRing.allocate(4, 16);
    ring.prepareWriter();
    write(ring, '');
    expect(ring.open(4)).toBe(1);
    expect(ring.nextDatagram()).toBe(true);
    // The answer to the message is 36 bytes long, the slot 16.
    expect(ring.end).toBe(ring.offset);
    expect(ring.overruns()).toBe(1);
  });

  it('does not wait for requests or room once it is stopped', () => {
    const ring = DatagramRing.allocate(4, 64);
    const seen = ring.waitForRequest(-1);
    ring.request();
    expect(ring.waitForRequest(seen)).toBe(seen + 1);
    ring.stop();
    expect(ring.stopped).toBe(true);
    expect(ring.waitForRequest(seen + 1)).toBe(seen + 2);
    ring.pause(10_000);
  });
});

describe('CommandQueue', () => {
  it('carries batches there and results back', () => {
    const queue = CommandQueue.allocate(2, 4);
    const place = queue.place(0);
    place.fill(new Uint8Array([1, 2, 3, 4, 5]), 4, 3, 0xfffffffe);
    queue.sleep(0);
    queue.submit();
    expect(queue.waitForWork(0)).toBe(true);
    const other = new CommandQueue(queue.shape).place(0);
    expect([...other.request.subarray(0, 5)]).toEqual([1, 2, 3, 4, 0]);
    expect([other.requestLength, other.count, other.firstSequence]).toEqual([4, 3, 0xfffffffe]);
    expect([...other.errnos.subarray(0, 3)]).toEqual([UNANSWERED, UNANSWERED, UNANSWERED]);
    expect(queue.complete()).toBe(true);
    expect(queue.sleep(0)).toBe(false);
    expect(queue.sleep(1)).toBe(true);
  });

  it('refuses an answer for which there is no room, and keeps those before it', () => {
    const queue = CommandQueue.allocate(1, 1);
    const place = queue.place(0);
    place.fill(new Uint8Array(4), 4, 1, 1);
    const words = new Int32Array(200).fill(7);
    expect(place.append(words, 8, 398)).toBe(true);
    expect(place.replyLength).toBe(400);
    expect(place.append(words, 0, 400)).toBe(false);
    expect(place.replyLength).toBe(400);
  });

  it('ends when it is stopped, but not before what was submitted is done', () => {
    const queue = CommandQueue.allocate(2, 4);
    queue.submit();
    queue.stop();
    expect(queue.waitForWork(0)).toBe(true);
    queue.complete();
    expect(queue.waitForWork(1)).toBe(false);
  });
});
