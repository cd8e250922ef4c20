import { AF_INET, AF_INET6, natChains, TrackingProbe } from '@raftwall/netlink';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestNamespace } from '../support/namespace.ts';

let place: TestNamespace;

beforeEach(() => {
  place = new TestNamespace('hooks');
});

afterEach(() => {
  place.dispose();
});

const trackIpv4 = `table ip track {
  chain forward { type filter hook forward priority 0; ct state established counter; }
}`;

const natInet = `table inet n {
  chain post { type nat hook postrouting priority 100; }
}`;

describe('TrackingProbe', () => {
  it('K15 room and hooks: says whether a family is tracked, also after a flush that leaves the entries', () => {
    const probes = [AF_INET, AF_INET6].map(
      (family) => new TrackingProbe(family, { namespace: place.path }),
    );
    const tracked = (): boolean[] => probes.map((probe) => probe.probe());
    expect(tracked()).toEqual([false, false]);
    place.nft(trackIpv4);
    expect(tracked()).toEqual([true, false]);
    place.track();
    expect(tracked()).toEqual([true, true]);
    expect(tracked()).toEqual([true, true]);
    expect(place.conntrackRows()).toEqual([]);
    place.run(
      'conntrack -I -p udp -s 10.0.0.1 -d 10.0.0.2 --sport 1 --dport 2 --timeout 100 -u SEEN_REPLY',
    );
    place.run('nft flush ruleset');
    expect(tracked()).toEqual([false, false]);
    expect(place.conntrackRows()).toHaveLength(1);
    for (const probe of probes) probe.close();
  });
});

describe('natChains', () => {
  it('K15 room and hooks: lists the families that have a NAT chain', () => {
    const chains = (): unknown => natChains({ namespace: place.path });
    expect(chains()).toEqual({ ipv4: false, ipv6: false });
    place.run('iptables -t nat -A POSTROUTING -o lo -j SNAT --to 10.0.0.1');
    expect(chains()).toEqual({ ipv4: true, ipv6: false });
    place.run('iptables -t nat -F');
    expect(chains()).toEqual({ ipv4: true, ipv6: false });
    place.run('nft flush ruleset');
    expect(chains()).toEqual({ ipv4: false, ipv6: false });
    place.nft(natInet);
    expect(chains()).toEqual({ ipv4: true, ipv6: true });
  });
});
