export { AdminApi, type AdminApiDependencies } from './admin-api.ts';
export {
  NotASocketError,
  SocketInUseError,
  TokensFileError,
  UnprotectedListenError,
} from './errors.ts';
export type { ApiLogger } from './logger.ts';
export { NodeRegistry } from './metrics/node-registry.ts';
export {
  type AdminApiOptions,
  type ApiLimits,
  type ApiTlsOptions,
  DEFAULT_LIMITS,
} from './options.ts';
export type { Problem, ProblemCode } from './problem.ts';
