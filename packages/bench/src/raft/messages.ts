import type { ClosedLoop, LoadResult } from '../load/closed-loop.ts';
import type { LatencySummary } from '../load/latency.ts';
import type { Paced } from '../load/paced.ts';

/** What a member process is told on its command line, as JSON. */
export interface MemberSetting {
  readonly id: string;
  readonly directory: string;
  readonly members: Readonly<Record<string, string>>;
}

/** To a member process. */
export type MemberRequest =
  | { readonly kind: 'closed-loop'; readonly load: ClosedLoop }
  | { readonly kind: 'paced'; readonly load: Paced }
  | { readonly kind: 'standing' };

/** Where a member stands. */
export interface Standing {
  readonly isLeader: boolean;
  readonly appliedIndex: number;
  readonly flows: number;
  /** Digest of all records; equal tables have equal digests. */
  readonly digest: string;
}

/** From a member process: one answer to each request, and `edge` when the measured time of a load begins and ends. */
export type MemberAnswer =
  | { readonly kind: 'edge'; readonly edge: 'begin' | 'end' }
  | { readonly kind: 'closed-loop'; readonly result: LoadResult }
  | { readonly kind: 'paced'; readonly latency: LatencySummary }
  | ({ readonly kind: 'standing' } & Standing)
  | { readonly kind: 'failed'; readonly message: string };
