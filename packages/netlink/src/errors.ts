import { constants } from 'node:os';

const errnoNames = new Map<number, string>(
  Object.entries(constants.errno).map(([name, value]) => [value, name]),
);

/** Name of an errno value, for example `EEXIST`; `OK` for 0 and `E<number>` for one that Node.js does not know. */
export function errnoName(errno: number): string {
  if (errno === 0) return 'OK';
  // The kernel's own EOPNOTSUPP shares its number with ENOTSUP; netlink means the former.
  if (errno === constants.errno.EOPNOTSUPP) return 'EOPNOTSUPP';
  return errnoNames.get(errno) ?? `E${errno}`;
}

/** Thrown when a system call on a netlink socket or a network namespace fails. */
export class NetlinkError extends Error {
  override readonly name = 'NetlinkError';
  readonly code = 'NETLINK_SYSTEM_CALL';
  readonly errno: number;
  readonly errnoName: string;
  /** The system call and its subject, for example `setns /run/netns/blue`. */
  readonly operation: string;

  constructor(operation: string, errno: number, options?: ErrorOptions) {
    super(`${operation}: ${errnoName(errno)} (${errno})`, options);
    this.operation = operation;
    this.errno = errno;
    this.errnoName = errnoName(errno);
  }
}

/** Thrown when this machine's pointers or byte order are not those that the message layouts are written for. */
export class UnsupportedPlatformError extends Error {
  override readonly name = 'UnsupportedPlatformError';
  readonly code = 'NETLINK_UNSUPPORTED_PLATFORM';
}

/** Thrown when the calling thread could not return to its own network namespace; the process must not go on. */
export class NamespaceRestoreError extends Error {
  override readonly name = 'NamespaceRestoreError';
  readonly code = 'NETLINK_NAMESPACE_RESTORE';
}

/** Thrown when an option is outside of its range. */
export class NetlinkOptionError extends Error {
  override readonly name = 'NetlinkOptionError';
  readonly code = 'NETLINK_OPTION';
  readonly option: string;

  constructor(option: string, allowed: string, value: unknown) {
    super(`${option} must be ${allowed}, not ${String(value)}`);
    this.option = option;
  }
}

/** Thrown when a batch holds more messages or bytes than one send may carry. */
export class BatchTooLargeError extends Error {
  override readonly name = 'BatchTooLargeError';
  readonly code = 'NETLINK_BATCH_TOO_LARGE';

  constructor(messages: number, messagesMax: number, bytes: number, bytesMax: number) {
    super(
      `batch of ${messages} messages, ${bytes} bytes; the limits are ${messagesMax} messages and ${bytesMax} bytes`,
    );
  }
}

/** Thrown when every place of the bounded command queue is taken; wait for `room()`. */
export class CommandQueueFullError extends Error {
  override readonly name = 'CommandQueueFullError';
  readonly code = 'NETLINK_COMMAND_QUEUE_FULL';
}

/** Thrown when something is asked of a channel, listener or dumper that was stopped, or whose worker died. */
export class ChannelClosedError extends Error {
  override readonly name = 'ChannelClosedError';
  readonly code = 'NETLINK_CHANNEL_CLOSED';
}

/** Thrown when a dump is asked for while one is running. */
export class DumpBusyError extends Error {
  override readonly name = 'DumpBusyError';
  readonly code = 'NETLINK_DUMP_BUSY';
}

/** Thrown when a kernel setting is missing, cannot be read or written, or has an unexpected value. */
export class SysctlError extends Error {
  override readonly name = 'SysctlError';
  readonly code: 'NETLINK_SYSCTL_MISSING' | 'NETLINK_SYSCTL_DENIED' | 'NETLINK_SYSCTL_INVALID';
  /** Name below /proc/sys, with slashes. */
  readonly setting: string;

  constructor(code: SysctlError['code'], setting: string, message: string, options?: ErrorOptions) {
    super(`${setting}: ${message}`, options);
    this.code = code;
    this.setting = setting;
  }
}
