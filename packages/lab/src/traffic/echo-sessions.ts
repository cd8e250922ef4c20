import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { NumberedStream } from './numbered-stream.ts';
import type { TrafficReport } from './protocol.ts';

/** Sessions are served in so many turns per interval, so that they do not all send at once. */
const TURNS = 10;
const CONNECT_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 1000;

interface EchoSession {
  readonly socket: Socket;
  readonly stream: NumberedStream;
}

/** What the sessions of one client talk to. */
export interface EchoSessionsOptions {
  readonly host: string;
  readonly port: number;
  readonly sessions: number;
  readonly intervalMs: number;
}

/** TCP sessions that send a number each interval and check that it comes back. */
export class EchoSessions {
  readonly #sessions: EchoSession[];
  readonly #timer: NodeJS.Timeout;
  #turn = 0;

  private constructor(sessions: EchoSession[], intervalMs: number) {
    this.#sessions = sessions;
    this.#timer = setInterval(() => this.#sendTurn(), intervalMs / TURNS);
  }

  /** @throws {Error} If a session cannot be opened. */
  static async open(options: EchoSessionsOptions): Promise<EchoSessions> {
    const opened = Array.from({ length: options.sessions }, () => openSession(options));
    return new EchoSessions(await Promise.all(opened), options.intervalMs);
  }

  /** From here on survival and gaps count: call it when the fault has just happened. */
  mark(): void {
    for (const { stream } of this.#sessions) stream.mark();
  }

  /** Waits until each session has survived or failed, at most `timeoutMs`. */
  async settle(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    const open = (): boolean =>
      this.#sessions.some(({ stream }) => !stream.survived && stream.fault === null);
    while (open() && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  report(): TrafficReport {
    const reports = this.#sessions.map(({ stream }) => stream.report());
    const faults: Record<string, number> = {};
    for (const { fault } of reports) if (fault !== null) faults[fault] = (faults[fault] ?? 0) + 1;
    const survivors = reports.filter((report) => report.survived);
    return {
      sessions: reports.length,
      survived: survivors.length,
      longestGapMs: Math.round(Math.max(0, ...survivors.map((report) => report.longestGapMs))),
      faults,
      silent: reports.filter((report) => !report.survived && report.fault === null).length,
    };
  }

  /** Ends the sessions in order, both directions; those that are dead are dropped. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#sessions.map(({ socket }) => endSocket(socket)));
  }

  #sendTurn(): void {
    this.#turn = (this.#turn + 1) % TURNS;
    for (let i = this.#turn; i < this.#sessions.length; i += TURNS) {
      const { socket, stream } = this.#sessions[i]!;
      if (stream.fault === null) socket.write(stream.next());
    }
  }
}

async function openSession(options: EchoSessionsOptions): Promise<EchoSession> {
  const socket = connect({ host: options.host, port: options.port, noDelay: true });
  await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
  const stream = new NumberedStream();
  socket.setEncoding('latin1');
  socket.on('data', (text: string) => stream.take(text));
  socket.on('error', (error: NodeJS.ErrnoException) => stream.fail(error.code ?? error.message));
  socket.on('end', () => stream.fail('ended by the other side'));
  socket.on('close', () => stream.fail('closed'));
  return { socket, stream };
}

async function endSocket(socket: Socket): Promise<void> {
  if (socket.destroyed) return;
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) });
  socket.end();
  await closed.catch(() => socket.destroy());
}
