import { networkInterfaces } from 'node:os';
import { KeepalivedConfigError } from '@raftwall/keepalived';
import { Command, CommanderError } from 'commander';
import { type LoadedConfig, readConfigFile } from './config/config-file.ts';
import { ConfigError } from './config/fault.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { keepalivedFile } from './keepalived-file.ts';
import { createLogger, type Logger } from './logger.ts';
import { run, type StartNode } from './run.ts';
import { SystemdNotifier, sendBySystemdNotify } from './systemd-notify.ts';
import { refuseUnsupported, UnsupportedConfigError } from './unsupported.ts';
import { VERSION } from './version.ts';

interface Arguments {
  readonly config: string;
  readonly check: boolean;
  readonly keepalivedConfig: boolean;
}

/** Loads the wiring, and with it the native code, only when a node is to start: validating must work without. */
const startWiredNode: StartNode = async (config, logger) => {
  const { startNode } = await import('./wire.ts');
  return await startNode(config, logger);
};

const CONFIG_FILE_DEFAULT = '/etc/raftwall/raftwall.yaml';

/**
 * `raftwalld` as a program.
 * @param argv Arguments without interpreter and script.
 * @param startNode What starts the node; another one than the wired only in tests.
 * @returns The exit code (see `EXIT`).
 */
export async function main(
  argv: readonly string[],
  startNode: StartNode = startWiredNode,
): Promise<ExitCode> {
  const options = parseArguments(argv);
  if (typeof options === 'number') return options;
  const loaded = await load(options.config);
  if (loaded === null) return EXIT.config;
  if (options.check) {
    for (const warning of loaded.warnings) process.stderr.write(`warning: ${warning}\n`);
    process.stdout.write(`${options.config}: valid\n`);
    return EXIT.ok;
  }
  if (options.keepalivedConfig) return printKeepalivedConfig(loaded);
  if (!isSupported(loaded)) return EXIT.config;
  return await runDaemon(loaded, startNode);
}

function isSupported({ config }: LoadedConfig): boolean {
  try {
    refuseUnsupported(config);
    return true;
  } catch (error) {
    if (!(error instanceof UnsupportedConfigError)) throw error;
    for (const fault of error.faults) process.stderr.write(`${fault}\n`);
    return false;
  }
}

function printKeepalivedConfig({ config }: LoadedConfig): ExitCode {
  try {
    process.stdout.write(keepalivedFile(config, networkInterfaces()));
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof KeepalivedConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return EXIT.config;
  }
}

async function runDaemon(
  { config, warnings }: LoadedConfig,
  startNode: StartNode,
): Promise<ExitCode> {
  const isTerminal = process.stderr.isTTY === true;
  const logger = createLogger({ level: config.log.level, isTerminal });
  endOnTheUnforeseen(logger);
  for (const warning of warnings) logger.warn(warning);
  const notifier = new SystemdNotifier(process.env, {
    pid: process.pid,
    sendDatagram: sendBySystemdNotify,
    onError: (err) => logger.warn({ err }, 'systemd could not be told'),
  });
  try {
    return await run(config, { logger, startNode, notifier, stopSignal: firstStopSignal() });
  } finally {
    notifier.close();
  }
}

function parseArguments(argv: readonly string[]): Arguments | ExitCode {
  const command = new Command('raftwalld')
    .description('Replicates the connection-tracking table of this firewall to its cluster')
    .version(VERSION)
    .option('-c, --config <file>', 'the configuration (YAML)', CONFIG_FILE_DEFAULT)
    .option('--check', 'only validate the configuration', false)
    .option('--keepalived-config', "print keepalived's configuration for this node", false)
    .allowExcessArguments(false)
    .exitOverride();
  try {
    return command.parse(argv, { from: 'user' }).opts<Arguments>();
  } catch (error) {
    // Commander has told the person already; help and version are no failures.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    throw error;
  }
}

async function load(file: string): Promise<LoadedConfig | null> {
  try {
    return await readConfigFile(file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return null;
  }
}

/** The first signal asks to leave in order, a second one does not wait for the order. */
function firstStopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (asked) process.exit(EXIT.software);
      asked = true;
      resolve(signal);
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
}

function endOnTheUnforeseen(logger: Logger): void {
  process.on('uncaughtException', (err) => {
    logger.fatal({ err }, 'Unexpected error');
    process.exit(EXIT.software);
  });
  process.on('unhandledRejection', (err) => {
    logger.fatal({ err }, 'Unexpected rejection');
    process.exit(EXIT.software);
  });
}
