import { describe, expect, it } from 'vitest';
import { ConntrackAttribute } from '../../src/conntrack-attribute.ts';
import { ConntrackCursor, ConntrackKind } from '../../src/conntrack-cursor.ts';
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
