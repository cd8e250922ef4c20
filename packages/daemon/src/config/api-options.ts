import { defaulted, mapping, optional, required } from './field.ts';
import { type Endpoint, endpoint } from './net-fields.ts';
import { absolutePath } from './scalar-fields.ts';

/** Certificate of the API; with `ca`, clients must show a certificate of that authority. Absolute paths. */
export interface ApiTlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | null;
}

/** Where the admin API listens. */
export interface ApiOptions {
  /** Absolute path of the administrator's Unix socket, at most 99 bytes. */
  readonly socket: string;
  /** Also over TCP; null means no TCP. Beyond loopback only with `tls` and `tokensFile`. */
  readonly listen: Endpoint | null;
  readonly tls: ApiTlsFiles | null;
  readonly tokensFile: string | null;
}

/** `sockaddr_un.sun_path` holds 107 bytes and a zero (unix(7)); the socket is first made under a name longer by up to 8. */
const SOCKET_PATH_BYTES_MAX = 99;

const apiTlsFields = {
  cert: required('Certificate (PEM) of the API.', absolutePath()),
  key: required('Private key (PEM) of the certificate.', absolutePath()),
  ca: optional('Certificates (PEM) of the authority that clients must come from.', absolutePath()),
};

/** Keys of `api`. */
export const apiFields = {
  socket: defaulted(
    'Unix socket of the local administrator (file mode 0600).',
    absolutePath(SOCKET_PATH_BYTES_MAX),
    '/run/raftwall/raftwall.sock',
  ),
  listen: optional(
    'Also serves over TCP; beyond loopback only with `tls` and `tokensFile`.',
    endpoint,
  ),
  tls: optional('Certificate of the API over TCP.', mapping(apiTlsFields)),
  tokensFile: optional('File of hashed bearer tokens with their roles.', absolutePath()),
};
