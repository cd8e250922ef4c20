import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** Sends one datagram to a Unix socket; Node itself has no such sockets. */
export type SendDatagram = (path: string, bytes: Uint8Array) => Promise<void>;

/** What systemd gives a service of `Type=notify` in its environment (sd_notify(3), sd_watchdog_enabled(3)). */
export interface NotifyEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
  readonly WATCHDOG_PID?: string | undefined;
}

export interface NotifierDependencies {
  readonly pid: number;
  readonly sendDatagram: SendDatagram;
  /** Hears of datagrams that could not be sent: the service must not die of that. */
  readonly onError: (error: Error) => void;
}

/** Tells systemd how the service does; does nothing when systemd did not ask. */
export class SystemdNotifier {
  readonly #socket: string | null;
  readonly #watchdogMs: number | null;
  readonly #dependencies: NotifierDependencies;
  #watchdog: NodeJS.Timeout | null = null;

  constructor(environment: NotifyEnvironment, dependencies: NotifierDependencies) {
    this.#socket = environment.NOTIFY_SOCKET || null;
    this.#watchdogMs = watchdogMs(environment, dependencies.pid);
    this.#dependencies = dependencies;
  }

  /** The service is up: READY=1, and from now on WATCHDOG=1 twice in each interval that systemd allows. */
  async ready(status: string): Promise<void> {
    await this.#send(`READY=1\nSTATUS=${oneLine(status)}`);
    if (this.#watchdogMs === null || this.#socket === null) return;
    this.#watchdog = setInterval(() => void this.#send('WATCHDOG=1'), this.#watchdogMs / 2);
    this.#watchdog.unref();
  }

  /** The service leaves: STOPPING=1. The watchdog goes on, since leaving in order takes its time. */
  async stopping(): Promise<void> {
    await this.#send('STOPPING=1');
  }

  /** Ends the watchdog's timer. */
  close(): void {
    if (this.#watchdog !== null) clearInterval(this.#watchdog);
    this.#watchdog = null;
  }

  async #send(state: string): Promise<void> {
    if (this.#socket === null) return;
    try {
      await this.#dependencies.sendDatagram(this.#socket, Buffer.from(state));
    } catch (error) {
      this.#dependencies.onError(error instanceof Error ? error : new Error(String(error)));
    }
  }
}

/**
 * Sends by the program `systemd-notify`, which every systemd machine has. The unit needs `NotifyAccess=all`, since the
 * datagram then comes from a child. The bytes are assignments, one a line.
 */
export const sendBySystemdNotify: SendDatagram = async (path, bytes) => {
  const assignments = Buffer.from(bytes).toString().split('\n');
  const env = { ...process.env, NOTIFY_SOCKET: path };
  await promisify(execFile)('systemd-notify', assignments, { env, timeout: 5000 });
};

function watchdogMs(environment: NotifyEnvironment, pid: number): number | null {
  const us = Number(environment.WATCHDOG_USEC);
  const forMe = !environment.WATCHDOG_PID || Number(environment.WATCHDOG_PID) === pid;
  return Number.isSafeInteger(us) && us > 0 && forMe ? us / 1000 : null;
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
