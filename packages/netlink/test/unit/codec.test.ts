import * as fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { CommandBatch } from '../../src/command-batch.ts';
import { ConntrackAttribute } from '../../src/conntrack-attribute.ts';
import { ConntrackCursor } from '../../src/conntrack-cursor.ts';
import { ConntrackEntry } from '../../src/conntrack-entry.ts';
import { Cta, Protocol } from '../../src/ctnetlink-protocol.ts';
import { SingleDatagram } from '../../src/datagram-source.ts';
import { inverseL4, l4Shape } from '../../src/l4-word.ts';
import { plain } from '../support/entries.ts';

vi.setConfig({ testTimeout: 60_000 });

const A = ConntrackAttribute;
const word = fc.nat(0xffffffff);
const byte = fc.nat(255);

/** Bytes of an address of the family; IPv4 leaves twelve zeros. */
const address = (family: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => {
    if (family === 2) bytes.fill(0, 4);
    return bytes;
  });

const protocols = [...Object.values(Protocol), 89, 255];

/** An L4 word as the kernel would report it for the protocol. */
function l4Of(protocol: number): fc.Arbitrary<number> {
  return l4Shape(protocol) === 'none' ? fc.constant(0) : word;
}

const entries: fc.Arbitrary<ConntrackEntry> = fc
  .tuple(fc.constantFrom(2, 10), fc.constantFrom(...protocols), fc.constantFrom(...protocols))
  .chain(([family, protocol, masterProtocol]) =>
    fc.record({
      family: fc.constant(family),
      protocol: fc.constant(protocol),
      masterProtocol: fc.constant(masterProtocol),
      attributes: fc.nat((1 << 13) - 1),
      zone: fc.nat(0xffff),
      zoneDirection: fc.nat(2),
      originalSource: address(family),
      originalDestination: address(family),
      originalL4: l4Of(protocol),
      masterSource: address(family),
      masterDestination: address(family),
      masterL4: l4Of(masterProtocol),
      status: word,
      timeoutSeconds: word,
      mark: word,
      tcpState: fc.nat(9),
      tcpWindowScaleOriginal: byte,
      tcpWindowScaleReply: byte,
      tcpFlagsOriginal: fc.nat(15),
      tcpFlagsReply: fc.nat(15),
      sctpState: byte,
      sctpVerificationTagOriginal: word,
      sctpVerificationTagReply: word,
      dccpState: byte,
      dccpRole: byte,
      dccpSequenceHigh: word,
      dccpSequenceLow: word,
      labels: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      helper: fc.string({ unit: fc.constantFrom(...'abcxyz-09'), minLength: 1, maxLength: 15 }),
      positions: fc.tuple(word, word, word, word, word, word),
      synproxyInitialSequence: word,
      synproxyInitialTimestamp: word,
      synproxyTimestampOffset: fc.integer({ min: 1, max: 0xffffffff }),
    }),
  )
  .map(({ positions, ...fields }) => {
    const entry = new ConntrackEntry();
    for (const [name, value] of Object.entries(fields)) {
      if (value instanceof Uint8Array) (entry[name as 'labels'] as Uint8Array).set(value);
      else Object.assign(entry, { [name]: value });
    }
    const [a, b, c, d, e, f] = positions;
    Object.assign(entry.sequenceAdjustOriginal, {
      correctionPosition: a,
      offsetBefore: b,
      offsetAfter: c,
    });
    Object.assign(entry.sequenceAdjustReply, {
      correctionPosition: d,
      offsetBefore: e,
      offsetAfter: f,
    });
    if (entry.zoneDirection === 2) {
      entry.replyZone = entry.zone;
      entry.zone = 0;
    }
    if (entry.zoneDirection !== 0) entry.attributes |= A.zoneDirection;
    return entry;
  });

function decode(batch: CommandBatch): ConntrackEntry[] {
  const source = new SingleDatagram().of(batch.bytes, batch.length);
  const cursor = new ConntrackCursor(source);
  const found: ConntrackEntry[] = [];
  while (cursor.next()) found.push(plain(cursor.entry) as unknown as ConntrackEntry);
  expect(cursor.malformed).toBe(0);
  return found;
}

/** The fields whose attribute bit is set, and the key. */
function shown(entry: ConntrackEntry, attributes: number): Record<string, unknown> {
  const groups: [number, (keyof ConntrackEntry)[]][] = [
    [A.timeout, ['timeoutSeconds']],
    [A.mark, ['mark']],
    [
      A.tcp,
      [
        'tcpState',
        'tcpWindowScaleOriginal',
        'tcpWindowScaleReply',
        'tcpFlagsOriginal',
        'tcpFlagsReply',
      ],
    ],
    [A.sctp, ['sctpState', 'sctpVerificationTagOriginal', 'sctpVerificationTagReply']],
    [A.dccp, ['dccpState', 'dccpRole', 'dccpSequenceHigh', 'dccpSequenceLow']],
    [A.labels, ['labels']],
    [A.helper, ['helper']],
    [A.master, ['masterSource', 'masterDestination', 'masterProtocol', 'masterL4']],
    [A.sequenceAdjustOriginal, ['sequenceAdjustOriginal']],
    [A.sequenceAdjustReply, ['sequenceAdjustReply']],
    [
      A.synproxy,
      ['synproxyInitialSequence', 'synproxyInitialTimestamp', 'synproxyTimestampOffset'],
    ],
  ];
  const names: (keyof ConntrackEntry)[] = [
    ...(['family', 'protocol', 'zone', 'zoneDirection', 'replyZone'] as const),
    ...(['originalSource', 'originalDestination', 'originalL4'] as const),
  ];
  for (const [bit, fields] of groups) if (attributes & bit) names.push(...fields);
  return Object.fromEntries(names.map((name) => [name, structuredClone(entry[name])]));
}

describe('encoding and decoding', () => {
  it('a new entry comes back with every attribute, and the plain inverse as reply tuple', () => {
    void fc.assert(
      fc.property(entries, (entry) => {
        const batch = new CommandBatch({ tcpWindowTracking: 'strict' });
        const sent = entry.attributes | A.timeout | A.status;
        batch.create(entry, sent);
        const [found] = decode(batch);
        expect(shown(found!, sent)).toEqual(shown(entry, sent));
        expect(found!.attributes & ~A.reply).toBe(sent & ~A.reply);
        const fixed = entry.protocol === Protocol.gre ? 0x400 : 0;
        expect(found!.status).toBe((entry.status & 0x406) | 0x8 | fixed);
        expect(found!.replySource).toEqual(entry.originalDestination);
        expect(found!.replyDestination).toEqual(entry.originalSource);
        expect(found!.replyL4).toBe(inverseL4(entry.protocol, entry.originalL4));
      }),
      { numRuns: 200 },
    );
  });

  it('an update carries the key and exactly what it was told to, of what can be changed', () => {
    const mutable =
      A.timeout |
      A.mark |
      A.tcp |
      A.sctp |
      A.dccp |
      A.labels |
      A.sequenceAdjustOriginal |
      A.sequenceAdjustReply |
      A.synproxy;
    void fc.assert(
      fc.property(entries, (entry) => {
        const batch = new CommandBatch({ tcpWindowTracking: 'strict' });
        batch.update(entry, entry.attributes);
        const [found] = decode(batch);
        // The life of a GRE flow is fixed.
        const changeable = entry.protocol === Protocol.gre ? mutable & ~A.timeout : mutable;
        const sent = entry.attributes & changeable;
        // The zone of the reply direction is no part of the key.
        fc.pre(entry.zoneDirection !== 2);
        expect(shown(found!, sent)).toEqual(shown(entry, sent));
        const zoned = entry.zoneDirection === 1 ? A.zoneDirection : 0;
        expect(found!.attributes & ~A.status).toBe(sent | zoned);
        expect(found!.attributes & A.status).toBe(entry.attributes & A.status);
      }),
      { numRuns: 200 },
    );
  });

  it('a direction of the zone that the entry does not say it has is not sent', () => {
    const entry = new ConntrackEntry();
    entry.protocol = Protocol.udp;
    for (const direction of [1, 2]) {
      Object.assign(entry, {
        zone: 7,
        zoneDirection: direction,
        replyZone: 9,
        attributes: A.reply,
      });
      const batch = new CommandBatch();
      batch.create(entry);
      const [found] = decode(batch);
      expect([found!.zone, found!.zoneDirection]).toEqual([7, 0]);
      expect(attributesOf(batch).has(Cta.zone)).toBe(true);
    }
  });

  it('any batch is a row of whole messages with running sequences', () => {
    void fc.assert(
      fc.property(fc.array(entries, { minLength: 1, maxLength: 200 }), word, (list, first) => {
        const batch = new CommandBatch();
        batch.reset(first);
        for (const entry of list) batch.create(entry, (1 << 14) - 1);
        const view = new DataView(batch.bytes.buffer);
        let at = 0;
        for (let index = 0; index < list.length; index++) {
          expect(view.getUint32(at + 8, true)).toBe((first + index) >>> 0);
          at += view.getUint32(at, true);
          expect(at % 4).toBe(0);
        }
        expect(at).toBe(batch.length);
      }),
      { numRuns: 30 },
    );
  });
});

/** Every attribute of the first message, by type; nested ones by their bytes. */
function attributesOf(batch: CommandBatch): Map<number, Uint8Array> {
  const view = new DataView(batch.bytes.buffer);
  const found = new Map<number, Uint8Array>();
  for (let at = 20; at < batch.length; ) {
    const length = view.getUint16(at, true);
    found.set(view.getUint16(at + 2, true) & 0x3fff, batch.bytes.slice(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

function translated(
  protocol: number,
  fill: (entry: ConntrackEntry) => void,
): Map<number, Uint8Array> {
  const entry = new ConntrackEntry();
  entry.protocol = protocol;
  entry.originalSource.set([10, 0, 0, 1]);
  entry.originalDestination.set([10, 0, 0, 2]);
  entry.replySource.set([10, 0, 0, 2]);
  entry.replyDestination.set([10, 0, 0, 1]);
  entry.attributes = A.reply | A.status | A.timeout;
  fill(entry);
  const batch = new CommandBatch();
  batch.create(entry);
  return attributesOf(batch);
}

describe('the NAT trap', () => {
  const exact = (address: number[], port: number): Uint8Array => {
    const two = [port >>> 8, port & 0xff];
    return new Uint8Array([
      ...[8, 0, 1, 0, ...address, 8, 0, 2, 0, ...address],
      ...[20, 0, 3, 0x80, 6, 0, 1, 0, ...two, 0, 0, 6, 0, 2, 0, ...two, 0, 0],
    ]);
  };

  it('sends no mapping for a flow whose reply is the plain inverse', () => {
    const sent = translated(Protocol.udp, (entry) => {
      entry.originalL4 = 0x10000035;
      entry.replyL4 = 0x00351000;
    });
    expect(sent.has(Cta.natSource)).toBe(false);
    expect(sent.has(Cta.natDestination)).toBe(false);
  });

  it('sends SNAT and DNAT as exact ranges of address and port', () => {
    const sent = translated(Protocol.tcp, (entry) => {
      entry.originalL4 = 0x10000050;
      entry.replySource.set([172, 16, 0, 9]);
      entry.replyDestination.set([192, 0, 2, 1]);
      entry.replyL4 = 0x1f90d6d8;
    });
    expect(sent.get(Cta.natSource)).toEqual(exact([192, 0, 2, 1], 0xd6d8));
    expect(sent.get(Cta.natDestination)).toEqual(exact([172, 16, 0, 9], 0x1f90));
    expect(sent.get(Cta.tupleReply)).toEqual(
      translated(Protocol.tcp, (entry) => {
        entry.originalL4 = 0x10000050;
        entry.replyL4 = 0x00501000;
      }).get(Cta.tupleReply),
    );
  });

  it('sends the mapped id of an echo request as the port of its range', () => {
    const sent = translated(Protocol.icmp, (entry) => {
      entry.originalL4 = 0x00070800;
      entry.replyDestination.set([192, 0, 2, 1]);
      entry.replyL4 = 0x00630000;
    });
    expect(sent.get(Cta.natSource)).toEqual(exact([192, 0, 2, 1], 0x63));
    expect(sent.has(Cta.natDestination)).toBe(false);
  });

  it('sends addresses alone for a protocol without ports', () => {
    const sent = translated(89, (entry) => entry.replyDestination.set([192, 0, 2, 1]));
    expect(sent.get(Cta.natSource)).toHaveLength(16);
  });
});

describe('TCP window tracking', () => {
  it('is told to be liberal, with window scale on, unless it shall be strict', () => {
    const entry = new ConntrackEntry();
    entry.protocol = Protocol.tcp;
    entry.attributes = A.tcp;
    entry.tcpState = 3;
    entry.tcpFlagsOriginal = 0x31;
    for (const [mode, flags] of [
      ['liberal', 0x0b],
      ['strict', 0x01],
    ] as const) {
      const batch = new CommandBatch({ tcpWindowTracking: mode });
      batch.create(entry);
      expect(decode(batch)[0]!.tcpFlagsOriginal).toBe(flags);
    }
  });

  it('leaves a state that the kernel does not know out', () => {
    const entry = new ConntrackEntry();
    entry.protocol = Protocol.tcp;
    entry.attributes = A.tcp;
    entry.tcpState = 10;
    const batch = new CommandBatch();
    batch.create(entry);
    expect(attributesOf(batch).has(Cta.protoInfo)).toBe(false);
  });
});
