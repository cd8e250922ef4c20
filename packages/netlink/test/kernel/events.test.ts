import {
  ConntrackAttribute,
  ConntrackEntry,
  ConntrackKind,
  EventListener,
  type EventListenerOptions,
  formatAddress,
  Protocol,
} from '@raftwall/netlink';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { l4, setAddress, setTuples } from '../support/entries.ts';
import { KernelClient } from '../support/kernel-client.ts';
import { CountingMetrics } from '../support/metrics.ts';
import { TestRouter } from '../support/namespace.ts';

let net: TestRouter;
let kernel: KernelClient;
let listener: EventListener | null = null;
const metrics = new CountingMetrics();

beforeAll(async () => {
  net = new TestRouter();
  kernel = new KernelClient(net.router.path);
  net.router.track();
  await Promise.all([
    net.server.serve('udp-serve', 'udp4', '7000'),
    net.server.serve('tcp-serve', '0.0.0.0', '7001'),
    net.server.serve('tcp-serve', '::', '7002'),
  ]);
});

afterEach(async () => {
  await listener?.stop();
  listener = null;
  net.router.run('conntrack -F');
});

afterAll(async () => {
  await kernel.stop();
  net.dispose();
});

interface Event {
  readonly kind: number;
  readonly portId: number;
  readonly entry: ConntrackEntry;
}

function listen(options: Partial<EventListenerOptions> = {}): {
  events: Event[];
  overruns: number[];
} {
  const events: Event[] = [];
  const overruns: number[] = [];
  listener = new EventListener(
    { namespace: net.router.path, ...options },
    {
      onBatch: (cursor) => {
        while (cursor.next()) {
          const entry = structuredClone({ ...cursor.entry });
          events.push({ kind: cursor.kind, portId: cursor.portId, entry });
        }
      },
      onOverrun: (times) => overruns.push(times),
      onFailure: (error) => {
        throw error;
      },
      metrics,
    },
  );
  return { events, overruns };
}

function udpFlow(port: number): ConntrackEntry {
  const entry = new ConntrackEntry();
  entry.protocol = Protocol.udp;
  setTuples(entry, ['10.9.0.1', '10.9.0.2', l4(port, 53)], ['10.9.0.2', '10.9.0.1', l4(53, port)]);
  entry.attributes =
    ConntrackAttribute.reply | ConntrackAttribute.status | ConntrackAttribute.timeout;
  entry.status = 0x0e;
  entry.timeoutSeconds = 300;
  return entry;
}

describe('events of real packets', () => {
  it('tells of a UDP flow: new, replied, destroyed by a person', async () => {
    const { events } = listen({ protocols: [Protocol.udp] });
    await net.client.ask('udp-ask', 'udp4', '4000', '10.2.0.2', '7000');
    net.router.run('conntrack -D -p udp');
    await listener!.barrier();
    expect(events.map(({ kind }) => kind)).toEqual([
      ConntrackKind.new,
      ConntrackKind.update,
      ConntrackKind.destroy,
    ]);
    expect(events.map(({ portId }) => portId > 0)).toEqual([false, false, true]);
    expect(events.every(({ entry }) => entry.originalL4 === l4(4000, 7000))).toBe(true);
    expect(events[1]!.entry.status & 0x2).toBe(0x2);
  });

  it.each([
    ['IPv4', '10.2.0.2', '7001'],
    ['IPv6', 'fd02::2', '7002'],
  ])('tells of the states of a TCP connection over %s', async (_, host, port) => {
    const { events } = listen({ protocols: [Protocol.tcp] });
    expect(await net.client.ask('tcp-ask', '4001', host, port)).toHaveLength(1);
    await expect.poll(() => events.length, { timeout: 5000 }).toBeGreaterThanOrEqual(6);
    const states = events.map(({ entry }) => entry.tcpState);
    expect(events[0]!.kind).toBe(ConntrackKind.new);
    expect(states.slice(0, 3)).toEqual([1, 2, 3]);
    expect(states).toContain(7);
    expect(events[2]!.entry.attributes & ConntrackAttribute.tcp).not.toBe(0);
  });

  it('lets the owner drain by itself', async () => {
    const { events } = listen();
    await kernel.one((batch) => batch.create(udpFlow(1)));
    const until = performance.now() + 5000;
    while (events.length === 0 && performance.now() < until) listener!.drain();
    expect(events).toHaveLength(1);
    await kernel.one((batch) => batch.delete(udpFlow(1)));
  });
});

describe('the filter', () => {
  it('drops the echo of own commands and keeps those of others', async () => {
    const foreign = new KernelClient(net.router.path);
    const { events } = listen({ ignorePortIds: [kernel.channel.portId, 1, 2] });
    await kernel.run((batch) => {
      for (let port = 1; port <= 50; port++) batch.create(udpFlow(port));
    });
    await foreign.one((batch) => batch.create(udpFlow(99)));
    await kernel.run((batch) => {
      for (let port = 1; port <= 50; port++) batch.delete(udpFlow(port));
    });
    await foreign.one((batch) => batch.delete(udpFlow(99)));
    await listener!.barrier();
    expect(events.map(({ entry, portId }) => [entry.originalL4 >>> 16, portId])).toEqual([
      [99, foreign.channel.portId],
      [99, foreign.channel.portId],
    ]);
    await foreign.stop();
  });

  it.each([
    ['IPv4', '10.9.0.1', '10.9.0.2'],
    ['IPv6', 'fd09::1', 'fd09::2'],
  ])('lets only the wanted protocols through over %s', async (_, source, destination) => {
    const { events } = listen({ protocols: [Protocol.tcp, Protocol.udp], ignorePortIds: [1] });
    const protocols = [Protocol.udpLite, Protocol.udp, Protocol.sctp, 89];
    await kernel.run((batch) => {
      for (const protocol of protocols) {
        const entry = udpFlow(7);
        entry.protocol = protocol;
        const words = protocol === 89 ? [0, 0] : [l4(7, 9), l4(9, 7)];
        setTuples(entry, [source, destination, words[0]!], [destination, source, words[1]!]);
        batch.create(entry);
        batch.delete(entry);
      }
    });
    await listener!.barrier();
    expect(events.map(({ entry }) => entry.protocol)).toEqual([Protocol.udp, Protocol.udp]);
  });
});

describe('the filter of addresses and zones', () => {
  const make = (source: string, destination: string, zone = 0): ConntrackEntry => {
    const entry = udpFlow(7);
    entry.zone = zone;
    setTuples(entry, [source, destination, l4(7, 9)], [destination, source, l4(9, 7)]);
    return entry;
  };
  const heard = async (entries: ConntrackEntry[]): Promise<string[]> => {
    for (const entry of entries) {
      expect([...(await kernel.run((batch) => void batch.create(entry))).errnos]).toEqual([0]);
      await kernel.run((batch) => batch.delete(entry));
    }
    await listener!.barrier();
    return entries.map(({ family, originalSource }) => formatAddress(family, originalSource));
  };
  const prefix = (text: string, bits: number) => {
    const cell = new Uint8Array(16);
    setAddress(cell, text);
    return { bytes: text.includes(':') ? cell : cell.slice(0, 4), bits };
  };

  it.each([
    ['10.9.0.1', '10.8.0.1', '10.9.0.0', 16],
    ['10.8.0.1', '10.9.0.1', '10.9.0.1', 32],
    ['10.255.0.1', '10.8.0.1', '10.128.0.0', 9],
    ['fd09::1', 'fd08::1', 'fd09::', 16],
    ['fd08::1', 'fd09:1:2:3:4:5:6:7', 'fd09:1:2:3:4:5:6:0', 112],
    ['fe80::1', 'fd08::1', 'fe80::', 10],
  ])(
    'drops a flow from %s to %s, which touches %s/%i, and its neighbours not',
    async (source, destination, text, bits) => {
      const others = [
        make('10.8.0.1', '10.7.0.1'),
        make('fd08::1', 'fd07::1'),
        make('10.127.0.1', '11.0.0.1'),
      ];
      const { events } = listen({ ignorePrefixes: [prefix(text, bits)], ignorePortIds: [1] });
      const sent = await heard([make(source, destination), ...others]);
      expect(events).toHaveLength(2 * others.length);
      const seen = events.map(({ entry }) => formatAddress(entry.family, entry.originalSource));
      expect(seen).toEqual(sent.slice(1).flatMap((it) => [it, it]));
    },
  );

  it('lets every family of a long list of prefixes find its block', async () => {
    const many = Array.from({ length: 100 }, (_, index) => prefix(`10.${index + 100}.0.0`, 16));
    const ignorePrefixes = [...many, prefix('fd09::', 16)];
    const { events } = listen({ ignorePrefixes, protocols: [17], zones: [3] });
    await heard([
      make('10.150.0.1', '10.7.0.1'),
      make('10.7.0.1', '10.199.0.1'),
      make('fd09::1', 'fd07::1'),
      make('fd08::1', 'fd07::1', 3),
      make('10.8.0.1', '10.7.0.1', 3),
    ]);
    expect(events.map(({ entry }) => entry.family)).toEqual([10, 10, 2, 2]);
  });

  it('lets flows of the wanted zones through, and those that do not say', async () => {
    const { events } = listen({ zones: [3, 5] });
    await heard([3, 4, 5, 0].map((zone) => make('10.9.0.1', '10.9.0.2', zone)));
    expect(events.map(({ entry }) => entry.zone)).toEqual([3, 3, 5, 5, 0, 0]);
  });
});

describe('load', () => {
  it('hands over every event in order, and the barrier comes behind them', async () => {
    const { events } = listen({ ringSlots: 64, batchEventsMax: 16 });
    for (let first = 1; first <= 5000; first += 100) {
      await kernel.run((batch) => {
        for (let port = first; port < first + 100; port++) batch.create(udpFlow(port));
      });
    }
    await listener!.barrier();
    expect(events.map(({ entry }) => entry.originalL4 >>> 16)).toEqual(
      Array.from({ length: 5000 }, (_, index) => index + 1),
    );
  });

  it('reports an overrun of a tiny receive buffer, and goes on', async () => {
    const before = metrics.count('overruns');
    const { events, overruns } = listen({ receiveBufferBytes: 4096, ringSlots: 16, paceMs: 50 });
    for (let first = 1; first <= 2000; first += 100) {
      await kernel.run((batch) => {
        for (let port = first; port < first + 100; port++) batch.create(udpFlow(port));
      });
    }
    await expect.poll(() => overruns.length, { timeout: 5000 }).toBeGreaterThan(0);
    expect(metrics.count('overruns')).toBeGreaterThan(before);
    expect(events.length).toBeLessThan(2000);
    const known = events.length;
    await kernel.one((batch) => batch.create(udpFlow(60_000)));
    await expect.poll(() => events.length, { timeout: 5000 }).toBeGreaterThan(known);
    expect(events.at(-1)!.entry.originalL4).toBe(l4(60_000, 53));
  });
});
