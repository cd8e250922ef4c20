import koffi from 'koffi';

const library = koffi.load(null);
const socket = library.func('int socket(int domain, int type, int protocol)');
const bind = library.func('int bind(int fd, void *address, uint length)');
const setsockopt = library.func(
  'int setsockopt(int fd, int level, int name, void *value, uint length)',
);
const sendto = library.func(
  'intptr_t sendto(int fd, void *data, size_t length, int flags, void *address, uint addressLength)',
);
const recvfrom = library.func(
  'intptr_t recvfrom(int fd, void *data, size_t length, int flags, void *address, void *addressLength)',
);

const SOCK_RAW_NONBLOCK = 3 | 0o4000;
const POLL_MS = 10;
const IPPROTO_IP = 0;
const IP_TOS = 1;

/** 4 bytes or 16. */
export const addressBytes = (text) => {
  if (!text.includes(':')) return Uint8Array.from(text.split('.').map(Number));
  const [head, tail = ''] = text.split('::');
  const words = (part) => (part === '' ? [] : part.split(':').map((w) => Number.parseInt(w, 16)));
  const [left, right] = [words(head), words(tail)];
  const all = [...left, ...new Array(8 - left.length - right.length).fill(0), ...right];
  return Uint8Array.from(all.flatMap((word) => [word >> 8, word & 255]));
};

/** struct sockaddr_in or sockaddr_in6, port 0. */
function socketAddress(text) {
  const ipv4 = !text.includes(':');
  const bytes = new Uint8Array(ipv4 ? 16 : 28);
  bytes[0] = ipv4 ? 2 : 10;
  bytes.set(addressBytes(text), ipv4 ? 4 : 8);
  return bytes;
}

/** Packets of one IP protocol, beyond what Node.js has sockets for. Addresses are packed as struct sockaddr. */
export class RawSocket {
  #fd;
  #ipv4;

  /** `onPacket(payload, from, tos)`: what lies behind the IP header, whom it is from, and its type of service (IPv4). */
  constructor(local, protocol, onPacket) {
    this.#ipv4 = !local.includes(':');
    this.#fd = socket(this.#ipv4 ? 2 : 10, SOCK_RAW_NONBLOCK, protocol);
    const address = socketAddress(local);
    if (this.#fd < 0 || bind(this.#fd, address, address.length) !== 0) {
      throw new Error(`no raw socket for protocol ${protocol} at ${local}`);
    }
    setInterval(() => this.#receive(onPacket), POLL_MS);
  }

  /** To an address as text, or as `onPacket` was given one. A full or broken link loses packets, as links do. */
  send(to, payload, tos = 0) {
    if (this.#ipv4) setsockopt(this.#fd, IPPROTO_IP, IP_TOS, Uint32Array.of(tos), 4);
    const address = typeof to === 'string' ? socketAddress(to) : to;
    sendto(this.#fd, Uint8Array.from(payload), payload.length, 0, address, address.length);
  }

  #receive(onPacket) {
    for (;;) {
      const bytes = new Uint8Array(2048);
      const from = new Uint8Array(28);
      const length = recvfrom(this.#fd, bytes, bytes.length, 0, from, Uint32Array.of(28));
      if (length < 0) return;
      const header = this.#ipv4 ? (bytes[0] & 15) * 4 : 0;
      const sender = from.subarray(0, this.#ipv4 ? 16 : 28);
      onPacket(bytes.subarray(header, Number(length)), sender, this.#ipv4 ? bytes[1] : 0);
    }
  }
}

/** Whether two packed addresses are of one host. */
export function sameHost(from, text) {
  const ipv4 = !text.includes(':');
  return addressBytes(text).every((byte, at) => from[(ipv4 ? 4 : 8) + at] === byte);
}
