import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { type CommandOptions, run, runQuietly } from './command.ts';
import { RootNeededError } from './errors.ts';
import { claimPrefix, orphanedPrefixes, releasePrefix } from './owner.ts';

/** One network namespace: a machine of the lab. */
export class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  /** Runs a command inside. @returns its standard output */
  exec(file: string, args: readonly string[], options?: CommandOptions): Promise<string> {
    return run('ip', ['netns', 'exec', this.name, file, ...args], options);
  }

  /** Runs lines of `ip` inside, all in one process. */
  async ip(lines: readonly string[]): Promise<void> {
    await run('ip', ['-n', this.name, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  /** Sets sysctls, names written with dots. */
  async sysctl(values: Readonly<Record<string, number>>): Promise<void> {
    if (Object.keys(values).length === 0) return;
    const settings = Object.entries(values).map(([name, value]) => `${name}=${value}`);
    await this.exec('sysctl', ['-q', '-w', ...settings]);
  }

  /** @returns the processes that run inside */
  async pids(): Promise<number[]> {
    const text = await run('ip', ['netns', 'pids', this.name]);
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
  }

  /** Starts a command inside; it has the pid of the child. */
  spawn(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    return spawn('ip', ['netns', 'exec', this.name, file, ...args], options);
  }
}

/** The namespaces of one run. They carry one prefix, and go when the run does, however it ends. */
export class NamespaceSet {
  /** `rw`, four random hex digits and a dash. */
  readonly prefix: string;
  readonly #names = new Set<string>();
  readonly #onExit = (): void => this.remove();
  readonly #onSignal = (signal: NodeJS.Signals): void => {
    this.remove();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };

  /** @throws {RootNeededError} If this process may not make namespaces. */
  constructor() {
    if (process.getuid?.() !== 0) throw new RootNeededError();
    sweepOrphans();
    this.prefix = `rw${randomBytes(2).toString('hex')}-`;
    claimPrefix(this.prefix);
    process.on('exit', this.#onExit);
    process.on('SIGINT', this.#onSignal);
    process.on('SIGTERM', this.#onSignal);
  }

  /** Makes an empty namespace with its loopback up. */
  async create(shortName: string): Promise<Namespace> {
    const name = `${this.prefix}${shortName}`;
    this.#names.add(name);
    await run('ip', ['netns', 'add', name]);
    const namespace = new Namespace(name);
    await namespace.ip(['link set lo up']);
    return namespace;
  }

  /** Ends what runs inside, at once, and removes it with its kernel state. */
  delete(namespace: Namespace): void {
    this.#names.delete(namespace.name);
    deleteNamespaces([namespace.name]);
  }

  /** Removes all of them. It may be called twice. */
  remove(): void {
    process.off('exit', this.#onExit);
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
    deleteNamespaces([...this.#names]);
    this.#names.clear();
    releasePrefix(this.prefix);
  }
}

/** Removes what runs left behind whose process is gone (killed, or out of memory). */
export function sweepOrphans(): void {
  const prefixes = orphanedPrefixes();
  if (prefixes.length === 0) return;
  const names = readdirSync('/run/netns').filter((name) =>
    prefixes.some((p) => name.startsWith(p)),
  );
  deleteNamespaces(names);
  for (const prefix of prefixes) releasePrefix(prefix);
}

function deleteNamespaces(names: readonly string[]): void {
  if (names.length === 0) return;
  for (const name of names) killInside(name);
  runQuietly(
    'ip',
    ['-force', '-batch', '-'],
    names.map((name) => `netns delete ${name}\n`).join(''),
  );
}

function killInside(name: string): void {
  const pids = runQuietly('ip', ['netns', 'pids', name]).split('\n');
  killNow(pids.filter((pid) => pid !== '').map(Number));
}

/** SIGKILL to each; one that has ended is passed over. */
export function killNow(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended in between.
    }
  }
}
