import type { AdminClient, ClientFlowQuery, FlowView } from '@raftwall/admin-api/client';
import type { CommandContext, Run } from '../context.ts';
import { UsageError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { flowLine } from '../output/flow-line.ts';

/** Options of `flows` as the command line gives them. */
export interface FlowFilterOptions {
  readonly proto?: string;
  readonly src?: string;
  readonly dst?: string;
  readonly sport?: string;
  readonly dport?: string;
  readonly state?: string;
  readonly zone?: string;
  readonly mark?: string;
  readonly limit?: string;
}

/** Lines that are written at once. */
const CHUNK_LINES = 512;

/** `flows`: a line for each flow, as `conntrack -L` has it, or NDJSON. */
export function flows(options: FlowFilterOptions): Run {
  const query = queryOf(options);
  return async (context) => {
    const text = context.json
      ? (flow: FlowView) => JSON.stringify(flow)
      : (it: FlowView) => flowLine(it);
    await printFlows(context, query, text);
    return EXIT.done;
  };
}

/** Prints flows as they arrive, without holding them. */
export async function printFlows(
  { client, terminal }: Pick<CommandContext, 'terminal'> & { client: Pick<AdminClient, 'flows'> },
  query: ClientFlowQuery,
  text: (flow: FlowView) => string,
): Promise<void> {
  let lines: string[] = [];
  for await (const flow of client.flows(query)) {
    if (terminal.stopped.aborted) return;
    lines.push(text(flow));
    if (lines.length < CHUNK_LINES) continue;
    await terminal.out(`${lines.join('\n')}\n`);
    lines = [];
  }
  if (lines.length > 0) await terminal.out(`${lines.join('\n')}\n`);
}

function queryOf(options: FlowFilterOptions): ClientFlowQuery {
  const { proto, src, dst, state, ...numbers } = options;
  const query: Record<string, string | number> = {};
  if (proto !== undefined) query['proto'] = proto.toLowerCase();
  if (src !== undefined) query['src'] = src;
  if (dst !== undefined) query['dst'] = dst;
  if (state !== undefined) query['state'] = state.toUpperCase();
  for (const [name, text] of Object.entries(numbers)) {
    // As in conntrack(8), marks may be hexadecimal.
    const isNumber = /^(\d+|0x[0-9a-f]+)$/i.test(text);
    if (!isNumber) throw new UsageError(`--${name} wants a whole number, not ${text}`);
    query[name] = Number(text);
  }
  return query;
}
