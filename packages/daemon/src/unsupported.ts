import type { DaemonConfig } from './config/options.ts';

/** Thrown when a configuration is valid but asks for something that this version does not do yet. */
export class UnsupportedConfigError extends Error {
  readonly code = 'DAEMON_CONFIG_UNSUPPORTED';
  /** One line for each key. */
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('; '));
    this.name = 'UnsupportedConfigError';
    this.faults = faults;
  }
}

/**
 * Refuses what would otherwise be ignored in silence: with several groups the addresses of all would go where the one leader is.
 *
 * @throws {UnsupportedConfigError} If the configuration uses such a key.
 */
export function refuseUnsupported(config: DaemonConfig): void {
  const { vrrp } = config;
  const faults: string[] = [];
  const refuse = (used: boolean, key: string, instead: string): void => {
    if (used) faults.push(`${key}: this version does not support it yet; ${instead}`);
  };
  const isSplit = vrrp !== null && vrrp.groups.length > 1 && vrrp.mode !== 'follow';
  refuse(isSplit, 'vrrp.mode', 'with several vrrp.groups use follow');
  if (faults.length > 0) throw new UnsupportedConfigError(faults);
}
