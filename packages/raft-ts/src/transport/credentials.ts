import { readFileSync } from 'node:fs';
import net from 'node:net';
import tls from 'node:tls';
import type { NodeId } from '../core/types.ts';
import type { Address } from './address.ts';
import type { TlsFiles } from './options.ts';

interface Pem {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Makes the sockets: plain ones, or with mutual TLS 1.3 where the certificate names the member. */
export class Credentials {
  readonly #files: TlsFiles | null;
  #pem: Pem | null;

  /** Reads the files. @throws {Error} If one cannot be read or is no PEM. */
  constructor(files: TlsFiles | null) {
    this.#files = files;
    this.#pem = readPem(files);
  }

  /** Reads the files again; connections made from now on use them. Throws and keeps the old ones when they are bad. */
  reload(server: net.Server | null): void {
    this.#pem = readPem(this.#files);
    if (server instanceof tls.Server && this.#pem !== null) {
      server.setSecureContext({ ...this.#pem, minVersion: 'TLSv1.3' });
    }
  }

  listen(
    onConnection: (socket: net.Socket) => void,
    onRefused: (error: Error) => void,
    handshakeTimeoutMs: number,
  ): net.Server {
    if (this.#pem === null) return net.createServer({ noDelay: true }, onConnection);
    const options = {
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
      handshakeTimeout: handshakeTimeoutMs,
      noDelay: true,
    } as const;
    const server = tls.createServer({ ...this.#pem, ...options }, onConnection);
    server.on('tlsClientError', onRefused);
    return server;
  }

  /** `onReady` comes when bytes may be sent, which is after the TLS handshake. */
  dial(address: Address, peer: NodeId, onReady: () => void): net.Socket {
    if (this.#pem === null) return net.connect({ ...address, noDelay: true }, onReady);
    const socket = tls.connect(
      {
        ...address,
        ...this.#pem,
        minVersion: 'TLSv1.3',
        // Members are known by id, not by the name or address under which they are reached.
        checkServerIdentity: (_, certificate) => nameMismatch(certificate, peer),
      },
      onReady,
    );
    socket.setNoDelay(true);
    return socket;
  }

  /** Whether an accepted connection may speak for this id. */
  speaksFor(socket: net.Socket, id: NodeId): boolean {
    if (this.#pem === null) return true;
    if (!(socket instanceof tls.TLSSocket)) return false;
    return nameMismatch(socket.getPeerCertificate(), id) === undefined;
  }
}

function readPem(files: TlsFiles | null): Pem | null {
  if (files === null) return null;
  const read = (file: string): string => readFileSync(file, 'utf8');
  const pem = { ca: read(files.ca), cert: read(files.cert), key: read(files.key) };
  tls.createSecureContext(pem);
  return pem;
}

function nameMismatch(certificate: tls.PeerCertificate, id: NodeId): Error | undefined {
  const alternative = (certificate.subjectaltname ?? '').split(', ');
  if (certificate.subject?.CN === id || alternative.includes(`DNS:${id}`)) return undefined;
  return Object.assign(
    new Error(`the certificate of ${certificate.subject?.CN} is not for ${id}`),
    {
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
  );
}
