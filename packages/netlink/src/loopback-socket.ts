import { checked, libc, nativeBytes } from './libc.ts';
import { AF_INET } from './netlink-protocol.ts';

const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

/** A UDP socket bound to a free port of 127.0.0.1 or ::1, made in the network namespace of the calling thread. */
export class LoopbackSocket {
  readonly port: number;
  readonly #fd: number;
  readonly #family: number;
  readonly #datagram = nativeBytes(1);

  /** @throws {NetlinkError} If the family has no loopback address here. */
  constructor(family: number) {
    this.#family = family;
    this.#fd = checked('socket', libc.socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    try {
      this.port = this.#bind();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** From now on `send` goes to that port of the same loopback address. */
  connect(port: number): void {
    const address = this.#address(port);
    checked('connect', libc.connect(this.#fd, address, address.length));
  }

  /** Sends one byte; it has passed the output hooks when this returns. */
  send(): void {
    checked('send', libc.send(this.#fd, this.#datagram, 1, MSG_DONTWAIT));
  }

  /** Throws away what has arrived. */
  drain(): void {
    while (libc.recv(this.#fd, this.#datagram, 1, MSG_DONTWAIT) >= 0);
  }

  close(): void {
    libc.close(this.#fd);
  }

  #bind(): number {
    const address = this.#address(0);
    checked('bind', libc.bind(this.#fd, address, address.length));
    const length = nativeBytes(4);
    new DataView(length.buffer).setUint32(0, address.length, true);
    checked('getsockname', libc.getsockname(this.#fd, address, length));
    return new DataView(address.buffer).getUint16(2);
  }

  /** sockaddr_in or sockaddr_in6 of the loopback address. */
  #address(port: number): Uint8Array<ArrayBuffer> {
    const isIpv4 = this.#family === AF_INET;
    const address = nativeBytes(isIpv4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
    const view = new DataView(address.buffer);
    view.setUint16(0, this.#family, true);
    view.setUint16(2, port);
    if (isIpv4) address.set([127, 0, 0, 1], 4);
    else address[23] = 1;
    return address;
  }
}
