import type { NodeEvent, NodeStatus } from '@raftwall/admin-api/client';
import type { Run } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type Style, styled } from '../terminal.ts';

/** `watch`: a line on how things are, then a line for each event, until interrupted. */
export const watch: Run = async ({ client, terminal, json }) => {
  if (!json) await terminal.out(`${styled(terminal, 'dim', summary(await client.status()))}\n`);
  try {
    for await (const event of client.events(terminal.stopped)) {
      const text = json
        ? JSON.stringify(event)
        : eventLine(event, (style, it) => styled(terminal, style, it));
      await terminal.out(`${text}\n`);
    }
  } catch (error) {
    // The person had enough: that is how watching ends.
    if (!terminal.stopped.aborted) throw error;
  }
  return EXIT.done;
};

function summary(status: NodeStatus): string {
  const readiness = status.ready ? 'ready' : `not ready (${status.notReadyReason ?? '?'})`;
  return `${status.node} is ${readiness}, leader ${status.leader ?? 'none'}, active ${status.active ?? 'none'}, ${status.flows} flows`;
}

function eventLine(event: NodeEvent, paint: (style: Style, text: string) => string): string {
  const details = Object.entries(event.details).map(([name, value]) => `${name}=${value}`);
  const time = paint('dim', new Date(event.atMs).toISOString());
  const text = `${time}  ${event.kind.padEnd(10)}  ${event.message}`;
  return details.length === 0 ? text : `${text}  ${paint('dim', details.join(' '))}`;
}
