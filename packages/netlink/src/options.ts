import { NetlinkOptionError } from './errors.ts';
import { FILTER_VALUES_MAX, type FilterPrefix } from './socket-filter.ts';

export interface CommandBatchOptions {
  /** `liberal` injects TCP flows with BE_LIBERAL and window scale on; `strict` sends the flags as they are. */
  readonly tcpWindowTracking: 'liberal' | 'strict';
  /** Timeout in seconds of a created flow whose entry has none (offloaded flows); 1 to 4294967295. */
  readonly timeoutSecondsDefault: number;
}

export const commandBatchDefaults: CommandBatchOptions = Object.freeze({
  tcpWindowTracking: 'liberal',
  timeoutSecondsDefault: 600,
});

export interface EventListenerOptions {
  /** Path of a network namespace, for example `/run/netns/blue`; undefined: the process's own. */
  readonly namespace: string | undefined;
  /** Receive buffer in bytes (the kernel doubles it; an event takes about 1280); 4 KiB to 1 GiB. */
  readonly receiveBufferBytes: number;
  /** Events whose cause are these sockets are dropped in the kernel; at most 200. */
  readonly ignorePortIds: readonly number[];
  /** IP protocols to listen to; empty: all; at most 200. */
  readonly protocols: readonly number[];
  /** Flows whose original tuple touches one of these are dropped in the kernel, as far as its filter has room. */
  readonly ignorePrefixes: readonly FilterPrefix[];
  /** Flows in another zone than these are dropped in the kernel if their events say so; empty: none; at most 200. */
  readonly zones: readonly number[];
  /** Datagrams between worker and main loop; a power of two, 16 to 65536. One takes 1104 bytes. */
  readonly ringSlots: number;
  /** How long the worker gathers events below `busyEventsPerSecond`; 0 to 100. */
  readonly paceMs: number;
  /** The same above it; 0 to 100. */
  readonly busyPaceMs: number;
  /** Events a second at which `busyPaceMs` begins. */
  readonly busyEventsPerSecond: number;
  /** Most datagrams handed over in one turn of the main loop; 1 to 65536. */
  readonly batchEventsMax: number;
}

export const eventListenerDefaults: EventListenerOptions = Object.freeze({
  namespace: undefined,
  receiveBufferBytes: 64 * 1024 * 1024,
  ignorePortIds: Object.freeze([]),
  protocols: Object.freeze([]),
  ignorePrefixes: Object.freeze([]),
  zones: Object.freeze([]),
  ringSlots: 16_384,
  paceMs: 2,
  busyPaceMs: 5,
  busyEventsPerSecond: 50_000,
  batchEventsMax: 1024,
});

export interface CommandChannelOptions {
  readonly namespace: string | undefined;
  /** Most messages of one batch; 1 to 1024. Beyond 100 nothing is gained, and the worker is held longer. */
  readonly batchMessagesMax: number;
  /** Batches that may wait or run; a power of two, 1 to 64. */
  readonly queueBatches: number;
  readonly receiveBufferBytes: number;
}

export const commandChannelDefaults: CommandChannelOptions = Object.freeze({
  namespace: undefined,
  batchMessagesMax: 128,
  queueBatches: 8,
  receiveBufferBytes: 8 * 1024 * 1024,
});

export interface DumperOptions {
  readonly namespace: string | undefined;
  /** Pages of 32 KiB between worker and main loop; a power of two, 2 to 1024. */
  readonly ringSlots: number;
  /** Longest time in milliseconds that the main loop is held by entries in one turn; 0.1 to 100. */
  readonly sliceMs: number;
}

export const dumperDefaults: DumperOptions = Object.freeze({
  namespace: undefined,
  ringSlots: 32,
  sliceMs: 1.5,
});

/** Lays given options over the defaults. @throws {NetlinkOptionError} If one is outside of its range. */
export function eventListenerOptions(given: Partial<EventListenerOptions>): EventListenerOptions {
  const options = { ...eventListenerDefaults, ...given };
  checkRange('receiveBufferBytes', options.receiveBufferBytes, 4096, 2 ** 30);
  checkRange('ignorePortIds.length', options.ignorePortIds.length, 0, FILTER_VALUES_MAX);
  checkRange('protocols.length', options.protocols.length, 0, FILTER_VALUES_MAX);
  checkRange('zones.length', options.zones.length, 0, FILTER_VALUES_MAX);
  for (const zone of options.zones) checkRange('zones', zone, 0, 65_535);
  for (const protocol of options.protocols) checkRange('protocols', protocol, 0, 255);
  checkPowerOfTwo('ringSlots', options.ringSlots, 16, 65_536);
  checkRange('paceMs', options.paceMs, 0, 100);
  checkRange('busyPaceMs', options.busyPaceMs, 0, 100);
  checkRange('busyEventsPerSecond', options.busyEventsPerSecond, 1, Number.MAX_SAFE_INTEGER);
  checkRange('batchEventsMax', options.batchEventsMax, 1, 65_536);
  return options;
}

/** Lays given options over the defaults. @throws {NetlinkOptionError} If one is outside of its range. */
export function commandChannelOptions(
  given: Partial<CommandChannelOptions>,
): CommandChannelOptions {
  const options = { ...commandChannelDefaults, ...given };
  checkRange('batchMessagesMax', options.batchMessagesMax, 1, 1024);
  checkPowerOfTwo('queueBatches', options.queueBatches, 1, 64);
  checkRange('receiveBufferBytes', options.receiveBufferBytes, 65_536, 2 ** 30);
  return options;
}

/** Lays given options over the defaults. @throws {NetlinkOptionError} If one is outside of its range. */
export function dumperOptions(given: Partial<DumperOptions>): DumperOptions {
  const options = { ...dumperDefaults, ...given };
  checkPowerOfTwo('ringSlots', options.ringSlots, 2, 1024);
  checkRange('sliceMs', options.sliceMs, 0.1, 100);
  return options;
}

function checkRange(name: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  throw new NetlinkOptionError(name, `${min} to ${max}`, value);
}

function checkPowerOfTwo(name: string, value: number, min: number, max: number): void {
  checkRange(name, value, min, max);
  if ((value & (value - 1)) !== 0 || !Number.isInteger(value)) {
    throw new NetlinkOptionError(name, 'a power of two', value);
  }
}
