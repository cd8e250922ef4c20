import type net from 'node:net';
import type { Message, SnapshotMessage } from '../core/message.ts';
import type { NodeId } from '../core/types.ts';
import { InvalidOptionError } from '../errors.ts';
import type { Done, SnapshotOffered, SnapshotReader, Transport } from '../ports.ts';
import { formatAddress, isUnspecified, parseAddress } from './address.ts';
import type { TransportContext } from './context.ts';
import { Credentials } from './credentials.ts';
import { ListenError, PeerRefusedError, SnapshotNotSentError } from './errors.ts';
import { isSameGeneration } from './handshake.ts';
import { Inbound } from './inbound.ts';
import { noMetrics, type TransportMetrics } from './metrics.ts';
import {
  type ResolvedTransportOptions,
  resolveTransportOptions,
  type TcpTransportOptions,
} from './options.ts';
import { PeerLink } from './peer-link.ts';
import { PeerRegistry } from './peer-registry.ts';
import { RefusalLog } from './refusal-log.ts';
import { snapshotChunkBytes } from './snapshot-attempt.ts';
import type { SnapshotRefusal } from './snapshot-codec.ts';
import { TokenBucket } from './token-bucket.ts';

/** What a `TcpTransport` asks and tells. */
export interface TcpTransportDependencies {
  /** Identity of the own data directory, 32 hex digits; asked for at start. */
  readonly incarnation: () => string;
  /** Once for each cause, and again when it returns after a connection succeeded. */
  readonly onPeerRefused?: (refusal: PeerRefusedError) => void;
  /** The file of known peers cannot be written. */
  readonly onError?: (error: Error) => void;
  readonly metrics?: TransportMetrics | null;
  /** Uniform in [0, 1); `Math.random` when absent. */
  readonly random?: () => number;
}

/** Members that dial in without being in the configuration and are answered, at most. */
const strangersMax = 16;
const checksPerIdleTimeout = 3;

/**
 * Messages over TCP, plain or with mutual TLS. Each member dials every peer twice (see `MessageLane`) and sends on what it
 * dialled; both ends check each other's hello before anything else is read.
 */
export class TcpTransport implements Transport {
  readonly #options: ResolvedTransportOptions;
  readonly #dependencies: TcpTransportDependencies;
  readonly #registry: PeerRegistry;
  readonly #inbound = new Set<Inbound>();
  /** Accepted sockets, those in the middle of a TLS handshake too. */
  readonly #sockets = new Set<net.Socket>();
  readonly #links = new Map<NodeId, PeerLink>();
  /** Addresses of members that spoke to this one before it learned their address from the log. */
  readonly #strangers = new Map<NodeId, string>();
  /** Null until the members are known. */
  #addresses: ReadonlyMap<NodeId, string> | null = null;
  #generation: number | null;
  #context: TransportContext | null = null;
  #server: net.Server | null = null;
  #checking: NodeJS.Timeout | null = null;
  #receive: (message: Message) => void = () => undefined;
  #onSnapshot: SnapshotOffered | null = null;

  /** @throws {InvalidOptionError} If an option cannot work. */
  constructor(options: TcpTransportOptions, dependencies: TcpTransportDependencies) {
    this.#options = resolveTransportOptions(options);
    this.#dependencies = dependencies;
    this.#generation = this.#options.clusterGeneration;
    this.#registry = new PeerRegistry(this.#options.peersFile);
  }

  /** Port that is listened on; null when not started. */
  get port(): number | null {
    const address = this.#server?.address();
    return typeof address === 'object' && address !== null ? address.port : null;
  }

  /**
   * @throws {ListenError} If the address cannot be listened on.
   * @throws {PeersFileError} If the file of known peers cannot be understood.
   */
  async start(receive: (message: Message) => void, onSnapshot?: SnapshotOffered): Promise<void> {
    this.#receive = receive;
    this.#onSnapshot = onSnapshot ?? null;
    await this.#registry.load();
    const credentials = new Credentials(this.#options.tls);
    const refusals = new RefusalLog((refusal) => this.#dependencies.onPeerRefused?.(refusal));
    const server = credentials.listen(
      (socket) => this.#accept(socket),
      (error) => refusals.add('accepted', certificateRefusal(error)),
      this.#options.limits.connectTimeoutMs,
    );
    server.on('connection', (socket: net.Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    await listen(server, this.#options);
    server.on('error', (error) => this.#dependencies.onError?.(error));
    this.#server = server;
    this.#context = this.#makeContext(credentials, refusals);
    const { idleTimeoutMs } = this.#options.limits;
    this.#checking = setInterval(() => this.#checkAlive(), idleTimeoutMs / checksPerIdleTimeout);
    if (this.#addresses !== null) this.setPeers(this.#addresses);
  }

  send(message: Message): void {
    const link = this.#links.get(message.to) ?? this.#linkToStranger(message.to);
    if (link !== null) link.send(message);
    else this.#context?.metrics.droppedUnreachableTotal.inc();
  }

  /** `done` gets a `SnapshotNotSentError` when the snapshot does not arrive. */
  sendSnapshot(
    message: SnapshotMessage,
    reader: SnapshotReader,
    signal: AbortSignal,
    done: Done,
  ): void {
    const link = this.#links.get(message.to) ?? this.#linkToStranger(message.to);
    if (link !== null) link.sendSnapshot({ message, reader }, signal, done);
    else {
      const detail = 'its address is not known';
      process.nextTick(done, new SnapshotNotSentError(message.to, 'unreachable', detail));
    }
  }

  /** @throws {InvalidOptionError} If an address is not `host:port`. */
  setPeers(addresses: ReadonlyMap<NodeId, string>): void {
    const context = this.#context;
    const before = this.#addresses ?? new Map();
    this.#addresses = addresses;
    if (context === null) return;
    this.#registry.setMembers(addresses.keys()).catch(context.onError);
    for (const peer of [...before.keys(), ...addresses.keys()]) {
      if (!(before.has(peer) && addresses.has(peer))) this.#reconnect(peer);
    }
    for (const [peer, link] of this.#links) {
      const wanted = addresses.get(peer) ?? this.#strangers.get(peer);
      if (wanted === link.address) continue;
      link.close();
      this.#links.delete(peer);
    }
    for (const [peer, text] of addresses) {
      const address = parseAddress(text);
      if (address === null) throw new InvalidOptionError(`address of ${peer}`, 'host:port', text);
      if (!this.#links.has(peer)) this.#links.set(peer, new PeerLink(context, peer, address));
    }
  }

  setGeneration(generation: number | null): void {
    this.#generation = generation;
    for (const link of this.#links.values()) link.checkGeneration(generation);
    for (const inbound of this.#inbound) {
      const { hello } = inbound;
      if (hello !== null && !isSameGeneration(generation, hello.clusterGeneration)) {
        inbound.destroy();
      }
    }
  }

  isReachable(peer: NodeId): boolean {
    return this.#links.get(peer)?.isReachable ?? false;
  }

  /** Trusts the next data directory that comes under this id, for a member that was replaced on purpose. */
  forgetPeer(peer: NodeId): Promise<void> {
    return this.#registry.forget(peer);
  }

  /** Reads the TLS files again; on an error the old ones stay in use. Connections that exist go on. */
  reloadTls(): void {
    this.#context?.credentials.reload(this.#server);
  }

  async stop(): Promise<void> {
    if (this.#checking !== null) clearInterval(this.#checking);
    this.#checking = null;
    this.#context = null;
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #makeContext(credentials: Credentials, refusals: RefusalLog): TransportContext {
    const { clusterId, id, featureLevels, optionsDigest } = this.#options;
    const { incarnation, metrics, random, onError } = this.#dependencies;
    const { host } = parseAddress(this.#options.listen)!;
    const address = this.#options.advertise ?? formatAddress({ host, port: this.port! });
    const fixed = { clusterId, from: id, incarnation: incarnation(), featureLevels, optionsDigest };
    const generation = () => this.#generation;
    return {
      get identity() {
        return { ...fixed, clusterGeneration: generation(), address };
      },
      limits: this.#options.limits,
      credentials,
      registry: this.#registry,
      refusals,
      metrics: metrics ?? noMetrics,
      snapshotBucket: this.#makeBucket(),
      random: random ?? Math.random,
      onError: onError ?? (() => undefined),
    };
  }

  #makeBucket(): TokenBucket {
    const { snapshotBytesPerSecondMax } = this.#options.limits;
    const burstBytes = snapshotChunkBytes(snapshotBytesPerSecondMax);
    return new TokenBucket(snapshotBytesPerSecondMax, burstBytes);
  }

  #accept(socket: net.Socket): void {
    const context = this.#context;
    if (context === null) {
      socket.destroy();
      return;
    }
    const inbound = new Inbound(context, socket, {
      onAccepted: (accepted) => this.#onAccepted(accepted),
      onMessage: (message) => this.#receive(message),
      judgeOffer: (asking) => this.#judgeOffer(asking),
      onSnapshot: (message, answer) => this.#onSnapshot?.(message, answer),
      onClose: (closed) => this.#inbound.delete(closed),
    });
    this.#inbound.add(inbound);
  }

  #judgeOffer(asking: Inbound): SnapshotRefusal | null {
    if (this.#onSnapshot === null) {
      return { reason: 'unsupported', detail: 'this member keeps no snapshots' };
    }
    const others = [...this.#inbound].filter((one) => one !== asking && one.isReceivingSnapshot);
    if (others.length < this.#options.limits.snapshotsInboundMax) return null;
    return { reason: 'busy', detail: `${others.length} snapshots are being received` };
  }

  /** The newest connection of a peer's lane is the one that it uses. */
  #onAccepted(accepted: Inbound): void {
    for (const other of this.#inbound) {
      const isOld =
        other !== accepted && other.peer === accepted.peer && other.lane === accepted.lane;
      if (isOld) other.destroy();
    }
    this.#noteStranger(accepted);
  }

  /** The peer has become a member, or is none any more: it says anew which data directory stands behind its id. */
  #reconnect(peer: NodeId): void {
    this.#strangers.delete(peer);
    this.#links.get(peer)?.close();
    this.#links.delete(peer);
    for (const inbound of this.#inbound) if (inbound.peer === peer) inbound.destroy();
  }

  #noteStranger({ peer, advertised, remoteHost }: Inbound): void {
    if (peer === null || advertised === null || this.#addresses?.has(peer)) return;
    const address = parseAddress(advertised);
    const isFull = this.#strangers.size >= strangersMax && !this.#strangers.has(peer);
    if (address === null || isFull) return;
    const host = isUnspecified(address.host) ? remoteHost : address.host;
    this.#strangers.set(peer, formatAddress({ host, port: address.port }));
  }

  #linkToStranger(peer: NodeId): PeerLink | null {
    const text = this.#strangers.get(peer);
    if (text === undefined || this.#context === null) return null;
    const link = new PeerLink(this.#context, peer, parseAddress(text)!);
    this.#links.set(peer, link);
    return link;
  }

  #checkAlive(): void {
    for (const link of this.#links.values()) link.checkAlive();
    for (const inbound of this.#inbound) inbound.checkAlive();
  }
}

function certificateRefusal(error: Error): PeerRefusedError {
  return new PeerRefusedError(null, 'self', 'certificate', error.message);
}

function listen(server: net.Server, options: ResolvedTransportOptions): Promise<void> {
  const address = parseAddress(options.listen)!;
  server.maxConnections = options.limits.connectionsMax;
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new ListenError(options.listen, error)));
    server.listen(address, () => resolve());
  });
}
