import { readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { BlockList, isIPv6 } from 'node:net';
import type { AdminPort } from '@raftwall/replicator';
import type { FastifyServerFactory } from 'fastify';
import type { Registry } from 'prom-client';
import { type Access, buildApp } from './app.ts';
import { Tokens } from './auth.ts';
import { UnprotectedListenError } from './errors.ts';
import type { ApiLogger } from './logger.ts';
import {
  type AdminApiOptions,
  type ApiLimits,
  type ApiTlsOptions,
  DEFAULT_LIMITS,
} from './options.ts';
import type { App } from './type-provider.ts';
import { listenOnUnixSocket } from './unix-socket.ts';

export interface AdminApiDependencies {
  readonly node: AdminPort;
  /** What `/metrics` shows. */
  readonly registry: Registry;
  /** The configuration in force; `GET /v1/config` hides what names secrets. */
  readonly config: object;
  readonly logger: ApiLogger | null;
}

/** How long requests that run may go on when the API stops. */
const STOP_MS = 2000;

/** The admin API of one node, on its Unix socket and, if wanted, over TCP. */
export class AdminApi {
  readonly #options: AdminApiOptions;
  readonly #dependencies: AdminApiDependencies;
  readonly #limits: ApiLimits;
  readonly #stopping = new AbortController();
  readonly #apps: App[] = [];
  #socketInode: bigint | null = null;

  constructor(options: AdminApiOptions, dependencies: AdminApiDependencies) {
    this.#options = options;
    this.#dependencies = dependencies;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
  }

  /**
   * Listens.
   * @throws {SocketInUseError} If another process answers on the socket.
   * @throws {NotASocketError} If something else stands at the socket's path.
   * @throws {UnprotectedListenError} If TCP would be open beyond loopback without certificate and tokens.
   * @throws {TokensFileError} If the tokens file has a bad line.
   */
  async start(): Promise<void> {
    try {
      await this.#startSocket();
      await this.#startTcp();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** The port that TCP listens on, for options with port 0; null without TCP. */
  get port(): number | null {
    const address = this.#apps[1]?.server.address();
    return typeof address === 'object' && address !== null ? address.port : null;
  }

  /** Ends event streams, waits a moment for running requests, closes and removes the socket. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const cutOff = setTimeout(() => {
      for (const app of this.#apps) app.server.closeAllConnections();
    }, STOP_MS);
    await Promise.all(this.#apps.map((app) => app.close()));
    clearTimeout(cutOff);
    await this.#removeSocket();
  }

  async #startSocket(): Promise<void> {
    const { socket } = this.#options;
    const app = await this.#build({ kind: 'administrator' }, null);
    await listenOnUnixSocket(socket, (path) => app.listen({ path }));
    this.#socketInode = (await stat(socket, { bigint: true })).ino;
  }

  async #startTcp(): Promise<void> {
    const { listen, tls, tokensFile } = this.#options;
    if (listen === null) return;
    if ((tls === null || tokensFile === null) && !isLoopback(listen.host)) {
      throw new UnprotectedListenError(listen.host);
    }
    const access: Access =
      tokensFile === null
        ? { kind: 'anonymous' }
        : { kind: 'tokens', tokens: new Tokens(await readFile(tokensFile, 'utf8')) };
    const app = await this.#build(access, tls);
    await app.listen(listen);
  }

  async #build(access: Access, tls: ApiTlsOptions | null): Promise<App> {
    const { node, logger, registry, config } = this.#dependencies;
    const app = await buildApp({
      node,
      logger,
      access,
      registry,
      config,
      limits: this.#limits,
      dashboardFiles: this.#options.dashboardFiles,
      stopping: this.#stopping.signal,
      nowMs: () => performance.now(),
      serverFactory: await serverFactory(tls, this.#limits),
    });
    this.#apps.push(app);
    return app;
  }

  /** Removes the socket only while it is still the own one. */
  async #removeSocket(): Promise<void> {
    if (this.#socketInode === null) return;
    const stats = await stat(this.#options.socket, { bigint: true }).catch(() => null);
    if (stats?.ino === this.#socketInode) await rm(this.#options.socket, { force: true });
    this.#socketInode = null;
  }
}

async function serverFactory(
  tls: ApiTlsOptions | null,
  limits: ApiLimits,
): Promise<FastifyServerFactory> {
  const files = tls === null ? null : await readTls(tls);
  return (handler) => {
    const server: Server =
      files === null ? createServer(handler) : (createTlsServer(files, handler) as Server);
    server.maxConnections = limits.connectionsMax;
    server.headersTimeout = 10_000;
    server.requestTimeout = 30_000;
    server.keepAliveTimeout = 5000;
    return server;
  };
}

async function readTls({ cert, key, ca }: ApiTlsOptions) {
  const [certificate, privateKey] = await Promise.all([readFile(cert), readFile(key)]);
  const own = { cert: certificate, key: privateKey, minVersion: 'TLSv1.3' as const };
  return ca === null ? own : { ...own, ca: await readFile(ca), requestCert: true };
}

function isLoopback(host: string): boolean {
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  return loopback.check(host, isIPv6(host) ? 'ipv6' : 'ipv4');
}
