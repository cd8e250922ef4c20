import { createInterface } from 'node:readline';
import { EchoSessions } from './echo-sessions.ts';
import type { TrafficAnswer, TrafficCommand } from './protocol.ts';

/** A process of host A: takes commands from its standard input, answers on its standard output. */
let sessions: EchoSessions | null = null;

async function obey(command: TrafficCommand): Promise<TrafficAnswer> {
  if (command.verb === 'open') {
    sessions = await EchoSessions.open(command);
    return { verb: 'open' };
  }
  if (sessions === null) throw new Error(`"${command.verb}" before "open"`);
  if (command.verb === 'mark') sessions.mark();
  if (command.verb === 'close') await sessions.close();
  if (command.verb === 'settle') await sessions.settle(command.timeoutMs);
  if (command.verb === 'settle' || command.verb === 'report') {
    return { verb: command.verb, report: sessions.report() };
  }
  return { verb: command.verb };
}

const input = createInterface({ input: process.stdin });
for await (const line of input) {
  const answer = await obey(JSON.parse(line) as TrafficCommand).catch(
    (error: unknown): TrafficAnswer => ({ verb: 'error', message: String(error) }),
  );
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
