import { type ConntrackEntry, ConntrackStatus, formatAddress, Protocol } from '@raftwall/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KernelClient } from '../support/kernel-client.ts';
import { TestRouter } from '../support/namespace.ts';
import { ping } from '../support/ping.ts';

let net: TestRouter;
let kernel: KernelClient;

beforeAll(async () => {
  net = new TestRouter();
  kernel = new KernelClient(net.router.path);
  net.router.track();
  await Promise.all([
    net.server.serve('udp-serve', 'udp4', '7000'),
    net.server.serve('udp-serve', 'udp6', '7006'),
    net.server.serve('tcp-serve', '0.0.0.0', '7001'),
  ]);
});

afterAll(async () => {
  await kernel.stop();
  net.dispose();
});

const chains = (family: string, post: string, pre: string): string => `
  table ${family} nat {
    chain post { type nat hook postrouting priority 100; ${post}
    }
    chain pre { type nat hook prerouting priority -100; ${pre}
    }
  }`;

const cases = [
  {
    name: 'SNAT over IPv4',
    family: 'ipv4' as const,
    rules: chains('ip', 'oifname "out" udp dport 7000 snat to 10.2.0.77:5555', ''),
    ask: ['udp-ask', 'udp4', '4000', '10.2.0.2', '7000'],
    answer: { address: '10.2.0.77', port: 5555 },
    translated: ConntrackStatus.sourceNat,
  },
  {
    name: 'DNAT over IPv4',
    family: 'ipv4' as const,
    rules: chains('ip', '', 'ip daddr 203.0.113.5 udp dport 53 dnat to 10.2.0.2:7000'),
    ask: ['udp-ask', 'udp4', '4001', '203.0.113.5', '53'],
    answer: { address: '10.1.0.2', port: 4001 },
    translated: ConntrackStatus.destinationNat,
  },
  {
    name: 'SNAT and DNAT over IPv4',
    family: 'ipv4' as const,
    rules: chains(
      'ip',
      'oifname "out" udp dport 7000 snat to 10.2.0.77:5556',
      'ip daddr 203.0.113.5 udp dport 53 dnat to 10.2.0.2:7000',
    ),
    ask: ['udp-ask', 'udp4', '4002', '203.0.113.5', '53'],
    answer: { address: '10.2.0.77', port: 5556 },
    translated: ConntrackStatus.sourceNat | ConntrackStatus.destinationNat,
  },
  {
    name: 'SNAT over IPv6',
    family: 'ipv6' as const,
    rules: chains('ip6', 'oifname "out" udp dport 7006 snat to [fd02::77]:5557', ''),
    ask: ['udp-ask', 'udp6', '4003', 'fd02::2', '7006'],
    answer: { address: 'fd02::77', port: 5557 },
    translated: ConntrackStatus.sourceNat,
  },
];

describe('a translated flow that packets made, injected into a kernel without the rule', () => {
  it('keeps an established, translated TCP connection alive, with strict tracking in the router', async () => {
    const { router, client } = net;
    router.run('ip addr replace 10.2.0.77/24 dev out');
    router.run('sysctl -qw net.netfilter.nf_conntrack_tcp_loose=0');
    router.nft(chains('ip', 'oifname "out" tcp dport 7001 snat to 10.2.0.77:6001', ''));
    router.nft(`table inet strict {
      chain forward {
        type filter hook forward priority 10
        ct state invalid,new tcp dport 7001 tcp flags & syn == 0 drop
        ct state invalid drop
      }
    }`);
    const answer = { address: '10.2.0.77', port: 6001 };
    const connection = await client.hold('4010', '10.2.0.2', '7001');
    expect(connection.first).toEqual(answer);
    const entry = (await kernel.dump()).find(({ protocol }) => protocol === Protocol.tcp)!;
    expect(entry.tcpState).toBe(3);
    router.nft('flush chain ip nat post');
    await kernel.run((batch) => batch.delete(entry));
    expect(await kernel.get(entry)).toBeNull();
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    expect(await connection.again()).toEqual(answer);
    await kernel.run((batch) => batch.delete(entry));
    router.nft('delete table ip nat\ndelete table inet strict');
  });

  it.each([
    ['IPv4', '10.2.0.2', '10.2.0.77', 'ip', 'icmp type echo-request snat to 10.2.0.77'],
    ['IPv6', 'fd02::2', 'fd02::77', 'ip6', 'icmpv6 type echo-request snat to fd02::77'],
  ])('translates echo requests over %s', async (_, host, mapped, table, rule) => {
    const { router, client } = net;
    router.run('ip addr replace 10.2.0.77/24 dev out');
    router.run('ip -6 addr replace fd02::77/64 dev out nodad');
    router.nft(chains(table, `oifname "out" ${rule}`, ''));
    expect(ping(client.path, host, 900)).toBe(true);
    const isPing = ({ protocol, originalL4 }: ConntrackEntry): boolean =>
      (protocol === Protocol.icmp || protocol === Protocol.icmpv6) && originalL4 >>> 16 === 900;
    const entry = (await kernel.dump()).find(isPing)!;
    expect(formatAddress(entry.family, entry.replyDestination)).toBe(mapped);
    await kernel.run((batch) => batch.delete(entry));
    router.nft(`flush chain ${table} nat post`);
    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    expect(ping(client.path, host, 900)).toBe(true);
    const found = (await kernel.dump()).filter(isPing);
    expect(found).toHaveLength(1);
    expect(found[0]!.replyDestination).toEqual(entry.replyDestination);
    await kernel.run((batch) => batch.delete(entry));
    router.nft(`delete table ${table} nat`);
  });

  it.each(cases)('$name: equals the real one and translates packets both ways', async (variant) => {
    const { router, client } = net;
    // The translated source answers by ARP and neighbour discovery at the router.
    router.run('ip addr replace 10.2.0.77/24 dev out');
    router.run('ip -6 addr replace fd02::77/64 dev out nodad');
    router.nft(variant.rules);
    expect(await client.ask(...variant.ask)).toEqual([variant.answer]);

    const row = (): string[] =>
      router.conntrackRows(variant.family).filter((text) => text.startsWith('udp'));
    const real = row();
    expect(real).toHaveLength(1);
    const entry = (await kernel.dump()).find(({ status }) => status & variant.translated)!;
    expect(entry.status & variant.translated).toBe(variant.translated);
    await kernel.run((batch) => batch.delete(entry));
    const table = variant.family === 'ipv4' ? 'ip' : 'ip6';
    router.nft(`flush chain ${table} nat post\nflush chain ${table} nat pre`);
    expect(row()).toEqual([]);

    expect(await kernel.one((batch) => batch.create(entry))).toBe(0);
    expect(row()).toEqual(real);
    expect(await client.ask(...variant.ask)).toEqual([variant.answer]);
    expect(row()).toHaveLength(1);

    await kernel.run((batch) => batch.delete(entry));
    router.nft(`delete table ${table} nat`);
  });
});
