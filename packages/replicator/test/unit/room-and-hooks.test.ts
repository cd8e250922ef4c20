import { describe, expect, it } from 'vitest';
import { roomDefaults } from '../../src/options.ts';
import type { FamilyHooks } from '../../src/ports.ts';
import { activeCluster, type FakeNode } from '../support/fake-cluster.ts';
import { established, flowOf, Status } from '../support/flows.ts';

const replied = Status.confirmed | Status.seenReply;
const reasonOf = (node: FakeNode): string | null => node.replicator.first.parts.readiness.reason;

describe('K15 room', () => {
  it('K15 room and hooks: flows are created up to 90 % of the limit, ASSURED ones up to 97 %', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw2.kernel.entriesMax = 100;
    for (let sport = 1; sport <= 100; sport += 1) {
      fw1.kernel.born(flowOf({ sport, status: replied, protocol: 17 }));
    }
    await cluster.clock.advance(200);
    expect(fw2.kernel.count()).toBe(90);
    for (let sport = 101; sport <= 200; sport += 1) {
      fw1.kernel.born(flowOf({ sport, status: established }));
    }
    await cluster.clock.advance(200);
    expect(fw2.kernel.count()).toBe(97);
    expect(fw2.counters.noRoom).toBeGreaterThanOrEqual(103);
    expect(cluster.node('fw3').kernel.count()).toBe(200);
  });

  it('K15 room and hooks: a standby without room is not ready, says why, and is again when there is room', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    expect(fw2.trackFile).toBe(1);
    fw2.kernel.entriesMax = 10;
    for (let sport = 1; sport <= 20; sport += 1) fw1.kernel.born(flowOf({ sport }));
    await cluster.clock.advance(500);
    expect(fw2.trackFile).toBe(0);
    expect(reasonOf(fw2)).toMatch(/no room .* 9 entries, nf_conntrack_max is 10/);
    fw2.kernel.entriesMax = 100;
    await cluster.clock.advance(3_000);
    expect(fw2.kernel.count()).toBe(20);
    expect(fw2.trackFile).toBe(1);
  });

  it('K15 room and hooks: kernel.maxEntries lowers the limit, and the reason names it', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw2.kill();
    await fw2.start({ room: { ...roomDefaults, entriesMax: 10 } });
    await cluster.clock.advance(3_000);
    expect(fw2.trackFile).toBe(1);
    for (let sport = 1; sport <= 20; sport += 1) fw1.kernel.born(flowOf({ sport }));
    await cluster.clock.advance(500);
    expect(reasonOf(fw2)).toMatch(/kernel\.maxEntries is 10/);
    expect(fw2.kernel.count()).toBe(9);
    await cluster.clock.advance(60_000);
    expect(fw2.trackFile).toBe(0);
  });
});

describe('K15 hooks', () => {
  const off: FamilyHooks = { tracks: false, translates: false };
  const tracking: FamilyHooks = { tracks: true, translates: false };

  it('K15 room and hooks: a node whose kernel tracks no more is not ready, and is again when it does', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf());
    await cluster.clock.advance(100);
    const { ipv4, ipv6 } = fw2.kernel.hooked;
    fw2.kernel.hooked = { ipv4: off, ipv6 };
    await cluster.clock.advance(2_000);
    expect(fw2.trackFile).toBe(0);
    expect(reasonOf(fw2)).toMatch(/tracks no IPv4 connections/);
    fw2.kernel.hooked = { ipv4, ipv6 };
    await cluster.clock.advance(2_000);
    expect(fw2.trackFile).toBe(1);
  });

  it('K15 room and hooks: a NAT chain is asked for only while the table has translated flows of the family', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw2.kernel.hooked = { ipv4: tracking, ipv6: { tracks: false, translates: false } };
    fw1.kernel.born(flowOf({ sport: 1 }));
    await cluster.clock.advance(2_000);
    expect(fw2.trackFile).toBe(1);
    const nat = { natTo: '192.168.1.100', status: established | Status.srcNat };
    fw1.kernel.born(flowOf({ sport: 2, ...nat }));
    await cluster.clock.advance(2_000);
    expect(reasonOf(fw2)).toMatch(/no NAT chain for IPv4/);
    fw1.kernel.died(flowOf({ sport: 2, ...nat }));
    await cluster.clock.advance(2_000);
    expect(fw2.trackFile).toBe(1);
  });

  it('K15 room and hooks: flows of a family that is switched off here keep the node from being ready', async () => {
    const cluster = await activeCluster();
    const [fw1, fw2] = [cluster.node('fw1'), cluster.node('fw2')];
    fw1.kernel.born(flowOf({ src: 'fd00::3', dst: 'fd01::3' }));
    await cluster.clock.advance(2_000);
    expect(reasonOf(fw2)).toMatch(/tracks no IPv6 connections/);
  });
});
