import { readFileSync, writeFileSync } from 'node:fs';
import { SysctlError } from './errors.ts';
import { withNamespace } from './namespace.ts';

/** Settings of connection tracking, by their name below /proc/sys/net/netfilter. */
export type ConntrackSetting =
  | 'nf_conntrack_acct'
  | 'nf_conntrack_buckets'
  | 'nf_conntrack_count'
  | 'nf_conntrack_events'
  | 'nf_conntrack_max'
  | 'nf_conntrack_tcp_be_liberal'
  | 'nf_conntrack_tcp_loose'
  | 'nf_conntrack_timestamp'
  | `nf_conntrack_${string}_timeout`
  | `nf_conntrack_${string}_timeout_${string}`;

/**
 * The connection-tracking settings of one network namespace. `/proc/sys/net` shows the namespace of the calling thread,
 * so every access enters it and comes back.
 */
export class ConntrackSysctls {
  readonly #namespace: string | undefined;

  constructor(options: { namespace?: string } = {}) {
    this.#namespace = options.namespace;
  }

  /** @throws {SysctlError} If the setting is missing (module not loaded) or no number. */
  read(setting: ConntrackSetting): number {
    const path = pathOf(setting);
    const text = this.#access(setting, () => readFileSync(path, 'latin1'));
    const value = Number(text.trim());
    if (text.trim() !== '' && Number.isFinite(value)) return value;
    throw new SysctlError('NETLINK_SYSCTL_INVALID', setting, `is no number: ${text.trim()}`);
  }

  /**
   * @throws {SysctlError} If the setting is missing, read-only (nf_conntrack_max in a namespace), or the value is refused.
   */
  write(setting: ConntrackSetting, value: number): void {
    const path = pathOf(setting);
    this.#access(setting, () => writeFileSync(path, `${value}\n`));
  }

  #access<T>(setting: ConntrackSetting, action: () => T): T {
    return withNamespace(this.#namespace, () => {
      try {
        return action();
      } catch (cause) {
        throw sysctlError(setting, cause);
      }
    });
  }
}

function pathOf(setting: ConntrackSetting): string {
  if (!/^nf_conntrack_[a-z0-9_]+$/.test(setting)) {
    throw new SysctlError('NETLINK_SYSCTL_INVALID', setting, 'is no name of a setting');
  }
  return `/proc/sys/net/netfilter/${setting}`;
}

function sysctlError(setting: string, cause: unknown): SysctlError {
  const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  if (errno === 'ENOENT') {
    const message = 'there is no such setting; is the module nf_conntrack loaded?';
    return new SysctlError('NETLINK_SYSCTL_MISSING', setting, message, { cause });
  }
  if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS') {
    const message = `no permission (${errno}); it is read-only here, or root is needed`;
    return new SysctlError('NETLINK_SYSCTL_DENIED', setting, message, { cause });
  }
  const message = `the kernel refused the access (${errno})`;
  return new SysctlError('NETLINK_SYSCTL_INVALID', setting, message, { cause });
}
