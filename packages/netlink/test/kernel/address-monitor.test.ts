import { type AddressChange, AddressMonitor } from '@raftwall/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestNamespace } from '../support/namespace.ts';

let namespace: TestNamespace;
let monitor: AddressMonitor;
const changes: AddressChange[] = [];

beforeAll(() => {
  namespace = new TestNamespace('addr');
  namespace.run('ip link add left type veth peer name right');
  namespace.run('ip addr add 10.5.0.1/24 dev left');
  monitor = new AddressMonitor(
    { namespace: namespace.path },
    {
      onChange: (change) => changes.push(change),
      onFailure: (error) => {
        throw error;
      },
    },
  );
});

afterAll(async () => {
  await monitor.stop();
  namespace.dispose();
});

const addresses = (): string[] =>
  monitor
    .current()
    .map(
      ({ address, prefixLength, interfaceName }) => `${interfaceName} ${address}/${prefixLength}`,
    )
    .sort();

const seen = (wanted: string): (() => boolean) => {
  return () =>
    changes.some((change) =>
      'address' in change
        ? wanted === `${change.kind} ${change.address.interfaceName} ${change.address.address}`
        : wanted === `${change.kind} ${change.interfaceName}`,
    );
};

describe('AddressMonitor', () => {
  it('knows the addresses that are there when it starts', () => {
    expect(addresses()).toEqual(['left 10.5.0.1/24', 'lo 127.0.0.1/8', 'lo ::1/128']);
    expect(monitor.current().find(({ address }) => address === '10.5.0.1')).toMatchObject({
      family: 'ipv4',
      scope: 'global',
    });
    expect(monitor.isLinkUp('left')).toBe(false);
  });

  it('sees ip addr add and del, IPv4 and IPv6', async () => {
    namespace.run('ip addr add 192.0.2.100/32 dev left');
    namespace.run('ip -6 addr add 2001:db8:0:0:1:0:0:1/64 dev lo nodad');
    await expect.poll(seen('addressAdded left 192.0.2.100')).toBe(true);
    await expect.poll(seen('addressAdded lo 2001:db8::1:0:0:1')).toBe(true);
    expect(addresses()).toContain('left 192.0.2.100/32');
    namespace.run('ip addr del 192.0.2.100/32 dev left');
    await expect.poll(seen('addressRemoved left 192.0.2.100')).toBe(true);
    expect(addresses()).not.toContain('left 192.0.2.100/32');
  });

  it('sees the carrier come and go, and the addresses of a removed interface', async () => {
    namespace.run('ip link set left up');
    namespace.run('ip link set right up');
    await expect.poll(seen('linkUp left')).toBe(true);
    expect(monitor.isLinkUp('left')).toBe(true);
    namespace.run('ip link set right down');
    await expect.poll(seen('linkDown left')).toBe(true);
    namespace.run('ip link del left');
    await expect.poll(seen('addressRemoved left 10.5.0.1')).toBe(true);
    expect(monitor.isLinkUp('left')).toBe(false);
  });
});
