export * from './config/index.ts';
export { EXIT, type ExitCode } from './exit-codes.ts';
export { main } from './main.ts';
