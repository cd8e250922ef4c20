import { endianness } from 'node:os';
import koffi from 'koffi';
import { NetlinkError, UnsupportedPlatformError } from './errors.ts';

if (endianness() !== 'LE' || koffi.sizeof('void *') !== 8) {
  throw new UnsupportedPlatformError('netlink sockets need a 64-bit little-endian machine');
}

const library = koffi.load(null);

/** Bytes whose address native code keeps: backed by a buffer of their own, never by V8's moving heap. */
export type NativeBytes = Uint8Array;

/**
 * The C functions of this package, all of them blocking calls on the calling thread. Addresses travel as numbers; whoever
 * passes one keeps the memory reachable until the call has returned.
 */
export const libc = {
  socket: library.func('int socket(int domain, int type, int protocol)') as (
    domain: number,
    type: number,
    protocol: number,
  ) => number,
  bind: library.func('int bind(int fd, void *address, uint length)') as (
    fd: number,
    address: NativeBytes,
    length: number,
  ) => number,
  connect: library.func('int connect(int fd, void *address, uint length)') as (
    fd: number,
    address: NativeBytes,
    length: number,
  ) => number,
  getsockname: library.func('int getsockname(int fd, void *address, void *length)') as (
    fd: number,
    address: NativeBytes,
    length: NativeBytes,
  ) => number,
  setsockopt: library.func(
    'int setsockopt(int fd, int level, int name, void *value, uint length)',
  ) as (fd: number, level: number, name: number, value: NativeBytes, length: number) => number,
  getsockopt: library.func(
    'int getsockopt(int fd, int level, int name, void *value, void *length)',
  ) as (fd: number, level: number, name: number, value: NativeBytes, length: NativeBytes) => number,
  send: library.func('intptr_t send(int fd, void *data, size_t length, int flags)') as (
    fd: number,
    data: NativeBytes,
    length: number,
    flags: number,
  ) => number,
  recv: library.func('intptr_t recv(int fd, void *data, size_t length, int flags)') as (
    fd: number,
    data: NativeBytes,
    length: number,
    flags: number,
  ) => number,
  recvmmsg: library.func(
    'int recvmmsg(int fd, uintptr_t messages, uint count, int flags, uintptr_t timeout)',
  ) as (fd: number, messages: number, count: number, flags: number, timeout: number) => number,
  open: library.func('int open(const char *path, int flags, int mode)') as (
    path: string,
    flags: number,
    mode: number,
  ) => number,
  close: library.func('int close(int fd)') as (fd: number) => number,
  setns: library.func('int setns(int fd, int type)') as (fd: number, type: number) => number,
};

const move = library.func('uintptr_t memmove(void *to, void *from, size_t count)') as (
  to: NativeBytes,
  from: NativeBytes,
  count: number,
) => number;

/** Where bytes lie in memory; valid as long as they are reachable from JavaScript. */
export function addressOf(bytes: NativeBytes): number {
  return move(bytes, bytes, 0);
}

/** Zeroed bytes that keep their address. */
export function nativeBytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

/** errno of the last call of `libc` on this thread. */
export function lastErrno(): number {
  return koffi.errno();
}

/**
 * Passes a call's result on.
 *
 * @throws {NetlinkError} If the result is negative, with errno and the operation's name.
 */
export function checked(operation: string, result: number): number {
  if (result < 0) throw new NetlinkError(operation, koffi.errno());
  return result;
}
