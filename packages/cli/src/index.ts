export { EXIT, type ExitCode } from './exit-codes.ts';
export { type Environment, main } from './main.ts';
export { cliReference } from './reference.ts';
export { processTerminal, type Terminal } from './terminal.ts';
