/** What the traffic client is told, one JSON line each; it answers each with one line. */
export type TrafficCommand =
  | {
      readonly verb: 'open';
      readonly host: string;
      readonly port: number;
      readonly sessions: number;
      readonly intervalMs: number;
    }
  | { readonly verb: 'mark' }
  /** Answers when every session has survived or failed, or when the time is over. */
  | { readonly verb: 'settle'; readonly timeoutMs: number }
  | { readonly verb: 'report' }
  | { readonly verb: 'close' };

/** All sessions together. */
export interface TrafficReport {
  readonly sessions: number;
  readonly survived: number;
  /** Longest gap of any session that survived, in milliseconds; 0 if none did. */
  readonly longestGapMs: number;
  /** How often each fault occurred. */
  readonly faults: Readonly<Record<string, number>>;
  /** Sessions without a fault that no number has come back to. */
  readonly silent: number;
}

/** A line of the traffic client. */
export type TrafficAnswer =
  | { readonly verb: 'open' | 'mark' | 'close' }
  | { readonly verb: 'settle' | 'report'; readonly report: TrafficReport }
  | { readonly verb: 'error'; readonly message: string };
