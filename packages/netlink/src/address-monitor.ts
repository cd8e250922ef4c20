import { DatagramReader } from './datagram-reader.ts';
import { SingleDatagram } from './datagram-source.ts';
import { NetlinkError } from './errors.ts';
import { nativeBytes } from './libc.ts';
import { MessageWriter } from './message-writer.ts';
import { NETLINK_ROUTE } from './netlink-protocol.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import {
  type AddressScope,
  RouteGroup,
  type RouteMessage,
  type RouteWalk,
  RTM_GETADDR,
  RTM_GETLINK,
  routeMessages,
  writeRouteDump,
} from './route-message.ts';

const DATAGRAM_BYTES_MAX = 32 * 1024;
const RING_SLOTS = 64;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const RECEIVE_TIMEOUT_MS = 100;
/** A list that changes while it is read is read again, so often. */
const LIST_ATTEMPTS_MAX = 10;

/** An address of one of this namespace's interfaces. */
export interface InterfaceAddress {
  readonly family: 'ipv4' | 'ipv6';
  /** Dotted, or RFC 5952. */
  readonly address: string;
  readonly prefixLength: number;
  readonly interfaceIndex: number;
  readonly interfaceName: string;
  readonly scope: AddressScope;
}

/** What happened to an address or an interface. */
export type AddressChange =
  | { readonly kind: 'addressAdded' | 'addressRemoved'; readonly address: InterfaceAddress }
  | {
      readonly kind: 'linkUp' | 'linkDown';
      readonly interfaceIndex: number;
      readonly interfaceName: string;
    };

export interface AddressMonitorDependencies {
  /** Called on the main loop, in the kernel's order, once `current()` shows the change. */
  readonly onChange: (change: AddressChange) => void;
  /** The monitor's thread died; no more changes come. */
  readonly onFailure: (error: Error) => void;
}

interface Link {
  readonly name: string;
  readonly up: boolean;
}

/** Follows the addresses and the carrier of a namespace's interfaces by rtnetlink. */
export class AddressMonitor {
  readonly #namespace: string | undefined;
  readonly #dependencies: AddressMonitorDependencies;
  readonly #reader: DatagramReader;
  readonly #walk: RouteWalk = { malformed: 0, interrupted: false };
  #links = new Map<number, Link>();
  #addresses = new Map<string, InterfaceAddress>();
  #stopped = false;

  /** Subscribes and reads the present state before it returns. @throws {NetlinkError} If a system call fails. */
  constructor(options: { namespace?: string }, dependencies: AddressMonitorDependencies) {
    this.#namespace = options.namespace;
    this.#dependencies = dependencies;
    const socket = new NetlinkSocket({
      protocol: NETLINK_ROUTE,
      namespace: this.#namespace,
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
      receiveTimeoutMs: RECEIVE_TIMEOUT_MS,
      groups: Object.values(RouteGroup),
    });
    try {
      const state = this.#list();
      this.#links = state.links;
      this.#addresses = state.addresses;
    } catch (error) {
      socket.close();
      throw error;
    }
    this.#reader = new DatagramReader(
      {
        script: new URL('./reader-worker.js', import.meta.url),
        data: { paceMs: 0, busyPaceMs: 0, busyEventsPerSecond: 1 },
        slots: RING_SLOTS,
        slotBytes: DATAGRAM_BYTES_MAX,
        batchMax: RING_SLOTS,
        sliceMs: 0,
      },
      {
        socket,
        handlers: {
          onDatagrams: () => {
            for (const message of routeMessages(this.#reader.source, this.#walk)) {
              this.#apply(message);
            }
          },
          onOverrun: () => this.#refresh(),
          onFailure: dependencies.onFailure,
        },
      },
    );
  }

  /** Every address that there is now, in no particular order. */
  current(): readonly InterfaceAddress[] {
    return [...this.#addresses.values()];
  }

  /** Whether an interface is up and has a carrier; false when there is none of that name. */
  isLinkUp(interfaceName: string): boolean {
    for (const link of this.#links.values()) {
      if (link.name === interfaceName) return link.up;
    }
    return false;
  }

  /** Messages that did not parse. */
  get malformed(): number {
    return this.#walk.malformed;
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.#reader.stop();
  }

  #apply(message: RouteMessage): void {
    if (message.kind === 'link') {
      const { index, name, up, removed } = message;
      this.#setLink(index, removed ? null : { name, up }, name);
    } else if (message.kind === 'address') {
      const address = withName(message, this.#links);
      if (message.removed) this.#remove(keyOf(address));
      else this.#add(address);
    }
  }

  #setLink(index: number, link: Link | null, name: string): void {
    const wasUp = this.#links.get(index)?.up ?? false;
    const isUp = link?.up ?? false;
    if (link === null) this.#links.delete(index);
    else this.#links.set(index, link);
    if (wasUp === isUp) return;
    const kind = isUp ? 'linkUp' : 'linkDown';
    this.#dependencies.onChange({ kind, interfaceIndex: index, interfaceName: name });
  }

  #add(address: InterfaceAddress): void {
    const key = keyOf(address);
    const known = this.#addresses.has(key);
    this.#addresses.set(key, address);
    // The kernel repeats an address when only its lifetime or flags change.
    if (!known) this.#dependencies.onChange({ kind: 'addressAdded', address });
  }

  #remove(key: string): void {
    const address = this.#addresses.get(key);
    if (address === undefined) return;
    this.#addresses.delete(key);
    this.#dependencies.onChange({ kind: 'addressRemoved', address });
  }

  /** After lost messages: reads everything anew and reports the differences. */
  #refresh(): void {
    const { links, addresses } = this.#list();
    for (const key of [...this.#addresses.keys()]) {
      if (!addresses.has(key)) this.#remove(key);
    }
    for (const [index, link] of [...this.#links]) {
      if (!links.has(index)) this.#setLink(index, null, link.name);
    }
    for (const [index, link] of links) this.#setLink(index, link, link.name);
    for (const address of addresses.values()) this.#add(address);
  }

  #list(): { links: Map<number, Link>; addresses: Map<string, InterfaceAddress> } {
    const socket = new NetlinkSocket({ protocol: NETLINK_ROUTE, namespace: this.#namespace });
    try {
      const links = new Map<number, Link>();
      for (const message of list(socket, RTM_GETLINK)) {
        if (message.kind !== 'link') continue;
        links.set(message.index, { name: message.name, up: message.up });
      }
      const addresses = new Map<string, InterfaceAddress>();
      for (const message of list(socket, RTM_GETADDR)) {
        if (message.kind !== 'address') continue;
        const address = withName(message, links);
        addresses.set(keyOf(address), address);
      }
      return { links, addresses };
    } finally {
      socket.close();
    }
  }
}

function list(socket: NetlinkSocket, type: number): RouteMessage[] {
  for (let attempt = 1; ; attempt++) {
    const walk: RouteWalk = { malformed: 0, interrupted: false };
    const messages = listOnce(socket, type, walk, attempt);
    if (!walk.interrupted || attempt === LIST_ATTEMPTS_MAX) return messages;
  }
}

function listOnce(
  socket: NetlinkSocket,
  type: number,
  walk: RouteWalk,
  sequence: number,
): RouteMessage[] {
  const writer = new MessageWriter(0);
  writeRouteDump(writer, type, sequence);
  socket.send(writer.bytes, writer.length);
  const bytes = nativeBytes(DATAGRAM_BYTES_MAX);
  const source = new SingleDatagram();
  const messages: RouteMessage[] = [];
  for (;;) {
    const length = socket.receive(bytes);
    for (const message of routeMessages(source.of(bytes, length), walk)) {
      if (message.kind !== 'end') messages.push(message);
      else if (message.errno !== 0) throw new NetlinkError('list', message.errno);
      else return messages;
    }
  }
}

function withName(
  message: Extract<RouteMessage, { kind: 'address' }>,
  links: ReadonlyMap<number, Link>,
): InterfaceAddress {
  const { family, address, prefixLength, interfaceIndex, scope } = message;
  const interfaceName = links.get(interfaceIndex)?.name ?? `#${interfaceIndex}`;
  return { family, address, prefixLength, interfaceIndex, interfaceName, scope };
}

function keyOf(address: InterfaceAddress): string {
  return `${address.interfaceIndex} ${address.address}/${address.prefixLength}`;
}
