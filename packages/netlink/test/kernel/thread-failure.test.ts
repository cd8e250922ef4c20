import { closeSync, openSync } from 'node:fs';
import { Dumper, EventListener, NETLINK_NETFILTER, NetlinkSocket } from '@raftwall/netlink';
import koffi from 'koffi';
import { describe, expect, it } from 'vitest';

/** The descriptor that the next socket gets. */
function nextDescriptor(): number {
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER });
  socket.close();
  return socket.fd;
}

const dup2 = koffi.load(null).func('int dup2(int from, int to)');

/** Puts something that is no socket in the place of a descriptor. */
function spoil(descriptor: number): void {
  const other = openSync('/dev/null', 'r');
  dup2(other, descriptor);
  closeSync(other);
}

describe('a thread that dies', () => {
  it('is reported by the event listener, with its cause, and stopping still works', async () => {
    const descriptor = nextDescriptor();
    const failures: Error[] = [];
    const listener = new EventListener(
      {},
      {
        onBatch: () => undefined,
        onOverrun: () => undefined,
        onFailure: (error) => failures.push(error),
        metrics: null,
      },
    );
    spoil(descriptor);
    await expect.poll(() => failures.length, { timeout: 5000 }).toBe(1);
    expect(failures[0]!.message).toContain('recvmmsg: ENOTSOCK');
    await listener.stop();
    await expect(listener.barrier()).rejects.toMatchObject({ code: 'NETLINK_CHANNEL_CLOSED' });
  });

  it('fails the running dump and every later one', async () => {
    const descriptor = nextDescriptor();
    const dumper = new Dumper({}, { metrics: null });
    spoil(descriptor);
    const closed = { code: 'NETLINK_CHANNEL_CLOSED' };
    await expect(dumper.dump({}, () => undefined)).rejects.toMatchObject(closed);
    await expect(dumper.dump({}, () => undefined)).rejects.toMatchObject(closed);
    await dumper.stop();
  });
});
