import {
  type AdminClient,
  type ClientFlowQuery,
  type FlowView,
  RefusedError,
} from '@raftwall/admin-api/client';
import type { CommandContext, Run } from '../context.ts';
import { UsageError } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { flowLine } from '../output/flow-line.ts';
import { jsonText } from '../output/table.ts';

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
    try {
      await printFlows(context, query, text);
    } catch (error) {
      if (!(error instanceof RefusedError) || error.problem !== 'no-quorum') throw error;
      // In an outage what this node has is worth more than nothing, if it is not taken for more.
      context.terminal.err(
        `raftwall: ${error.message}\nraftwall: these are the flows that this node knows of\n`,
      );
      await printFlows(context, { ...query, consistency: 'local' }, text);
    }
    return EXIT.done;
  };
}

/** `flows delete`: ends what matches, on the active node. */
export function deleteFlows(options: FlowFilterOptions, all: boolean): Run {
  const { limit, ...query } = queryOf(options);
  if (limit !== undefined) throw new UsageError('--limit does not restrict flows delete');
  if (Object.keys(query).length === 0 && !all) {
    throw new UsageError('flows delete wants a filter, or --all for every flow');
  }
  return async ({ client, terminal, json }) => {
    const deleted = await client.deleteFlows(query, { all });
    await terminal.out(json ? jsonText({ deleted }) : `${deleted} flows deleted\n`);
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
