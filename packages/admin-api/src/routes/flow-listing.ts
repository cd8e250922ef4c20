import type { AdminPort, FlowQuery, FlowView } from '@raftwall/replicator';

/** Flows that one page may hold: small enough that a page takes well under a millisecond to write. */
const PAGE_SIZE = 256;

/** Whose flows are wanted: those this node is the source of, or those it got from others. */
type FlowOrigin = 'local' | 'remote';

/** What a listing restricts; `origin` is known here only, so the limit is counted after it. */
export interface ListingQuery extends FlowQuery {
  readonly origin?: FlowOrigin;
}

/** Pages of the flows that a query asks for. */
export async function* listFlows(
  node: AdminPort,
  { origin, limit, ...conditions }: ListingQuery,
): AsyncGenerator<readonly FlowView[]> {
  if (origin === undefined) {
    yield* node.flows(limit === undefined ? conditions : { ...conditions, limit }, PAGE_SIZE);
    return;
  }
  const self = node.status().node;
  let left = limit ?? Number.POSITIVE_INFINITY;
  for await (const page of node.flows(conditions, PAGE_SIZE)) {
    const wanted = page.filter((flow) => (flow.node === self) === (origin === 'local'));
    yield wanted.slice(0, left);
    left -= wanted.length;
    if (left <= 0) return;
  }
}

/** One JSON document a line. */
export async function* toNdjson(pages: AsyncIterable<readonly FlowView[]>) {
  for await (const page of pages) {
    if (page.length > 0) yield `${page.map((flow) => JSON.stringify(flow)).join('\n')}\n`;
  }
}

/** One JSON array, written page by page. */
export async function* toJsonArray(pages: AsyncIterable<readonly FlowView[]>) {
  let before = '[';
  for await (const page of pages) {
    if (page.length === 0) continue;
    yield before + page.map((flow) => JSON.stringify(flow)).join(',');
    before = ',';
  }
  yield before === '[' ? '[]' : ']';
}
