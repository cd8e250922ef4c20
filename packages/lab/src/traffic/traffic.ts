import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { plan } from '../address-plan.ts';
import { LabError } from '../errors.ts';
import type { Namespace } from '../namespace.ts';
import type { TrafficAnswer, TrafficCommand, TrafficReport } from './protocol.ts';

/** How many sessions go where. */
export interface TrafficOptions {
  /** Default 200. */
  readonly sessions?: number;
  /** Default: B's own address. */
  readonly host?: string;
  /** Default: that of the echo server. */
  readonly port?: number;
  /** Port of the echo server. Default: that of the plan. */
  readonly echoPort?: number;
  /** How often each session sends, in milliseconds. Default 100. */
  readonly intervalMs?: number;
}

/** TCP sessions from host A through the firewalls to an echo server on host B. */
export class Traffic {
  readonly sessions: number;
  readonly #server: ChildProcess;
  readonly #client: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(parts: {
    sessions: number;
    server: ChildProcess;
    client: ChildProcess;
    lines: Interface;
  }) {
    this.sessions = parts.sessions;
    this.#server = parts.server;
    this.#client = parts.client;
    this.#answers = parts.lines[Symbol.asyncIterator]();
  }

  /** Opens the sessions; each is established when it returns.
   * @throws {LabError} If one cannot be opened. */
  static async open(
    hosts: { readonly a: Namespace; readonly b: Namespace },
    options: TrafficOptions = {},
  ): Promise<Traffic> {
    const { sessions = 200, host = plan.hostB, intervalMs = 100 } = options;
    const { echoPort = plan.echoPort, port = echoPort } = options;
    const server = await startEchoServer(hosts.b, echoPort);
    const client = startNode(hosts.a, 'echo-client', []);
    const lines = createInterface({ input: client.stdout! });
    const traffic = new Traffic({ sessions, server, client, lines });
    await traffic.#command({ verb: 'open', host, port, sessions, intervalMs });
    return traffic;
  }

  /** From here on survival and gaps count. Call it when the fault has just happened: what was sent
   * before it could still come back would prove nothing. */
  async mark(): Promise<void> {
    await this.#command({ verb: 'mark' });
  }

  /** Waits until each session has survived or failed, at most `timeoutMs`. */
  async settle(timeoutMs = 10_000): Promise<TrafficReport> {
    return this.#report({ verb: 'settle', timeoutMs });
  }

  report(): Promise<TrafficReport> {
    return this.#report({ verb: 'report' });
  }

  /** Closes the sessions in order and ends both sides. */
  async close(): Promise<void> {
    await this.#command({ verb: 'close' });
    await Promise.all([endProcess(this.#client), endProcess(this.#server)]);
  }

  async #report(command: TrafficCommand): Promise<TrafficReport> {
    const answer = await this.#command(command);
    if ('report' in answer) return answer.report;
    throw new LabError('LAB_COMMAND_FAILED', `traffic client: no report but ${answer.verb}`);
  }

  async #command(command: TrafficCommand): Promise<TrafficAnswer> {
    this.#client.stdin!.write(`${JSON.stringify(command)}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new LabError('LAB_PROCESS_ENDED', 'the traffic client ended');
    const answer = JSON.parse(value) as TrafficAnswer;
    if (answer.verb === 'error') {
      throw new LabError('LAB_COMMAND_FAILED', `traffic client: ${answer.message}`);
    }
    return answer;
  }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function startEchoServer(host: Namespace, port: number): Promise<ChildProcess> {
  const server = startNode(host, 'echo-server', [String(port)]);
  await new Promise<void>((resolve, reject) => {
    server.stdout!.once('data', () => resolve());
    server.once('exit', () => reject(new LabError('LAB_PROCESS_ENDED', 'the echo server ended')));
  });
  return server;
}

/** The processes run as built: they are started by Node alone. */
function startNode(host: Namespace, name: string, args: readonly string[]): ChildProcess {
  const script = fileURLToPath(new URL(`../../dist/traffic/${name}.js`, import.meta.url));
  const options = { stdio: ['pipe', 'pipe', 'inherit'] as ['pipe', 'pipe', 'inherit'] };
  return spawn('ip', ['netns', 'exec', host.name, process.execPath, script, ...args], options);
}
