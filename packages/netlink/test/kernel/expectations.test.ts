import {
  ConntrackAttribute,
  ConntrackEntry,
  ConntrackExpectation,
  ConntrackKind,
  EventListener,
  Protocol,
} from '@raftwall/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { l4, setAddress, setTuples } from '../support/entries.ts';
import { Errno, KernelClient } from '../support/kernel-client.ts';
import { TestNamespace } from '../support/namespace.ts';

let namespace: TestNamespace;
let kernel: KernelClient;

beforeAll(() => {
  namespace = new TestNamespace('expect');
  kernel = new KernelClient(namespace.path);
});

afterAll(async () => {
  await kernel.stop();
  namespace.dispose();
});

const A = ConntrackAttribute;

/** A session of host `c` with host `s`, as a helper would watch it. */
function session(helper: string, protocol: number, port: number, c: string, s: string) {
  const entry = new ConntrackEntry();
  entry.protocol = protocol;
  setTuples(entry, [c, s, l4(4000, port)], [s, c, l4(port, 4000)]);
  entry.attributes = A.reply | A.status | A.timeout | A.helper;
  entry.status = 0xe;
  entry.timeoutSeconds = 600;
  entry.helper = helper;
  if (protocol === Protocol.tcp) {
    entry.attributes |= A.tcp;
    entry.tcpState = 3;
  }
  return entry;
}

/** From anywhere on `s` to port 5001 of `c`. */
function expectationOf(master: ConntrackEntry, protocol: number): ConntrackExpectation {
  const expectation = new ConntrackExpectation();
  expectation.master.family = master.family;
  expectation.master.protocol = master.protocol;
  expectation.master.originalSource.set(master.originalSource);
  expectation.master.originalDestination.set(master.originalDestination);
  expectation.master.originalL4 = master.originalL4;
  expectation.source.set(master.originalDestination);
  expectation.destination.set(master.originalSource);
  expectation.protocol = protocol;
  expectation.l4 = l4(0, 5001);
  const ipv4 = master.family === 2;
  expectation.maskSource.fill(0xff, 0, ipv4 ? 4 : 16);
  expectation.maskDestination.fill(0xff, 0, ipv4 ? 4 : 16);
  expectation.maskL4 = l4(0, 0xffff);
  expectation.timeoutSeconds = 60;
  expectation.helper = master.helper;
  return expectation;
}

const cases = [
  ['ftp over IPv4', session('ftp', Protocol.tcp, 21, '10.1.0.2', '10.2.0.2'), Protocol.tcp],
  ['ftp over IPv6', session('ftp', Protocol.tcp, 21, 'fd01::2', 'fd02::2'), Protocol.tcp],
  ['sip over UDP', session('sip', Protocol.udp, 5060, '10.1.0.2', '10.2.0.2'), Protocol.udp],
  ['tftp', session('tftp', Protocol.udp, 69, '10.1.0.2', '10.2.0.2'), Protocol.udp],
] as const;

describe('an expectation', () => {
  it.each(cases)('of %s is made, dumped, limited and taken back', async (_, master, protocol) => {
    const expectation = expectationOf(master, protocol);
    expect(await kernel.one((batch) => batch.expect(expectation))).toBe(Errno.ENOENT);
    expect(await kernel.one((batch) => batch.create(master))).toBe(0);
    expect((await kernel.get(master))!.helper).toBe(master.helper);
    expect(await kernel.one((batch) => batch.expect(expectation))).toBe(0);
    expect(await kernel.one((batch) => batch.expect(expectation))).toBe(Errno.EEXIST);

    const { errnos } = await kernel.run((batch) => batch.limitExpectation(expectation));
    expect([...errnos]).toEqual([0]);
    const [found, ...more] = await kernel.dumpExpectations();
    expect(more).toEqual([]);
    const expected = structuredClone({ ...expectation });
    expect(found).toEqual({
      ...expected,
      addressWords: found!.addressWords,
      timeoutSeconds: found!.timeoutSeconds,
    });
    expect(found!.timeoutSeconds).toBeGreaterThan(55);
    expect(found!.timeoutSeconds).toBeLessThanOrEqual(60);

    expect(await kernel.one((batch) => batch.unexpect(expectation))).toBe(0);
    expect(await kernel.one((batch) => batch.unexpect(expectation))).toBe(Errno.ENOENT);
    expect(await kernel.dumpExpectations()).toEqual([]);
    await kernel.run((batch) => batch.delete(master));
  });

  it('carries the translation of what is expected, and who follows it', async () => {
    const [, master] = cases[0];
    const expectation = expectationOf(master, Protocol.tcp);
    expectation.natDirection = 1;
    setAddress(expectation.natSource, '10.1.0.2');
    expectation.natProtocol = Protocol.tcp;
    expectation.natL4 = l4(7777, 0);
    expectation.nextHelper = 'nat-follow-master';
    await kernel.run((batch) => batch.create(master));
    expect(await kernel.one((batch) => batch.expect(expectation))).toBe(0);
    const [found] = await kernel.dumpExpectations();
    expect(found).toMatchObject({ natDirection: 1, nextHelper: 'nat-follow-master' });
    expect(found!.natL4 >>> 16).toBe(7777);
    expect([...found!.natSource.subarray(0, 4)]).toEqual([10, 1, 0, 2]);
    await kernel.run((batch) => batch.delete(master));
    expect(await kernel.dumpExpectations()).toEqual([]);
  });

  it('needs a master with a helper', async () => {
    const master = session('ftp', Protocol.tcp, 21, '10.1.0.2', '10.2.0.2');
    await kernel.run((batch) => batch.create(master, master.attributes & ~A.helper));
    const expectation = expectationOf(master, Protocol.tcp);
    expect(await kernel.one((batch) => batch.expect(expectation))).toBe(Errno.EOPNOTSUPP);
    await kernel.run((batch) => batch.delete(master));
  });

  it('is announced in its place among the events of flows, and when its master ends', async () => {
    const heard: string[] = [];
    const listener = new EventListener(
      { namespace: namespace.path },
      {
        onBatch: (cursor) => {
          while (cursor.next()) heard.push(`flow ${cursor.kind}`);
        },
        onExpectation: (kind, { helper }, portId) =>
          heard.push(`${helper} ${kind} ${portId === kernel.channel.portId}`),
        onOverrun: () => heard.push('overrun'),
        onFailure: (error) => heard.push(String(error)),
        metrics: null,
      },
    );
    const [, master] = cases[0];
    await kernel.run((batch) => {
      batch.create(master);
      batch.expect(expectationOf(master, Protocol.tcp));
    });
    await kernel.run((batch) => batch.delete(master));
    await listener.barrier();
    await listener.stop();
    const { new: made, destroy } = ConntrackKind;
    expect(heard.filter((line) => line.startsWith('ftp'))).toHaveLength(2);
    expect(heard[0]).toBe(`flow ${made}`);
    expect(heard[1]).toBe(`ftp ${made} true`);
    expect(heard).toContain(`flow ${destroy}`);
    expect(heard.some((line) => line.startsWith(`ftp ${destroy}`))).toBe(true);
    expect(listener.malformed).toBe(0);
  });
});
