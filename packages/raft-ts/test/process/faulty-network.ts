import net from 'node:net';
import type { Random } from '../../src/testing/random.ts';
import { FrameReader } from '../../src/transport/frame.ts';
import { decodeHello, handshakeBytesMax } from '../../src/transport/handshake.ts';
import { Link } from './link.ts';

interface Connection {
  readonly from: string;
  readonly to: string;
  destroy(): void;
}

/**
 * A TCP proxy in front of every member. Members dial each other through it, and it knows by the hello who dials, so that
 * every pair of members, and each direction of a pair, can be made to fail alone. Bytes of one connection keep their order.
 */
export class FaultyNetwork {
  readonly #ports: ReadonlyMap<string, number>;
  readonly #servers = new Map<string, net.Server>();
  readonly #links = new Map<string, Link>();
  readonly #connections = new Set<Connection>();
  readonly #sockets = new Set<net.Socket>();

  private constructor(ports: ReadonlyMap<string, number>) {
    this.#ports = ports;
    for (const from of ports.keys()) {
      for (const to of ports.keys()) this.#link(from, to);
    }
  }

  /** @param ports Where each member listens. */
  static async start(ports: ReadonlyMap<string, number>): Promise<FaultyNetwork> {
    const network = new FaultyNetwork(ports);
    for (const id of ports.keys()) {
      const server = net.createServer((socket) => network.#accept(socket, id));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      network.#servers.set(id, server);
    }
    return network;
  }

  /** Where to dial a member. */
  port(id: string): number {
    return (this.#servers.get(id)!.address() as net.AddressInfo).port;
  }

  /** Resets every connection between the two groups, and refuses new ones. */
  cut(some: readonly string[], others: readonly string[]): void {
    for (const one of some) {
      for (const other of others) {
        this.#link(one, other).isCut = true;
        this.#link(other, one).isCut = true;
      }
    }
    for (const connection of this.#connections) {
      if (this.#link(connection.from, connection.to).isCut) connection.destroy();
    }
  }

  /** Holds back what `senders` send to `receivers`, as a lossy path does: it comes late, if the connection lives so long. */
  block(senders: readonly string[], receivers: readonly string[]): void {
    for (const from of senders) {
      for (const to of receivers) this.#link(from, to).block();
    }
  }

  /** Delays every chunk by a time of its own up to `delayMsMax`: connections overtake each other. */
  delay(delayMsMax: number, random: Random): void {
    for (const link of this.#links.values()) link.delay(delayMsMax, random);
  }

  heal(): void {
    for (const link of this.#links.values()) link.heal();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.heal();
    const servers = [...this.#servers.values()];
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  #accept(socket: net.Socket, to: string): void {
    this.#keep(socket);
    const parts: Buffer[] = [];
    const reader = new FrameReader(handshakeBytesMax, (_, body) => {
      socket.off('data', onData);
      socket.pause();
      socket.unshift(Buffer.concat(parts));
      this.#connect(socket, decodeHello(body).from, to);
      return false;
    });
    const onData = (chunk: Buffer): void => {
      parts.push(chunk);
      reader.push(chunk);
    };
    socket.on('data', onData);
  }

  #connect(near: net.Socket, from: string, to: string): void {
    const there = this.#link(from, to);
    if (there.isCut) {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect(this.#ports.get(to)!, '127.0.0.1');
    this.#keep(far);
    const connection = {
      from,
      to,
      destroy: () => {
        near.resetAndDestroy();
        far.resetAndDestroy();
      },
    };
    this.#connections.add(connection);
    const piped = [there.pipe(near, far), this.#link(to, from).pipe(far, near)];
    void Promise.allSettled(piped).then(() => {
      near.destroy();
      far.destroy();
      this.#connections.delete(connection);
    });
  }

  /** Whatever becomes of a socket is seen by the pipes that end with it. */
  #keep(socket: net.Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay();
    socket.on('error', () => undefined);
    socket.once('close', () => this.#sockets.delete(socket));
  }

  #link(from: string, to: string): Link {
    const name = `${from} to ${to}`;
    const link = this.#links.get(name) ?? new Link();
    this.#links.set(name, link);
    return link;
  }
}
