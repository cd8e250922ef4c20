import { isIP } from 'node:net';
import { isAbsolute } from 'node:path';
import { VrrpOptionsError } from './errors.ts';

/** Which of keepalived's names is followed: a sync group, or a single instance. */
export type VrrpName =
  | {
      readonly group: string;
      /** The group's instances. Default: every instance that the FIFO names, which fits one group;
       * with several groups name them, or give `[]` to go by group lines and addresses alone. */
      readonly instances?: readonly string[];
    }
  | { readonly instance: string };

/** How one VRRP group or instance is followed. */
export interface VrrpFollowerOptions {
  readonly instance: VrrpName;
  /** The addresses that move with it, without prefix lengths. Default: none, the FIFO alone decides. */
  readonly virtualAddresses?: readonly string[];
  /** How long FIFO and addresses may contradict each other before the addresses decide, in
   * milliseconds (10 to 60,000). Default 500: keepalived reports within 80 ms. */
  readonly settleMs?: number;
}

/** Where keepalived writes its state changes. */
export interface VrrpFifoOptions {
  /** Absolute path of keepalived's `vrrp_notify_fifo`. */
  readonly path: string;
  /** How often the file at `path` is compared with the one held open, in milliseconds (10 to
   * 60,000). Default 1000; changes of the directory are also noticed at once. */
  readonly checkMs?: number;
}

export const vrrpFollowerDefaults = Object.freeze({ virtualAddresses: [], settleMs: 500 });
export const vrrpFifoDefaults = Object.freeze({ checkMs: 1000 });

/** @throws {VrrpOptionsError} If a value is not allowed. */
export function checkFollowerOptions(options: VrrpFollowerOptions): Required<VrrpFollowerOptions> {
  const full = { ...vrrpFollowerDefaults, ...options };
  const name = 'group' in full.instance ? full.instance.group : full.instance.instance;
  if (name === '') throw new VrrpOptionsError('instance', 'the name must not be empty');
  for (const address of full.virtualAddresses) {
    if (isIP(address) === 0) {
      throw new VrrpOptionsError('virtualAddresses', `"${address}" is not an IP address`);
    }
  }
  checkMilliseconds('settleMs', full.settleMs);
  return full;
}

/** @throws {VrrpOptionsError} If a value is not allowed. */
export function checkFifoOptions(options: VrrpFifoOptions): Required<VrrpFifoOptions> {
  const full = { ...vrrpFifoDefaults, ...options };
  checkAbsolute('path', full.path);
  checkMilliseconds('checkMs', full.checkMs);
  return full;
}

/** @throws {VrrpOptionsError} If the path is relative. */
export function checkAbsolute(option: string, path: string): void {
  if (!isAbsolute(path)) throw new VrrpOptionsError(option, `"${path}" must be an absolute path`);
}

function checkMilliseconds(option: string, value: number): void {
  if (!(value >= 10 && value <= 60_000)) {
    throw new VrrpOptionsError(option, `${value} must be from 10 to 60000 ms`);
  }
}
