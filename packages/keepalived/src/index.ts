/** Follows the VRRP state of keepalived and tells keepalived whether this node is ready. */
export {
  KeepalivedError,
  type KeepalivedErrorCode,
  type KeepalivedErrorMetadata,
  TrackFileError,
  VrrpFifoError,
  VrrpOptionsError,
} from './errors.ts';
export {
  KeepalivedConfigError,
  type KeepalivedConfigOptions,
  type KeepalivedGroup,
  type KeepalivedMode,
  keepalivedConfig,
  type PlacedAddress,
} from './keepalived-config.ts';
export type { Counter, KeepalivedMetrics } from './metrics.ts';
export {
  type VrrpFifoOptions,
  type VrrpFollowerOptions,
  type VrrpName,
  vrrpFifoDefaults,
  vrrpFollowerDefaults,
} from './options.ts';
export { TrackFile, type TrackValue } from './track-file.ts';
export { VrrpFifo, type VrrpFifoEvents, type VrrpLineSource } from './vrrp-fifo.ts';
export {
  type AddressSource,
  VrrpFollower,
  type VrrpFollowerDependencies,
  type VrrpFollowerEvents,
  type VrrpLevel,
  type VrrpState,
} from './vrrp-follower.ts';
export {
  parseVrrpLine,
  type VrrpLine,
  type VrrpLineState,
  type VrrpSubject,
} from './vrrp-line.ts';
