import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  type ExpectationFields,
  ExpectationRecord,
  ExpectationTable,
  FlowAttribute,
  type FlowFields,
  FlowRecord,
  FlowTable,
  OperationWriter,
} from '@raftwall/flow-table';
import { inverseL4 } from '@raftwall/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NetlinkKernel } from '../../src/netlink-kernel.ts';

/** Rules that make a kernel translate, use labels and know helpers. */
const rules = `
table inet track {
  chain forward { type filter hook forward priority 0; ct label set 3 counter; ct state established counter; }
}
${['ip', 'ip6']
  .map(
    (family) => `table ${family} nat {
  chain post { type nat hook postrouting priority 100; }
  chain pre { type nat hook prerouting priority -100; }
}`,
  )
  .join('\n')}
`;

/** Kernels of two machines: what the one has, the other is given by way of the flow table. */
class Machine {
  readonly name = `rwf${randomBytes(3).toString('hex')}`;
  readonly kernel: NetlinkKernel;

  constructor() {
    execFileSync('ip', ['netns', 'add', this.name]);
    execFileSync('ip', ['netns', 'exec', this.name, 'nft', '-f', '-'], { input: rules });
    this.kernel = new NetlinkKernel(
      {
        namespace: `/run/netns/${this.name}`,
        // As it is: liberal would add flags of its own.
        tcpWindowTracking: 'strict',
        eventBufferBytes: 1_000_000,
        protocols: [],
        ignorePrefixes: [],
        zones: [],
      },
      (error) => {
        throw error;
      },
    );
  }

  async inject(flows: readonly FlowFields[]): Promise<number[]> {
    const errnos: number[] = [];
    for (let at = 0; at < flows.length; at += 100) {
      const batch = this.kernel.newBatch();
      for (const flow of flows.slice(at, at + 100)) {
        batch.create(flow, { timeoutSeconds: flow.timeoutSeconds, withStatus: true });
      }
      errnos.push(...(await this.kernel.execute(batch)));
    }
    return errnos;
  }

  /** The entries as they go into the log. */
  async operations(): Promise<Uint8Array> {
    const writer = new OperationWriter();
    await this.kernel.dump((page) => {
      while (page.next()) writer.create(page.entry);
    });
    await this.kernel.dumpExpectations((it) => writer.expect(it));
    return writer.finish();
  }

  async remove(): Promise<void> {
    await this.kernel.close();
    execFileSync('ip', ['netns', 'delete', this.name]);
  }
}

const { tcp, sctp, labels, helper, master, synproxy, mark, zoneDirection } = FlowAttribute;
const { sequenceAdjustOriginal, sequenceAdjustReply } = FlowAttribute;
const base = FlowAttribute.reply | FlowAttribute.status | FlowAttribute.timeout;
const replied = 0xe;
const FIXED_TIMEOUT = 0x400;

const Protocol = { icmp: 1, tcp: 6, udp: 17, gre: 47, icmpv6: 58, sctp: 132, udpLite: 136 };
const withPorts = new Set([6, 17, 132, 136]);

let keys = 0;

/** A flow between hosts `a` and `b`, told apart from all others by ports or id, or without them by the source. */
function flowOf(family: number, protocol: number): FlowRecord {
  keys += 1;
  const flow = new FlowRecord();
  flow.family = family;
  flow.protocol = protocol;
  const ipv4 = family === 2;
  flow.originalSource.set(ipv4 ? [10, 1, keys >> 8, keys & 255] : [0xfd, 1, keys >> 8, keys & 255]);
  flow.originalDestination.set(ipv4 ? [10, 2, 0, 2] : [0xfd, 2, 0, 2]);
  if (protocol === Protocol.icmp) flow.originalL4 = (keys << 16) | (8 << 8);
  else if (protocol === Protocol.icmpv6) flow.originalL4 = (keys << 16) | (128 << 8);
  else if (withPorts.has(protocol)) flow.originalL4 = ((2000 + keys) << 16) | 80;
  flow.originalL4 >>>= 0;
  flow.replySource.set(flow.originalDestination);
  flow.replyDestination.set(flow.originalSource);
  flow.replyL4 =
    withPorts.has(protocol) || protocol <= 58 ? inverseL4(protocol, flow.originalL4) : 0;
  flow.attributes = base | mark;
  flow.status = replied;
  flow.timeoutSeconds = 500;
  flow.mark = 0x1000 + keys;
  if (protocol === Protocol.tcp) {
    flow.attributes |= tcp;
    Object.assign(flow, { tcpState: 3, tcpWindowScaleOriginal: 7, tcpWindowScaleReply: 9 });
    Object.assign(flow, { tcpFlagsOriginal: 0x03, tcpFlagsReply: 0x0b });
  }
  if (protocol === Protocol.sctp) {
    flow.attributes |= sctp;
    const tags = { sctpVerificationTagOriginal: 0xdeadbeef, sctpVerificationTagReply: keys };
    Object.assign(flow, { sctpState: 4 }, tags);
  }
  return flow;
}

function translate(flow: FlowRecord, source: boolean, destination: boolean): FlowRecord {
  const ipv4 = flow.family === 2;
  if (source) {
    flow.replyDestination.fill(0);
    flow.replyDestination.set(ipv4 ? [192, 0, 2, keys & 255] : [0x20, 1, 0xd, 0xb8, 0, keys & 255]);
    if (withPorts.has(flow.protocol)) {
      flow.replyL4 = ((flow.replyL4 & 0xffff0000) | (30_000 + keys)) >>> 0;
    }
  }
  if (destination) {
    flow.replySource.fill(0);
    flow.replySource.set(ipv4 ? [10, 2, 0, 77] : [0xfd, 2, 0, 77]);
    if (withPorts.has(flow.protocol)) flow.replyL4 = ((8080 << 16) | (flow.replyL4 & 0xffff)) >>> 0;
  }
  return flow;
}

function adjusted(flow: FlowRecord): FlowRecord {
  flow.attributes |= sequenceAdjustOriginal | sequenceAdjustReply;
  Object.assign(flow.sequenceAdjustOriginal, {
    correctionPosition: 10,
    offsetBefore: 2,
    offsetAfter: 4,
  });
  Object.assign(flow.sequenceAdjustReply, { correctionPosition: 20, offsetAfter: 0xfffffffe });
  return flow;
}

function related(to: FlowFields): FlowRecord {
  const flow = flowOf(to.family, Protocol.tcp);
  flow.attributes |= master;
  flow.masterSource.set(to.originalSource);
  flow.masterDestination.set(to.originalDestination);
  flow.masterProtocol = to.protocol;
  flow.masterL4 = to.originalL4;
  return flow;
}

function helped(name: string, protocol: number, port: number): FlowRecord {
  const flow = flowOf(2, protocol);
  flow.originalL4 = ((flow.originalL4 & 0xffff0000) | port) >>> 0;
  flow.replyL4 = inverseL4(protocol, flow.originalL4);
  flow.attributes |= helper;
  flow.helper = name;
  return flow;
}

interface Case {
  readonly name: string;
  readonly flow: FlowRecord;
}

function protocolCases(): Case[] {
  const families = [
    [2, 'IPv4', [1, 6, 17, 47, 132, 136, 50, 89, 253]],
    [10, 'IPv6', [58, 6, 17, 47, 132, 136, 50, 89, 253]],
  ] as const;
  const nats = [
    ['without NAT', false, false],
    ['with SNAT', true, false],
    ['with DNAT', false, true],
    ['with SNAT and DNAT', true, true],
  ] as const;
  return families.flatMap(([family, label, protocols]) =>
    protocols.flatMap((protocol) =>
      nats.map(([nat, source, destination]) => ({
        name: `protocol ${protocol} over ${label} ${nat}`,
        flow: translate(flowOf(family, protocol), source, destination),
      })),
    ),
  );
}

function attributeCases(): Case[] {
  const zoned = flowOf(2, Protocol.udp);
  zoned.zone = 7;
  const zonedOneWay = flowOf(2, Protocol.udp);
  Object.assign(zonedOneWay, {
    zone: 5,
    zoneDirection: 1,
    attributes: zonedOneWay.attributes | zoneDirection,
  });
  const zonedBack = flowOf(10, Protocol.udp);
  Object.assign(zonedBack, {
    replyZone: 6,
    zoneDirection: 2,
    attributes: zonedBack.attributes | zoneDirection,
  });
  const labelled = flowOf(2, Protocol.tcp);
  labelled.attributes |= labels;
  labelled.labels.set([5, 0, 0, 0x80], 12);
  const proxied = adjusted(flowOf(2, Protocol.tcp));
  proxied.attributes |= synproxy;
  Object.assign(proxied, {
    synproxyInitialSequence: 1,
    synproxyInitialTimestamp: 2,
    synproxyTimestampOffset: 3,
  });
  const ftp = helped('ftp', Protocol.tcp, 21);
  return [
    { name: 'a zone', flow: zoned },
    { name: 'a zone of the original direction', flow: zonedOneWay },
    { name: 'a zone of the reply direction', flow: zonedBack },
    { name: 'labels', flow: labelled },
    { name: 'sequence adjustment', flow: adjusted(flowOf(10, Protocol.tcp)) },
    {
      name: 'sequence adjustment and SNAT',
      flow: adjusted(translate(flowOf(2, Protocol.tcp), true, false)),
    },
    { name: 'synproxy', flow: proxied },
    { name: 'the FTP helper', flow: ftp },
    { name: 'the SIP helper', flow: helped('sip', Protocol.udp, 5060) },
    { name: 'the TFTP helper', flow: helped('tftp', Protocol.udp, 69) },
    { name: 'a master', flow: related(ftp) },
    ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((tcpState) => ({
      name: `TCP state ${tcpState}`,
      flow: Object.assign(flowOf(2, Protocol.tcp), { tcpState }),
    })),
  ];
}

/** All that a record says, as plain values; times only as far as they can be equal. */
function contentOf(flow: FlowFields): Record<string, unknown> {
  const copy = new FlowRecord();
  copy.copyFrom(flow);
  return { ...copy, timeoutSeconds: 0 };
}

const keyOf = (flow: FlowFields): string =>
  [flow.family, flow.protocol, flow.originalL4, flow.zone, ...flow.originalSource].join();

function readTable(table: FlowTable): Map<string, FlowRecord> {
  const rows = new Map<string, FlowRecord>();
  for (let cursor = 0; cursor >= 0; ) {
    cursor = table.forEachPage(cursor, 1000, (slot) => {
      const row = new FlowRecord();
      table.read(slot, row);
      rows.set(keyOf(row), row);
    });
  }
  return rows;
}

function expectationOf(of: FlowFields): ExpectationRecord {
  const expectation = new ExpectationRecord();
  Object.assign(expectation.master, {
    family: 2,
    protocol: of.protocol,
    originalL4: of.originalL4,
  });
  expectation.master.originalSource.set(of.originalSource);
  expectation.master.originalDestination.set(of.originalDestination);
  expectation.source.set(of.originalDestination);
  expectation.destination.set(of.originalSource);
  expectation.maskSource.fill(255, 0, 4);
  expectation.maskDestination.fill(255, 0, 4);
  Object.assign(expectation, {
    protocol: of.protocol,
    l4: 5001,
    maskL4: 0xffff,
    helper: of.helper,
  });
  expectation.timeoutSeconds = 100;
  if (of.helper !== 'ftp') return expectation;
  expectation.natSource.set(of.originalSource.subarray(0, 4));
  const nat = {
    natDirection: 1,
    natProtocol: 6,
    natL4: 7777 << 16,
    nextHelper: 'nat-follow-master',
  };
  return Object.assign(expectation, nat);
}

describe('what one kernel has comes through log and table into another kernel', () => {
  let from: Machine;
  let to: Machine;
  const cases = [...protocolCases(), ...attributeCases()];
  const table = new FlowTable({}, { nowMs: () => performance.now() });
  const expectations = new ExpectationTable();
  const arrived = new Map<string, FlowRecord>();
  const rows = new Map<string, FlowRecord>();

  beforeAll(async () => {
    from = new Machine();
    to = new Machine();
    expect(await from.inject(cases.map(({ flow }) => flow))).toEqual(cases.map(() => 0));
    const expecting = cases.map(({ flow }) => flow).filter(({ attributes }) => attributes & helper);
    await expectInto(from, expecting.map(expectationOf));
    const operations = await from.operations();
    table.apply(operations);
    expectations.apply(operations);
    for (const [key, row] of readTable(table)) rows.set(key, row);
    const isRelated = ({ attributes }: FlowFields): number => (attributes & master ? 1 : 0);
    const ordered = [...rows.values()].sort((a, b) => isRelated(a) - isRelated(b));
    expect(await to.inject(ordered)).toEqual(ordered.map(() => 0));
    await expectInto(to, [...expectations.values()]);
    const back = new FlowTable({}, { nowMs: () => performance.now() });
    back.apply(await to.operations());
    for (const [key, row] of readTable(back)) arrived.set(key, row);
  });

  afterAll(async () => {
    await from.remove();
    await to.remove();
  });

  async function expectInto(machine: Machine, list: readonly ExpectationFields[]): Promise<void> {
    const batch = machine.kernel.newBatch();
    for (const it of list) {
      batch.expect(it);
      batch.limitExpectation(it);
    }
    expect([...(await machine.kernel.execute(batch))]).toEqual(list.flatMap(() => [0, 0]));
  }

  it.each(cases)('$name', ({ flow }) => {
    const row = rows.get(keyOf(flow));
    const found = arrived.get(keyOf(flow));
    expect(row).toBeDefined();
    expect(found).toBeDefined();
    // The second kernel says the same as the first, in every attribute and status bit.
    expect(contentOf(found!)).toEqual(contentOf(row!));
    // And the first said what it was told, with NAT bits and the rest of its own.
    const told = contentOf(flow);
    for (const [name, bit] of Object.entries(FlowAttribute)) {
      if (flow.attributes & bit) expect([name, row!.attributes & bit]).toEqual([name, bit]);
    }
    for (const field of [
      'replyL4',
      'mark',
      'helper',
      'zone',
      'replyZone',
      'tcpState',
      'sctpVerificationTagOriginal',
      'masterL4',
      'synproxyTimestampOffset',
      'sequenceAdjustReply',
      'replySource',
      'replyDestination',
    ] as const) {
      expect([field, row![field]]).toEqual([field, told[field]]);
    }
    expect(found!.timeoutSeconds).toBeGreaterThan(flow.timeoutSeconds - 30);
    expect(found!.timeoutSeconds).toBeLessThanOrEqual(flow.timeoutSeconds);
    expect((found!.status & FIXED_TIMEOUT) !== 0).toBe(flow.protocol === Protocol.gre);
  });

  it('expectations of every helper', async () => {
    const found = new Map<number, ExpectationRecord>();
    await to.kernel.dumpExpectations((it) => {
      found.set(it.master.originalL4, new ExpectationRecord().copyFrom(it));
    });
    expect(found.size).toBe(3);
    for (const it of expectations.values()) {
      const copy = found.get(it.master.originalL4)!;
      expect({ ...copy, timeoutSeconds: 0 }).toEqual({ ...it, timeoutSeconds: 0 });
      expect(copy.timeoutSeconds).toBeGreaterThan(70);
      expect(copy.timeoutSeconds).toBeLessThanOrEqual(100);
    }
  });
});
