/** PEM files of the API over TCP. */
export interface ApiTlsOptions {
  readonly cert: string;
  readonly key: string;
  /** With it, clients must show a certificate of this authority. */
  readonly ca: string | null;
}

/** What one API instance bounds. All limits are for each listener. */
export interface ApiLimits {
  /** Requests for each remote address, as a sustained rate. */
  readonly requestsPerSecondMax: number;
  /** Requests for each remote address that may come at once. */
  readonly requestBurstMax: number;
  readonly bodyBytesMax: number;
  readonly connectionsMax: number;
  /** Listings of flows that run at the same time. */
  readonly flowListingsMax: number;
  /** Event streams that are open at the same time. */
  readonly eventStreamsMax: number;
  /** What may wait for one slow reader of events before it is cut off. */
  readonly eventBacklogBytesMax: number;
}

export const DEFAULT_LIMITS: ApiLimits = Object.freeze({
  requestsPerSecondMax: 100,
  requestBurstMax: 200,
  bodyBytesMax: 64 * 1024,
  connectionsMax: 256,
  flowListingsMax: 4,
  eventStreamsMax: 64,
  eventBacklogBytesMax: 1 << 20,
});

/** Where the API listens and what it serves. */
export interface AdminApiOptions {
  /** Absolute path of at most 99 bytes: the socket is made beside it, under a name that may be longer by 8. */
  readonly socket: string;
  /** Null means no TCP. */
  readonly listen: { readonly host: string; readonly port: number } | null;
  readonly tls: ApiTlsOptions | null;
  /** Hashed bearer tokens; without it, requests over TCP may read and change nothing. */
  readonly tokensFile: string | null;
  /** Files of the dashboard by their URL path (`/`, `/app.js`); empty means no dashboard. */
  readonly dashboardFiles: Readonly<Record<string, string>>;
  readonly limits?: Partial<ApiLimits>;
}
