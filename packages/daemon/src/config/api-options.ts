import type { Endpoint } from './cluster-options.ts';

/** Certificate of the API; with `ca`, clients must show a certificate of that authority. Absolute paths. */
export interface ApiTlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | null;
}

/** Where the admin API listens. */
export interface ApiOptions {
  /** Absolute path of the administrator's Unix socket, at most 107 bytes. */
  readonly socket: string;
  /** Also over TCP; null means no TCP. Beyond loopback only with `tls` and `tokensFile`. */
  readonly listen: Endpoint | null;
  readonly tls: ApiTlsFiles | null;
  readonly tokensFile: string | null;
}
