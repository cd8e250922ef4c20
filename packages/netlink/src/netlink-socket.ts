import { constants } from 'node:os';
import { addressOf, checked, lastErrno, libc, nativeBytes } from './libc.ts';
import { withNamespace } from './namespace.ts';
import { AF_NETLINK } from './netlink-protocol.ts';

const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SOL_NETLINK = 270;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_ATTACH_FILTER = 26;
const SO_RCVBUFFORCE = 33;
const SO_NETNS_COOKIE = 71;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const MSG_DONTWAIT = 0x40;
const SOCKADDR_BYTES = 12;

export interface NetlinkSocketOptions {
  /** NETLINK_NETFILTER (12) or NETLINK_ROUTE (0). */
  readonly protocol: number;
  /** Path of a network namespace, for example `/run/netns/blue`; default: the calling thread's. */
  readonly namespace?: string | undefined;
  /** Receive buffer in bytes; the kernel doubles it. Beyond net.core.rmem_max this needs CAP_NET_ADMIN. */
  readonly receiveBufferBytes?: number;
  /** After how many milliseconds a blocking receive returns empty-handed; default: never. */
  readonly receiveTimeoutMs?: number;
  /** Multicast groups to join, after the filter is in place. */
  readonly groups?: readonly number[];
  /** Classic BPF program, see `eventFilter`. */
  readonly filter?: Uint8Array | null;
  /** Answers name the refused message by header only (NETLINK_CAP_ACK); default true. */
  readonly capAcknowledge?: boolean;
  /** Answers carry the kernel's error text (NETLINK_EXT_ACK); default false. */
  readonly extendedAcknowledge?: boolean;
}

/**
 * A bound netlink socket. The descriptor may be used from several threads of the process at once: the kernel locks.
 * NETLINK_NO_ENOBUFS is never set: a lost event must be heard of.
 */
export class NetlinkSocket {
  readonly fd: number;
  /** Port id that the kernel chose: `nlmsg_pid` of events caused through this socket. */
  readonly portId: number;
  #closed = false;

  /** @throws {NetlinkError} If a system call fails; nothing stays open then. */
  constructor(options: NetlinkSocketOptions) {
    this.fd = withNamespace(options.namespace, () =>
      checked('socket', libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, options.protocol)),
    );
    try {
      this.#configure(options);
      this.portId = this.#bind();
      for (const group of options.groups ?? []) {
        this.#setInteger(`join group ${group}`, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group);
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Identity of the network namespace (SO_NETNS_COOKIE), unique since the machine started. */
  namespaceCookie(): bigint {
    const value = nativeBytes(8);
    this.#getOption('SO_NETNS_COOKIE', SO_NETNS_COOKIE, value);
    return new DataView(value.buffer).getBigUint64(0, true);
  }

  /** Effective receive buffer in bytes, as the kernel accounts it (about 1280 bytes an event). */
  receiveBufferBytes(): number {
    const value = nativeBytes(4);
    this.#getOption('SO_RCVBUF', SO_RCVBUF, value);
    return new DataView(value.buffer).getInt32(0, true);
  }

  /**
   * Sends one datagram of messages; the kernel has worked on all of them when this returns.
   *
   * @param bytes Backed by a buffer of its own, at least `length` long.
   */
  send(bytes: Uint8Array, length: number = bytes.length): void {
    checked('send', libc.send(this.fd, bytes, length, 0));
  }

  /**
   * Receives one datagram.
   *
   * @returns Its length in bytes, or 0 when there is none (in time).
   * @throws {NetlinkError} If the kernel reports an error, ENOBUFS after an overrun among them.
   */
  receive(bytes: Uint8Array, wait: boolean = true): number {
    const flags = wait ? 0 : MSG_DONTWAIT;
    const length = libc.recv(this.fd, bytes, bytes.length, flags);
    if (length < 0 && lastErrno() === constants.errno.EAGAIN) return 0;
    return checked('recv', length);
  }

  /** Closes the descriptor; again is harmless. No other thread may be inside a call on it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    libc.close(this.fd);
  }

  #configure(options: NetlinkSocketOptions): void {
    if (options.receiveBufferBytes !== undefined)
      this.#setReceiveBuffer(options.receiveBufferBytes);
    if (options.receiveTimeoutMs !== undefined) this.#setReceiveTimeout(options.receiveTimeoutMs);
    if (options.capAcknowledge ?? true) {
      this.#setInteger('NETLINK_CAP_ACK', SOL_NETLINK, NETLINK_CAP_ACK, 1);
    }
    if (options.extendedAcknowledge) {
      this.#setInteger('NETLINK_EXT_ACK', SOL_NETLINK, NETLINK_EXT_ACK, 1);
    }
    if (options.filter) this.#attachFilter(options.filter);
  }

  #bind(): number {
    const address = nativeBytes(SOCKADDR_BYTES);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_NETLINK, true);
    checked('bind', libc.bind(this.fd, address, SOCKADDR_BYTES));
    const length = nativeBytes(4);
    new DataView(length.buffer).setUint32(0, SOCKADDR_BYTES, true);
    checked('getsockname', libc.getsockname(this.fd, address, length));
    return view.getUint32(4, true);
  }

  #setReceiveBuffer(bytes: number): void {
    const value = integerBytes(bytes);
    if (libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, value, 4) === 0) return;
    // Without the capability over the namespace's owner the ordinary limit, net.core.rmem_max, applies.
    checked('SO_RCVBUF', libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUF, value, 4));
  }

  #setReceiveTimeout(milliseconds: number): void {
    const value = nativeBytes(16);
    const view = new DataView(value.buffer);
    view.setBigInt64(0, BigInt(Math.floor(milliseconds / 1000)), true);
    view.setBigInt64(8, BigInt((milliseconds % 1000) * 1000), true);
    checked('SO_RCVTIMEO', libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVTIMEO, value, 16));
  }

  #attachFilter(filter: Uint8Array): void {
    const program = nativeBytes(16);
    const view = new DataView(program.buffer);
    view.setUint16(0, filter.length / 8, true);
    view.setBigUint64(8, BigInt(addressOf(filter)), true);
    const result = libc.setsockopt(this.fd, SOL_SOCKET, SO_ATTACH_FILTER, program, 16);
    checked(`SO_ATTACH_FILTER of ${filter.length / 8} instructions`, result);
  }

  #setInteger(operation: string, level: number, name: number, value: number): void {
    checked(operation, libc.setsockopt(this.fd, level, name, integerBytes(value), 4));
  }

  #getOption(operation: string, name: number, value: Uint8Array<ArrayBuffer>): void {
    const length = integerBytes(value.length);
    checked(operation, libc.getsockopt(this.fd, SOL_SOCKET, name, value, length));
  }
}

function integerBytes(value: number): Uint8Array<ArrayBuffer> {
  const bytes = nativeBytes(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}
