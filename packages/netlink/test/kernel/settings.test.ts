import { readFileSync } from 'node:fs';
import {
  ConntrackSysctls,
  kernelIncarnation,
  NETLINK_NETFILTER,
  NetlinkError,
  NetlinkSocket,
  withNamespace,
} from '@raftwall/netlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestNamespace } from '../support/namespace.ts';

let one: TestNamespace;
let two: TestNamespace;
const devices = (): string => readFileSync('/proc/thread-self/net/dev', 'latin1');

beforeAll(() => {
  one = new TestNamespace('one');
  two = new TestNamespace('two');
});

afterAll(() => {
  one.dispose();
  two.dispose();
});

describe('ConntrackSysctls', () => {
  it('reads and writes the settings of its own namespace only', () => {
    const first = new ConntrackSysctls({ namespace: one.path });
    const second = new ConntrackSysctls({ namespace: two.path });
    first.write('nf_conntrack_events', 1);
    second.write('nf_conntrack_events', 0);
    expect(first.read('nf_conntrack_events')).toBe(1);
    expect(second.read('nf_conntrack_events')).toBe(0);
    expect(first.read('nf_conntrack_max')).toBeGreaterThan(0);
    expect(first.read('nf_conntrack_count')).toBe(0);
    expect(first.read('nf_conntrack_tcp_timeout_established')).toBe(432_000);
  });

  it('names what is missing, denied or refused', () => {
    const settings = new ConntrackSysctls({ namespace: one.path });
    expect(() => settings.read('nf_conntrack_no_such_timeout')).toThrow(
      expect.objectContaining({
        code: 'NETLINK_SYSCTL_MISSING',
        setting: 'nf_conntrack_no_such_timeout',
      }),
    );
    expect(() => settings.write('nf_conntrack_count', 1)).toThrow(
      expect.objectContaining({ code: 'NETLINK_SYSCTL_DENIED' }),
    );
    expect(() => settings.write('nf_conntrack_events', 77)).toThrow(
      expect.objectContaining({ code: 'NETLINK_SYSCTL_INVALID' }),
    );
  });
});

describe('kernelIncarnation', () => {
  it('differs between namespaces and stays the same within one', () => {
    const first = kernelIncarnation({ namespace: one.path });
    expect(first).toMatch(/^[0-9a-f]{48}$/);
    expect(kernelIncarnation({ namespace: one.path })).toBe(first);
    const second = kernelIncarnation({ namespace: two.path });
    expect(second).not.toBe(first);
    expect(second.slice(0, 32)).toBe(first.slice(0, 32));
  });
});

describe('withNamespace', () => {
  it('comes back after success, after an exception, and when the namespace is missing', () => {
    const home = devices();
    one.run('ip link add onlyhere type veth peer name other');
    expect(withNamespace(one.path, devices)).toContain('onlyhere');
    expect(devices()).toBe(home);
    expect(() =>
      withNamespace(one.path, () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(devices()).toBe(home);
    expect(() => withNamespace('/run/netns/rwn-none', devices)).toThrow(
      expect.objectContaining({ errnoName: 'ENOENT', operation: 'open /run/netns/rwn-none' }),
    );
    expect(devices()).toBe(home);
  });
});

describe('NetlinkSocket', () => {
  it('names the failed call and leaves no descriptor open', () => {
    const protocol = NETLINK_NETFILTER;
    const open = (): number => new NetlinkSocket({ protocol, groups: [100_000] }).fd;
    expect(open).toThrow(NetlinkError);
    expect(open).toThrow('join group 100000: EINVAL');
    expect(() => new NetlinkSocket({ protocol: 31 })).toThrow(
      expect.objectContaining({ errnoName: 'EPROTONOSUPPORT' }),
    );
    const first = new NetlinkSocket({ protocol });
    first.close();
    first.close();
    const second = new NetlinkSocket({ protocol });
    expect(second.fd).toBe(first.fd);
    expect(second.portId).toBeGreaterThan(0);
    second.close();
  });
});
