import { describe, expect, it } from 'vitest';
import { type KeepalivedGroup, keepalivedConfig } from '../../src/keepalived-config.ts';

const left = { address: '192.168.0.100', prefixLength: 24, device: 'eth1' };
const right = { address: '192.168.1.100', prefixLength: 24, device: 'eth0' };
const right6 = { address: 'fd00:b::100', prefixLength: 64, device: 'eth0' };

const group = (name: string, addresses: KeepalivedGroup['addresses']): KeepalivedGroup => ({
  ...{ kind: 'GROUP', name, trackFile: `/state/${name}`, addresses },
});
const options = { fifo: '/state/fifo', advertIntervalMs: 300, index: 2, firstRouterId: 51 };

/** The lines that begin with one of the words, without their indentation. */
const linesOf = (text: string, ...words: string[]): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => words.includes(line.split(' ')[0]!));

describe("keepalived's configuration", () => {
  it('has one instance for each interface and family, with router ids that count up', () => {
    const groups = [group('G1', [left, right, right6])];
    const text = keepalivedConfig({ ...options, mode: 'follow', groups });
    expect(linesOf(text, 'vrrp_instance', 'virtual_router_id', 'native_ipv6')).toEqual([
      ...['vrrp_instance G1_eth1 {', 'virtual_router_id 51'],
      ...['vrrp_instance G1_eth0 {', 'virtual_router_id 52'],
      ...['vrrp_instance G1_eth0_6 {', 'virtual_router_id 53', 'native_ipv6'],
    ]);
    expect(linesOf(text, 'priority', 'weight', 'nopreempt', 'sync_group_tracking_weight')).toEqual([
      ...['weight 20', 'weight 20', 'sync_group_tracking_weight'],
      ...['priority 100', 'priority 100', 'priority 100'],
    ]);
  });

  it('in strict makes FAULT of 0, and gives each node a priority of its own', () => {
    const text = keepalivedConfig({ ...options, mode: 'strict', groups: [group('G1', [left])] });
    expect(linesOf(text, 'priority', 'weight', 'nopreempt', 'sync_group_tracking_weight')).toEqual([
      ...['weight 0 reverse', 'priority 252', 'nopreempt'],
    ]);
  });

  it('has a track file and a sign of life for each of several groups', () => {
    const groups = [group('blue', [left]), group('red', [right])];
    const text = keepalivedConfig({ ...options, mode: 'follow', groups });
    expect(linesOf(text, 'file')).toEqual(['file "/state/blue"', 'file "/state/red"']);
    expect(linesOf(text, 'vrrp_script', 'vrrp_sync_group')).toEqual([
      ...['vrrp_script alive_ready {', 'vrrp_sync_group blue {'],
      ...['vrrp_script alive_ready2 {', 'vrrp_sync_group red {'],
    ]);
  });

  it('tracks on the instance where there is no group, which has one interface then', () => {
    const single: KeepalivedGroup = { ...group('VI_1', [left]), kind: 'INSTANCE' };
    const text = keepalivedConfig({ ...options, mode: 'follow', groups: [single] });
    expect(text).not.toContain('vrrp_sync_group');
    expect(linesOf(text, 'vrrp_instance')).toEqual(['vrrp_instance VI_1 {']);
    expect(text.indexOf('vrrp_instance VI_1')).toBeLessThan(text.lastIndexOf('track_script'));
    const groups = [{ ...single, addresses: [left, right] }];
    expect(() => keepalivedConfig({ ...options, mode: 'follow', groups })).toThrow(
      /VI_1 is one instance, but its addresses are on eth1 4, eth0 4/,
    );
  });

  it('refuses a group without addresses, and more instances than there are router ids', () => {
    const empty = { ...options, mode: 'follow', groups: [group('G1', [])] } as const;
    expect(() => keepalivedConfig(empty)).toThrow(/G1 has no virtual address/);
    const groups = [group('G1', [left, right])];
    expect(() =>
      keepalivedConfig({ ...options, mode: 'follow', groups, firstRouterId: 255 }),
    ).toThrow(/end at 255/);
  });
});
