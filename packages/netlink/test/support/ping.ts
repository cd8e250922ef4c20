import { withNamespace } from '@raftwall/netlink';
import koffi from 'koffi';
import { setAddress } from './entries.ts';

const library = koffi.load(null);
const socket = library.func('int socket(int domain, int type, int protocol)');
const connect = library.func('int connect(int fd, void *address, uint length)');
const setsockopt = library.func(
  'int setsockopt(int fd, int level, int name, void *value, uint length)',
);
const send = library.func('intptr_t send(int fd, void *data, size_t length, int flags)');
const recv = library.func('intptr_t recv(int fd, void *data, size_t length, int flags)');
const close = library.func('int close(int fd)');

const SOCK_RAW = 3;

/** Sends one echo request with this id from a namespace and waits for the answer. @returns Whether it came. */
export function ping(namespace: string, host: string, id: number): boolean {
  const ipv4 = !host.includes(':');
  const fd = withNamespace(namespace, () => socket(ipv4 ? 2 : 10, SOCK_RAW, ipv4 ? 1 : 58));
  const timeout = new Uint8Array(new ArrayBuffer(16));
  timeout[0] = 2;
  setsockopt(fd, 1, 20, timeout, 16);
  const address = new Uint8Array(new ArrayBuffer(28));
  address[0] = ipv4 ? 2 : 10;
  const cell = new Uint8Array(16);
  setAddress(cell, host);
  address.set(ipv4 ? cell.subarray(0, 4) : cell, ipv4 ? 4 : 8);
  try {
    connect(fd, address, ipv4 ? 16 : 28);
    const request = echoRequest(ipv4, id);
    send(fd, request, request.length, 0);
    return waitForAnswer(fd, ipv4, id);
  } finally {
    close(fd);
  }
}

function echoRequest(ipv4: boolean, id: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(8));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, ipv4 ? 8 : 128);
  view.setUint16(4, id);
  view.setUint16(6, 1);
  // The kernel fills in ICMPv6 checksums only.
  const sum = view.getUint16(0) + view.getUint16(4) + view.getUint16(6);
  if (ipv4) view.setUint16(2, ~((sum & 0xffff) + (sum >>> 16)));
  return bytes;
}

function waitForAnswer(fd: number, ipv4: boolean, id: number): boolean {
  const bytes = new Uint8Array(new ArrayBuffer(2048));
  for (;;) {
    const length = recv(fd, bytes, bytes.length, 0);
    if (length < 0) return false;
    const at = ipv4 ? ((bytes[0] ?? 0) & 0x0f) * 4 : 0;
    const answer = new DataView(bytes.buffer, at);
    if (answer.getUint8(0) === (ipv4 ? 0 : 129) && answer.getUint16(4) === id) return true;
  }
}
