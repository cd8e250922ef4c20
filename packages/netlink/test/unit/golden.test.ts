import { describe, expect, it } from 'vitest';
import { CommandBatch } from '../../src/command-batch.ts';
import { ConntrackAttribute } from '../../src/conntrack-attribute.ts';
import { ConntrackCursor, ConntrackKind } from '../../src/conntrack-cursor.ts';
import type { ConntrackEntry } from '../../src/conntrack-entry.ts';
import type { ConntrackExpectation } from '../../src/conntrack-expectation.ts';
import { SingleDatagram } from '../../src/datagram-source.ts';
import { formatAddress } from '../../src/ip-address.ts';
import { Nat, natOf } from '../../src/nat-mapping.ts';
import { l4 } from '../support/entries.ts';
import { readHexFile } from '../support/hex-file.ts';

const KIND = new Map<number, string>(
  Object.entries(ConntrackKind).map(([name, value]) => [value, name]),
);

interface Row {
  readonly kind: string | undefined;
  readonly foreign: boolean;
  readonly original: string;
  readonly reply: string;
  readonly protocol: number;
  readonly status: number;
  readonly tcpState: number | null;
  readonly attributes: number;
}

function read(name: string): Row[] {
  const source = new SingleDatagram();
  const cursor = new ConntrackCursor(source);
  const rows: Row[] = [];
  for (const bytes of readHexFile(name)) {
    source.of(bytes);
    while (cursor.next()) {
      const { entry } = cursor;
      const text = (from: Uint8Array, to: Uint8Array, word: number): string =>
        `${formatAddress(entry.family, from)} ${formatAddress(entry.family, to)} ${word.toString(16)}`;
      rows.push({
        kind: KIND.get(cursor.kind),
        foreign: cursor.portId !== 0,
        original: text(entry.originalSource, entry.originalDestination, entry.originalL4),
        reply: text(entry.replySource, entry.replyDestination, entry.replyL4),
        protocol: entry.protocol,
        status: entry.status,
        tcpState: entry.attributes & ConntrackAttribute.tcp ? entry.tcpState : null,
        attributes: entry.attributes,
      });
      expect(entry.id).not.toBe(0);
    }
  }
  expect(cursor.malformed).toBe(0);
  return rows;
}

const hex = (high: number, low: number): string => l4(high, low).toString(16);
const C4 = '10.1.0.2';
const S4 = '10.2.0.2';
const C6 = 'fd01::2';
const S6 = 'fd02::2';
/** IPS_CONFIRMED, then with SEEN_REPLY; DYING comes with a destroy event. */
const CONFIRMED = 0x8;
const REPLIED = 0xa;
const DYING = 0x200;

describe('events captured from a kernel', () => {
  it.each([
    ['udp4-events', C4, S4, 17, hex(4000, 7000), hex(7000, 4000)],
    ['udp6-events', C6, S6, 17, hex(4000, 7006), hex(7006, 4000)],
    ['icmp4-events', C4, S4, 1, hex(4321, 8 << 8), hex(4321, 0)],
    ['icmp6-events', C6, S6, 58, hex(4321, 128 << 8), hex(4321, 129 << 8)],
  ])('%s: new, replied, destroyed by a command', (name, client, server, protocol, go, back) => {
    const rows = read(name);
    expect(rows.map(({ kind }) => kind)).toEqual(['new', 'update', 'destroy']);
    expect(rows.map(({ foreign }) => foreign)).toEqual([false, false, true]);
    expect(rows.map(({ status }) => status & (REPLIED | DYING))).toEqual([
      CONFIRMED,
      REPLIED,
      REPLIED | DYING,
    ]);
    for (const row of rows) {
      expect(row.original).toBe(`${client} ${server} ${go}`);
      expect(row.reply).toBe(`${server} ${client} ${back}`);
      expect(row.protocol).toBe(protocol);
      const carried = ConntrackAttribute.reply | ConntrackAttribute.status;
      expect(row.attributes & ~ConntrackAttribute.timeout).toBe(carried);
    }
  });

  it.each([
    ['tcp4-events', C4, S4, hex(4001, 7001)],
    ['tcp6-events', C6, S6, hex(4002, 7002)],
  ])('%s: every state of the connection', (name, client, server, word) => {
    const rows = read(name);
    // SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT, LAST_ACK, TIME_WAIT, and TIME_WAIT when it is deleted.
    expect(rows.map(({ tcpState }) => tcpState)).toEqual([1, 2, 3, 4, 6, 7, 7]);
    expect(rows.map(({ kind }) => kind)).toEqual([
      'new',
      ...new Array<string>(5).fill('update'),
      'destroy',
    ]);
    expect(new Set(rows.map(({ original }) => original))).toEqual(
      new Set([`${client} ${server} ${word}`]),
    );
  });
});

describe('protocols beyond TCP, UDP and ICMP', () => {
  /** Entries of a fixture, as copies. */
  function entriesOf(name: string): { kind: number; entry: ConntrackEntry }[] {
    const source = new SingleDatagram();
    const cursor = new ConntrackCursor(source);
    const found: { kind: number; entry: ConntrackEntry }[] = [];
    for (const bytes of readHexFile(name)) {
      source.of(bytes);
      while (cursor.next()) {
        found.push({ kind: cursor.kind, entry: structuredClone({ ...cursor.entry }) });
      }
    }
    expect(cursor.malformed).toBe(0);
    return found;
  }
  const { new: made, update, destroy } = ConntrackKind;
  const A = ConntrackAttribute;

  it('sctp4-events: the handshake with both verification tags; the end has the state alone', () => {
    const rows = entriesOf('sctp4-events');
    expect(rows.map(({ kind }) => kind)).toEqual([made, update, update, update, destroy]);
    // COOKIE_WAIT twice, since INIT ACK changes nothing but the reply; COOKIE_ECHOED, ESTABLISHED.
    expect(rows.map(({ entry }) => entry.sctpState)).toEqual([1, 2, 3, 4, 4]);
    const { entry } = rows[3]!;
    expect(entry.originalL4).toBe(l4(4007, 7100));
    expect(entry.sctpVerificationTagOriginal).toBe(0x05e14e01);
    expect(entry.sctpVerificationTagReply).toBe(0x0c11e417);
    expect(rows[4]!.entry.attributes & A.sctp).toBe(A.sctp);
    expect(rows[4]!.entry.sctpVerificationTagOriginal).toBe(0);
  });

  it.each([
    ['gre4-events', 47],
    ['unknown4-events', 253],
  ])('%s: no keys or ports, no state', (name, protocol) => {
    const rows = entriesOf(name);
    expect(rows.map(({ kind }) => kind)).toEqual([made, update, destroy]);
    for (const { entry } of rows) {
      expect([entry.protocol, entry.originalL4, entry.replyL4]).toEqual([protocol, 0, 0]);
      expect(entry.attributes).toBe(A.reply | A.status | A.timeout);
      expect(natOf(entry)).toBe(Nat.none);
    }
  });

  it('dccp4-dump: state, role and handshake sequence, padded or not; and no ports from a kernel without DCCP', () => {
    const [plain, padded, portless] = entriesOf('dccp4-dump').map(({ entry }) => entry);
    for (const entry of [plain!, padded!]) {
      expect(entry.attributes & A.dccp).toBe(A.dccp);
      expect([entry.dccpState, entry.dccpRole]).toEqual([4, 1]);
      expect([entry.dccpSequenceHigh, entry.dccpSequenceLow]).toEqual([0x1234, 0x56789abc]);
      expect(entry.originalL4).toBe(l4(4005, 7005));
    }
    expect(portless!.attributes & A.dccp).toBe(0);
    expect([portless!.protocol, portless!.originalL4]).toEqual([33, 0]);
  });

  it('offload4-dump: neither timeout nor state, and what cannot be set is stripped from a copy of it', () => {
    const flows = entriesOf('offload4-dump').map(({ entry }) => entry);
    expect(flows).toHaveLength(2);
    for (const entry of flows) {
      expect(entry.attributes).toBe(A.reply | A.status | A.mark);
      expect(entry.status & 0x4000).toBe(0x4000);
      expect(natOf(entry)).toBe(Nat.source);
      const batch = new CommandBatch({ timeoutSecondsDefault: 77 });
      batch.create(entry);
      const source = new SingleDatagram().of(batch.bytes, batch.length);
      const cursor = new ConntrackCursor(source);
      expect(cursor.next()).toBe(true);
      expect(cursor.entry.status).toBe(0xe);
      expect(cursor.entry.timeoutSeconds).toBe(77);
      expect(cursor.entry.attributes & A.tcp).toBe(0);
    }
  });
});

describe('expectations captured from a kernel', () => {
  it('ftp4-expectations: from any port of the server to the announced one, made and used', () => {
    const source = new SingleDatagram();
    const heard: [number, ConntrackExpectation][] = [];
    const cursor = new ConntrackCursor(source, {
      onExpectation: (kind, it) => heard.push([kind, structuredClone({ ...it })]),
    });
    for (const bytes of readHexFile('ftp4-expectations')) {
      source.of(bytes);
      expect(cursor.next()).toBe(false);
    }
    expect(cursor.malformed).toBe(0);
    expect(heard.map(([kind]) => kind)).toEqual([ConntrackKind.new, ConntrackKind.destroy]);
    for (const [, it] of heard) {
      expect(formatAddress(2, it.master.originalSource)).toBe(C4);
      expect(it.master.originalL4 & 0xffff).toBe(21);
      expect(formatAddress(2, it.source)).toBe(S4);
      expect(formatAddress(2, it.destination)).toBe(C4);
      expect([it.protocol, it.l4, it.maskL4]).toEqual([6, 30_001, 0xffff]);
      expect(formatAddress(2, it.maskSource)).toBe('255.255.255.255');
      expect([it.helper, it.natDirection, it.flags]).toEqual(['ftp', -1, 0]);
      expect(it.timeoutSeconds).toBeGreaterThan(290);
    }
  });
});

describe('a dump captured from a kernel', () => {
  it('has zone, mark and both translations, and ends with its sequence', () => {
    const ends: number[][] = [];
    const source = new SingleDatagram();
    const cursor = new ConntrackCursor(source, {
      onControl: (sequence, errno) => ends.push([sequence, errno]),
    });
    let found = 0;
    for (const bytes of readHexFile('nat-mark-zone-dump')) {
      source.of(bytes);
      while (cursor.next()) {
        const { entry } = cursor;
        expect(entry.zone).toBe(7);
        expect(cursor.kind).toBe(ConntrackKind.entry);
        expect(cursor.sequence).toBe(42);
        if (formatAddress(2, entry.originalDestination) !== '203.0.113.5') continue;
        found++;
        expect(entry.mark).toBe(0xcafe);
        expect(entry.originalL4).toBe(l4(4003, 53));
        expect(formatAddress(2, entry.replySource)).toBe('10.2.0.2');
        expect(formatAddress(2, entry.replyDestination)).toBe('10.2.0.77');
        expect(entry.replyL4).toBe(l4(7000, 5555));
        expect(natOf(entry)).toBe(Nat.source | Nat.destination);
      }
    }
    expect(found).toBe(1);
    expect(ends).toEqual([[42, 0]]);
    expect(cursor.malformed).toBe(0);
  });
});
