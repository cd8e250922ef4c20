import { CommandBatch } from './command-batch.ts';
import { ConntrackEntry } from './conntrack-entry.ts';
import { Protocol } from './ctnetlink-protocol.ts';
import { NetlinkError } from './errors.ts';
import { LoopbackSocket } from './loopback-socket.ts';
import { withNamespace } from './namespace.ts';
import {
  AF_INET,
  MESSAGE_HEADER_BYTES,
  NETLINK_NETFILTER,
  NLMSG_ERROR,
} from './netlink-protocol.ts';
import { NetlinkSocket } from './netlink-socket.ts';

const RECEIVE_TIMEOUT_MS = 200;
const ANSWER_BYTES = 1024;
const ENOENT = 2;

/**
 * Finds out whether the kernel tracks connections of an address family: a datagram over loopback must leave an entry,
 * which is deleted at once. Tracking ends without an event when the last rule that needs it goes (`nft flush ruleset`),
 * while entries stay. The listener's owner ignores events of `portId`.
 */
export class TrackingProbe {
  readonly portId: number;
  readonly #commands: NetlinkSocket;
  readonly #sender: LoopbackSocket;
  readonly #receiver: LoopbackSocket;
  readonly #batch = new CommandBatch();
  readonly #entry = new ConntrackEntry();
  readonly #answer = new Uint8Array(new ArrayBuffer(ANSWER_BYTES));

  /**
   * @param family 2 (AF_INET) or 10 (AF_INET6).
   * @throws {NetlinkError} If the family is not there (IPv6 switched off) or a socket is refused.
   */
  constructor(family: number, options: { namespace?: string | undefined } = {}) {
    const sockets = withNamespace(options.namespace, () => openPair(family));
    [this.#sender, this.#receiver] = sockets;
    try {
      this.#commands = new NetlinkSocket({
        protocol: NETLINK_NETFILTER,
        namespace: options.namespace,
        receiveTimeoutMs: RECEIVE_TIMEOUT_MS,
      });
    } catch (error) {
      for (const socket of sockets) socket.close();
      throw error;
    }
    this.portId = this.#commands.portId;
    this.#fill(family);
  }

  /** Whether a datagram sent now is tracked; takes some 30 microseconds. @throws {NetlinkError} If it cannot be sent. */
  probe(): boolean {
    this.#sender.send();
    this.#receiver.drain();
    this.#batch.reset();
    this.#batch.delete(this.#entry);
    this.#batch.acknowledgeLast();
    this.#commands.send(this.#batch.bytes, this.#batch.length);
    const errno = this.#receiveErrno();
    if (errno !== 0 && errno !== ENOENT) throw new NetlinkError('delete of the probe', errno);
    return errno === 0;
  }

  close(): void {
    this.#sender.close();
    this.#receiver.close();
    this.#commands.close();
  }

  #receiveErrno(): number {
    for (;;) {
      const length = this.#commands.receive(this.#answer);
      if (length === 0) throw new NetlinkError('answer to the probe', ENOENT);
      const view = new DataView(this.#answer.buffer, 0, length);
      const isOurs = view.getUint32(8, true) === this.#batch.firstSequence;
      if (isOurs && view.getUint16(4, true) === NLMSG_ERROR) {
        return -view.getInt32(MESSAGE_HEADER_BYTES, true);
      }
    }
  }

  #fill(family: number): void {
    const entry = this.#entry;
    entry.family = family;
    entry.protocol = Protocol.udp;
    const loopback = family === AF_INET ? [127, 0, 0, 1] : [...new Array<number>(15).fill(0), 1];
    entry.originalSource.set(loopback);
    entry.originalDestination.set(loopback);
    entry.originalL4 = ((this.#sender.port << 16) | this.#receiver.port) >>> 0;
  }
}

function openPair(family: number): [LoopbackSocket, LoopbackSocket] {
  const receiver = new LoopbackSocket(family);
  try {
    const sender = new LoopbackSocket(family);
    sender.connect(receiver.port);
    return [sender, receiver];
  } catch (error) {
    receiver.close();
    throw error;
  }
}
