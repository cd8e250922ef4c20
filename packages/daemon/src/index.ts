export { type LoadedConfig, parseConfig, readConfigFile } from './config/config-file.ts';
export { ConfigError, type Fault, formatFault } from './config/fault.ts';
export * from './config/options.ts';
export { configReference } from './config/reference.ts';
export { timingMisfit } from './config/warnings.ts';
export { EXIT, type ExitCode } from './exit-codes.ts';
export { main } from './main.ts';
