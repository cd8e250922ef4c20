/** The configuration alone, for programs that read it without running a daemon: nothing native is loaded. */
export { CAPTURE_FILTER_DEFAULTS, PROTOCOL_NUMBERS, TCP_STATE_NAMES } from './capture-options.ts';
export { type LoadedConfig, parseConfig, readConfigFile } from './config-file.ts';
export { ConfigError, type Fault, formatFault } from './fault.ts';
export { canonicalIp, canonicalPrefix } from './ip.ts';
export * from './options.ts';
export { configReference } from './reference.ts';
export { timingMisfit } from './warnings.ts';
