import type {
  ActivationView,
  FlowQuery,
  FlowView,
  KernelStatus,
  MemberChange,
  MemberStatus,
  NodeEvent,
  NodeStatus,
  SurveyReport,
  VerifyReport,
} from '@raftwall/replicator';
import { BadAnswerError, RefusedError } from './errors.ts';
import { linesOf } from './lines.ts';
import {
  type ClientTarget,
  chunksOf,
  parseJson,
  type RequestDetails,
  readText,
  send,
} from './request.ts';

/** Conditions of a listing; `origin` tells flows that the asked node is the source of from those of others. */
export interface ClientFlowQuery extends FlowQuery {
  readonly origin?: 'local' | 'remote';
  /** `linearizable` unless told otherwise, which without a quorum is refused. */
  readonly consistency?: 'linearizable' | 'local';
}

/** Whether a node may take over, and if not, why. */
export type Readiness =
  | { readonly ready: true; readonly reason: null }
  | { readonly ready: false; readonly reason: string };

/**
 * Talks to one raftwalld. Every method throws `UnreachableError` when nobody answers, `RefusedError` when the daemon
 * refuses, and `BadAnswerError` when somebody else answers.
 */
export class AdminClient {
  readonly #target: ClientTarget;

  constructor(target: ClientTarget) {
    this.#target = target;
  }

  async status(): Promise<NodeStatus> {
    return (await this.#object({ path: '/v1/status' })) as unknown as NodeStatus;
  }

  async readiness(): Promise<Readiness> {
    try {
      await this.#object({ path: '/readyz' });
      return { ready: true, reason: null };
    } catch (error) {
      if (!(error instanceof RefusedError) || error.problem !== 'not-ready') throw error;
      return { ready: false, reason: error.message };
    }
  }

  async members(): Promise<readonly MemberStatus[]> {
    return (await this.#array({ path: '/v1/members' })) as MemberStatus[];
  }

  /** Newest last. */
  async activations(): Promise<readonly ActivationView[]> {
    return (await this.#array({ path: '/v1/activations' })) as ActivationView[];
  }

  /** Resolves when every member has compared, which takes a dump of each kernel; `repair` mends them first. */
  async verify({ repair = false }: { readonly repair?: boolean } = {}): Promise<VerifyReport> {
    const method = repair ? 'POST' : 'GET';
    return (await this.#object({ method, path: '/v1/verify' })) as unknown as VerifyReport;
  }

  /** Resolves when every member has said how it is set up, or does not answer. */
  async survey(): Promise<SurveyReport> {
    return (await this.#object({ path: '/v1/survey' })) as unknown as SurveyReport;
  }

  /** Resolves when the target leads. */
  async transfer(target: string): Promise<void> {
    await this.#object({ method: 'POST', path: '/v1/transfer', body: { target } });
  }

  /** Resolves when another node carries the traffic. */
  async drain(): Promise<void> {
    await this.#object({ method: 'POST', path: '/v1/drain' });
  }

  async undrain(): Promise<void> {
    await this.#object({ method: 'POST', path: '/v1/undrain' });
  }

  /** Asks the leader; resolves with the members when the change is committed. */
  async changeMembers({ kind, ...body }: MemberChange): Promise<readonly MemberStatus[]> {
    const request = { method: 'POST', path: `/v1/members/${kind}`, body } as const;
    return (await this.#array(request)) as MemberStatus[];
  }

  /** Resolves when the reconcile is done, with what it did. */
  async reconcile(reason: string): Promise<KernelStatus['lastReconcile']> {
    const request = { method: 'POST', path: '/v1/reconcile', body: { reason } } as const;
    const { lastReconcile } = await this.#object(request);
    return lastReconcile as KernelStatus['lastReconcile'];
  }

  /** The metrics in Prometheus' text format. */
  async metrics(): Promise<string> {
    return readText(this.#target, await send(this.#target, { path: '/metrics', accept: '*/*' }));
  }

  /** Flows one by one, as they arrive: a table of any size needs no memory here. */
  async *flows(query: ClientFlowQuery = {}): AsyncGenerator<FlowView> {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) parameters.set(name, String(value));
    const path = `/v1/flows?${parameters}`;
    const answer = await send(this.#target, { path, accept: 'application/x-ndjson' });
    for await (const line of linesOf(chunksOf(this.#target, answer))) {
      yield parseJson(line) as FlowView;
    }
  }

  /** Ends the flows that match, on the active node; resolves with how many. Without a condition it wants `all`. */
  async deleteFlows(query: Omit<FlowQuery, 'limit'>, { all = false } = {}): Promise<number> {
    const parameters = new URLSearchParams(all ? { all: 'true' } : {});
    for (const [name, value] of Object.entries(query)) parameters.set(name, String(value));
    const request = { method: 'DELETE', path: `/v1/flows?${parameters}` } as const;
    return Number((await this.#object(request))['deleted']);
  }

  /** The configuration in force, without what names secrets. */
  config(): Promise<Record<string, unknown>> {
    return this.#object({ path: '/v1/config' });
  }

  /** What happens on the node, until the signal ends it or the connection is lost. */
  async *events(signal?: AbortSignal): AsyncGenerator<NodeEvent> {
    const details = { path: '/v1/events', accept: 'text/event-stream', signal };
    const answer = await send(this.#target, details);
    for await (const line of linesOf(chunksOf(this.#target, answer))) {
      if (line.startsWith('data: ')) yield parseJson(line.slice('data: '.length)) as NodeEvent;
    }
  }

  async #object(details: RequestDetails): Promise<Record<string, unknown>> {
    const value = await this.#json(details);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
    throw new BadAnswerError(`${details.path} gave no object`);
  }

  async #array(details: RequestDetails): Promise<unknown[]> {
    const value = await this.#json(details);
    if (Array.isArray(value)) return value;
    throw new BadAnswerError(`${details.path} gave no array`);
  }

  async #json(details: RequestDetails): Promise<unknown> {
    return parseJson(await readText(this.#target, await send(this.#target, details)));
  }
}
