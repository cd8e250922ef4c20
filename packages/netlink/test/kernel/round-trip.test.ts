import {
  ConntrackAttribute,
  ConntrackEntry,
  ConntrackStatus,
  Nat,
  natOf,
  Protocol,
} from '@raftwall/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { l4, plain, setTuples } from '../support/entries.ts';
import { Errno, KernelClient } from '../support/kernel-client.ts';
import { TestNamespace } from '../support/namespace.ts';

let namespace: TestNamespace;
let kernel: KernelClient;

beforeAll(() => {
  namespace = new TestNamespace('trip');
  // NAT needs its hooks; connection tracking starts with the first rule that asks for it.
  for (const family of ['ip', 'ip6']) {
    namespace.nft(`table ${family} nat {
      chain post { type nat hook postrouting priority 100; }
      chain pre { type nat hook prerouting priority -100; }
    }`);
  }
  kernel = new KernelClient(namespace.path);
});

afterAll(async () => {
  await kernel.stop();
  namespace.dispose();
});

const A = ConntrackAttribute;
const BASE = A.reply | A.status | A.timeout | A.mark;
const REPLIED = ConntrackStatus.seenReply | ConntrackStatus.assured | ConntrackStatus.confirmed;

type Tuple = readonly [string, string, number];

function flow(protocol: number, original: Tuple, reply: Tuple): ConntrackEntry {
  const entry = new ConntrackEntry();
  entry.protocol = protocol;
  setTuples(entry, original, reply);
  entry.attributes = BASE;
  entry.status = REPLIED;
  entry.timeoutSeconds = 300;
  entry.mark = 0x1234;
  if (protocol === Protocol.tcp) {
    entry.attributes |= A.tcp;
    entry.tcpState = 3;
    entry.tcpWindowScaleOriginal = 7;
    entry.tcpWindowScaleReply = 9;
    entry.tcpFlagsOriginal = 0x0b;
    entry.tcpFlagsReply = 0x0b;
  }
  return entry;
}

const C4 = '10.1.0.2';
const S4 = '10.2.0.2';
const V4 = '192.0.2.9';
const C6 = 'fd01::2';
const S6 = 'fd02::2';
const V6 = '2001:db8::9';
const ports = l4(4000, 80);
const reversed = l4(80, 4000);

interface Case {
  readonly name: string;
  readonly nat: number;
  readonly protocol: number;
  readonly original: Tuple;
  readonly reply: Tuple;
}

/** The same flow untranslated, with SNAT, with DNAT, and with both, ports or ids changed too. */
function variants(name: string, protocol: number, c: string, s: string, v: string): Case[] {
  const icmp = protocol === Protocol.icmp || protocol === Protocol.icmpv6;
  const [query, answer] = protocol === Protocol.icmp ? [8, 0] : [128, 129];
  const original = icmp ? l4(77, query << 8) : ports;
  const plainReply = icmp ? l4(77, answer << 8) : reversed;
  const sourceMapped = icmp ? l4(99, answer << 8) : l4(80, 55_000);
  const destinationMapped = icmp ? l4(77, answer << 8) : l4(8080, 4000);
  const bothMapped = icmp ? l4(99, answer << 8) : l4(8080, 55_000);
  const both = Nat.source | Nat.destination;
  const at = (nat: number, label: string, reply: Tuple, to = s): Case => ({
    name: `${name} ${label}`,
    nat,
    protocol,
    original: [c, to, original],
    reply,
  });
  return [
    at(Nat.none, 'without NAT', [s, c, plainReply]),
    at(Nat.source, 'with SNAT of the address alone', [s, v, plainReply]),
    at(Nat.source, 'with SNAT of address and port', [s, v, sourceMapped]),
    at(Nat.source, 'with SNAT of the port alone', [s, c, sourceMapped]),
    at(Nat.destination, 'with DNAT', [s, c, destinationMapped], v),
    at(both, 'with SNAT and DNAT', [s, v, bothMapped], v),
  ];
}

const cases = [
  ...variants('TCP over IPv4', Protocol.tcp, C4, S4, V4),
  ...variants('UDP over IPv4', Protocol.udp, C4, S4, V4),
  ...variants('ICMP over IPv4', Protocol.icmp, C4, S4, V4),
  ...variants('TCP over IPv6', Protocol.tcp, C6, S6, V6),
  ...variants('UDP over IPv6', Protocol.udp, C6, S6, V6),
  ...variants('ICMP over IPv6', Protocol.icmpv6, C6, S6, V6),
];

function expectSameFlow(found: ConntrackEntry | null, entry: ConntrackEntry): void {
  expect(found).not.toBeNull();
  if (found === null) return;
  for (const field of [
    ...['family', 'protocol', 'zone', 'originalL4', 'replyL4', 'mark', 'zoneDirection'],
    ...['originalSource', 'originalDestination', 'replySource', 'replyDestination'],
  ] as (keyof ConntrackEntry)[]) {
    expect([field, found[field]]).toEqual([field, plain(entry)[field]]);
  }
  expect(found.timeoutSeconds).toBeGreaterThan(entry.timeoutSeconds - 5);
  expect(found.timeoutSeconds).toBeLessThanOrEqual(entry.timeoutSeconds);
  expect(found.status & REPLIED).toBe(entry.status & REPLIED);
}

describe('a flow made by a message', () => {
  it.each(cases)('$name is created, dumped, got, updated and deleted', async (variant) => {
    const entry = flow(variant.protocol, variant.original, variant.reply);
    expect(natOf(entry)).toBe(variant.nat);
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);

    const byOriginal = await kernel.get(entry, 'original');
    expectSameFlow(byOriginal, entry);
    expectSameFlow(await kernel.get(entry, 'reply'), entry);
    expect(byOriginal!.status & (ConntrackStatus.sourceNat | ConntrackStatus.destinationNat)).toBe(
      (variant.nat & Nat.source ? ConntrackStatus.sourceNat : 0) |
        (variant.nat & Nat.destination ? ConntrackStatus.destinationNat : 0),
    );
    const dumped = await kernel.dump();
    expect(dumped).toHaveLength(1);
    expectSameFlow(dumped[0]!, entry);
    if (variant.protocol === Protocol.tcp) {
      const { tcpState, tcpWindowScaleOriginal, tcpWindowScaleReply } = dumped[0]!;
      expect([tcpState, tcpWindowScaleOriginal, tcpWindowScaleReply]).toEqual([3, 7, 9]);
      expect(dumped[0]!.tcpFlagsOriginal & 0x0b).toBe(0x0b);
    }

    entry.mark = 0xcafe;
    entry.timeoutSeconds = 900;
    const changed = A.mark | A.timeout;
    expect(await kernel.one((batch) => batch.update(entry, changed))).toBe(0);
    expectSameFlow(await kernel.get(entry), entry);

    expect(await kernel.one((batch) => batch.create(entry))).toBe(Errno.EEXIST);
    expect(await kernel.one((batch) => batch.delete(entry, 'reply'))).toBe(0);
    expect(await kernel.get(entry)).toBeNull();
    expect(await kernel.one((batch) => batch.delete(entry))).toBe(Errno.ENOENT);
  });

  it.each([
    ['SCTP', Protocol.sctp, ports, reversed, A.sctp],
    ['UDP-Lite', Protocol.udpLite, ports, reversed, 0],
    ['GRE', Protocol.gre, l4(0x1111, 0x2222), l4(0x2222, 0x1111), 0],
    ['OSPF, which has no ports', 89, 0, 0, 0],
  ])('%s goes through the kernel unchanged', async (_, protocol, original, reply, extra) => {
    const entry = flow(protocol, [C4, S4, original], [S4, C4, reply]);
    entry.attributes |= extra;
    entry.sctpState = 3;
    entry.sctpVerificationTagOriginal = 0xdeadbeef;
    entry.sctpVerificationTagReply = 0x01020304;
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    const found = await kernel.get(entry);
    expectSameFlow(found, entry);
    // Its first packet would end a GRE flow that a message has made.
    const fixed = protocol === Protocol.gre ? ConntrackStatus.fixedTimeout : 0;
    expect(found!.status & ConntrackStatus.fixedTimeout).toBe(fixed);
    entry.mark = 0xcafe;
    expect(await kernel.one((batch) => batch.update(entry, A.mark | A.timeout))).toBe(0);
    expect((await kernel.get(entry))!.mark).toBe(0xcafe);
    if (protocol === Protocol.sctp) {
      expect(found!.sctpState).toBe(3);
      expect(found!.sctpVerificationTagOriginal).toBe(0xdeadbeef);
      expect(found!.sctpVerificationTagReply).toBe(0x01020304);
    }
    expect(await kernel.one((batch) => batch.delete(entry))).toBe(0);
  });
});

describe('zones', () => {
  it('keeps a zone, and does not find the flow in another one', async () => {
    const entry = flow(Protocol.udp, [C4, S4, ports], [S4, C4, reversed]);
    entry.zone = 7;
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    expectSameFlow(await kernel.get(entry), entry);
    expect(await kernel.dump({ zone: 8 })).toEqual([]);
    expect(await kernel.dump({ zone: 7 })).toHaveLength(1);
    entry.zone = 0;
    expect(await kernel.get(entry)).toBeNull();
    entry.zone = 7;
    expect(await kernel.one((batch) => batch.delete(entry))).toBe(0);
  });

  it.each([
    [1, 'original'],
    [2, 'reply'],
  ])('keeps a zone of one direction (%i, the %s one)', async (direction) => {
    const entry = flow(Protocol.udp, [C4, S4, ports], [S4, C4, reversed]);
    entry.attributes |= A.zoneDirection;
    entry.zoneDirection = direction;
    if (direction === 1) entry.zone = 5;
    else entry.replyZone = 5;
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    for (const way of ['original', 'reply'] as const) {
      const found = await kernel.get(entry, way);
      expectSameFlow(found, entry);
      expect(found!.replyZone).toBe(entry.replyZone);
      expect(found!.attributes & A.zoneDirection).not.toBe(0);
    }
    expect(await kernel.one((batch) => batch.delete(entry, 'reply'))).toBe(0);
  });
});

describe('attributes', () => {
  it('strips what the kernel refuses or ignores from the status of a new flow', async () => {
    const entry = flow(Protocol.udp, [C4, S4, ports], [S4, C4, reversed]);
    entry.status = 0xffff & ~ConntrackStatus.fixedTimeout;
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    expect((await kernel.get(entry))!.status).toBe(REPLIED);
    expect(await kernel.one((batch) => batch.delete(entry))).toBe(0);
  });

  it('sets ASSURED by an update that carries what the kernel has', async () => {
    const entry = flow(Protocol.udp, [C4, S4, ports], [S4, C4, reversed]);
    entry.status = ConntrackStatus.seenReply;
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    const kernelStatus = (await kernel.get(entry))!.status;
    entry.status = ConntrackStatus.assured;
    expect(await kernel.one((batch) => batch.update(entry, A.status))).toBe(Errno.EBUSY);
    expect(await kernel.one((batch) => batch.update(entry, A.status, kernelStatus))).toBe(0);
    expect((await kernel.get(entry))!.status & REPLIED).toBe(REPLIED);
    expect(await kernel.one((batch) => batch.delete(entry))).toBe(0);
  });

  it('loses labels when no rule uses them, and keeps them when one does', async () => {
    const entry = flow(Protocol.udp, [C4, S4, ports], [S4, C4, reversed]);
    entry.attributes |= A.labels;
    entry.labels[0] = 0x05;
    entry.labels[15] = 0x80;
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    expect((await kernel.get(entry))!.attributes & A.labels).toBe(0);
    expect(await kernel.one((batch) => batch.update(entry, A.labels))).toBe(Errno.ENOSPC);
    expect(await kernel.one((batch) => batch.delete(entry))).toBe(0);

    namespace.nft(`table ip labels {
      chain c { type filter hook input priority 0; ct label set 3 counter; }
    }`);
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    const found = await kernel.get(entry);
    expect(found!.attributes & A.labels).not.toBe(0);
    expect([...found!.labels]).toEqual([...entry.labels]);
    expect(await kernel.one((batch) => batch.delete(entry))).toBe(0);
    namespace.nft('delete table ip labels');
  });

  it('makes an expected flow with its master, sequence adjustments and synproxy values', async () => {
    const master = flow(Protocol.tcp, [C4, S4, l4(4001, 21)], [S4, C4, l4(21, 4001)]);
    const child = flow(Protocol.tcp, [S4, C4, l4(20, 5001)], [C4, S4, l4(5001, 20)]);
    child.attributes |= A.master | A.sequenceAdjustOriginal | A.sequenceAdjustReply | A.synproxy;
    child.masterProtocol = Protocol.tcp;
    child.masterSource.set(master.originalSource);
    child.masterDestination.set(master.originalDestination);
    child.masterL4 = master.originalL4;
    Object.assign(child.sequenceAdjustOriginal, {
      correctionPosition: 10,
      offsetBefore: 0,
      offsetAfter: 4,
    });
    Object.assign(child.sequenceAdjustReply, {
      correctionPosition: 20,
      offsetBefore: 1,
      offsetAfter: 0xfffffffe,
    });
    child.synproxyInitialSequence = 0x11223344;
    child.synproxyInitialTimestamp = 0x55667788;
    child.synproxyTimestampOffset = 0x99aabbcc;
    expect(await kernel.one((batch) => batch.create(child))).toBe(Errno.ENOENT);
    const { errnos } = await kernel.run((batch) => {
      batch.create(master);
      batch.create(child);
    });
    expect([...errnos]).toEqual([0, 0]);
    const found = await kernel.get(child);
    expect(found!.status & ConntrackStatus.expected).not.toBe(0);
    expect(found!.status & ConntrackStatus.sequenceAdjust).not.toBe(0);
    expect([...found!.masterSource.subarray(0, 4)]).toEqual([10, 1, 0, 2]);
    expect([found!.masterProtocol, found!.masterL4]).toEqual([Protocol.tcp, l4(4001, 21)]);
    expect(found!.sequenceAdjustOriginal).toEqual(child.sequenceAdjustOriginal);
    expect(found!.sequenceAdjustReply).toEqual(child.sequenceAdjustReply);
    expect(found!.synproxyInitialSequence).toBe(0x11223344);
    expect(found!.synproxyInitialTimestamp).toBe(0x55667788);
    expect(found!.synproxyTimestampOffset).toBe(0x99aabbcc);
    await kernel.run((batch) => {
      batch.delete(child);
      batch.delete(master);
    });
    expect(await kernel.dump()).toEqual([]);
  });

  it('gives a flow without a timeout of its own the default one', async () => {
    const entry = flow(Protocol.udp, [C4, S4, ports], [S4, C4, reversed]);
    expect(await kernel.one((batch) => batch.create(entry, A.reply | A.status))).toBe(0);
    const found = await kernel.get(entry);
    expect(found!.timeoutSeconds).toBeGreaterThan(590);
    expect(await kernel.one((batch) => batch.delete(entry))).toBe(0);
  });

  it('deletes by id only the flow that has that id', async () => {
    const entry = flow(Protocol.udp, [C4, S4, ports], [S4, C4, reversed]);
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    const { id } = (await kernel.get(entry))!;
    const other = (id ^ 1) >>> 0;
    expect(await kernel.one((batch) => batch.delete(entry, 'original', other))).toBe(Errno.ENOENT);
    expect(await kernel.one((batch) => batch.delete(entry, 'original', id))).toBe(0);
  });
});

describe('a batch', () => {
  it('reports every errno at its own position', async () => {
    const flows = Array.from({ length: 100 }, (_, index) =>
      flow(Protocol.udp, [C4, S4, l4(1000 + index, 53)], [S4, C4, l4(53, 1000 + index)]),
    );
    const taken = new Set([0, 13, 50, 99]);
    await kernel.run((batch) => {
      for (const index of taken) batch.create(flows[index]!);
    });
    const created = await kernel.run((batch) => {
      for (const entry of flows) batch.create(entry);
    });
    expect(created.failures).toBe(taken.size);
    expect([...created.errnos]).toEqual(
      flows.map((_, index) => (taken.has(index) ? Errno.EEXIST : 0)),
    );
    await kernel.run((batch) => {
      for (const index of taken) batch.delete(flows[index]!);
    });
    const deleted = await kernel.run((batch) => {
      for (const entry of flows) batch.delete(entry);
    });
    expect([...deleted.errnos]).toEqual(
      flows.map((_, index) => (taken.has(index) ? Errno.ENOENT : 0)),
    );
  });

  it('answers gets with the entries found, by sequence, and ENOENT for the others', async () => {
    const flows = Array.from({ length: 60 }, (_, index) =>
      flow(Protocol.udp, [C6, S6, l4(1000 + index, 53)], [S6, C6, l4(53, 1000 + index)]),
    );
    await kernel.run((batch) => {
      for (let index = 0; index < 60; index += 2) batch.create(flows[index]!);
    });
    const found: number[] = [];
    kernel.batch.reset();
    for (const entry of flows) kernel.batch.get(entry);
    const results = await kernel.channel.execute(kernel.batch, (cursor) => {
      while (cursor.next()) {
        const index = cursor.sequence - kernel.batch.firstSequence;
        expect(cursor.entry.originalL4).toBe(flows[index]!.originalL4);
        found.push(index);
      }
    });
    expect(found).toEqual(Array.from({ length: 30 }, (_, index) => index * 2));
    expect([...results.errnos]).toEqual(flows.map((_, index) => (index % 2 ? Errno.ENOENT : 0)));
    await kernel.run((batch) => {
      for (let index = 0; index < 60; index += 2) batch.delete(flows[index]!);
    });
  });

  it('is refused when it is too large or the queue is full, and waits for room', async () => {
    const entry = flow(Protocol.udp, [C4, S4, ports], [S4, C4, reversed]);
    kernel.batch.reset();
    for (let index = 0; index <= kernel.channel.batchMessagesMax; index++) kernel.batch.get(entry);
    await expect(kernel.channel.execute(kernel.batch)).rejects.toMatchObject({
      code: 'NETLINK_BATCH_TOO_LARGE',
    });
    kernel.batch.reset();
    kernel.batch.get(entry);
    const running = [];
    while (kernel.channel.freePlaces > 0) running.push(kernel.channel.execute(kernel.batch));
    await expect(kernel.channel.execute(kernel.batch)).rejects.toMatchObject({
      code: 'NETLINK_COMMAND_QUEUE_FULL',
    });
    await kernel.channel.room();
    expect(kernel.channel.freePlaces).toBeGreaterThan(0);
    await Promise.all(running);
  });
});
