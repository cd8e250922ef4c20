import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { NodeRegistry } from '../../src/metrics/node-registry.ts';
import { FakeNode, sampleStatus } from '../fixtures/fake-node.ts';
import { registeredMetrics, wholeRegistry } from '../fixtures/whole-registry.ts';

/** One sample's value by its name and labels as they stand in the text. */
async function sample(made: NodeRegistry, name: string): Promise<string | undefined> {
  const text = await made.registry.metrics();
  return text
    .split('\n')
    .find((line) => line.startsWith(`${name} `))
    ?.slice(name.length + 1);
}

describe('names', () => {
  it('_total stands on all counters and on nothing else', () => {
    for (const { name, type } of registeredMetrics()) {
      expect(`${name} ${type === 'counter'}`).toBe(`${name} ${name.endsWith('_total')}`);
    }
  });

  it('times are in seconds, sizes in bytes, and every metric says what it is', () => {
    for (const { name, type, help } of registeredMetrics()) {
      expect(name).not.toMatch(/_(ms|millis|milliseconds|kb|mb|minutes)(_|$)/);
      expect(help.length, name).toBeGreaterThan(5);
      if (type === 'histogram') expect(name).toMatch(/_(seconds|bytes)$/);
    }
  });

  it('promtool finds nothing to complain of', async () => {
    const input = await wholeRegistry().registry.metrics();
    const { status, stdout, stderr, error } = spawnSync('promtool', ['check', 'metrics'], {
      input,
      encoding: 'utf8',
    });
    expect(error).toBeUndefined();
    expect(stdout + stderr).toBe('');
    expect(status).toBe(0);
  });
});

describe('parts count by their metrics', () => {
  it('what Raft, log, snapshots, checkpoint and transport count shows in the text', async () => {
    const made = new NodeRegistry();
    made.raft.electionsTotal.inc();
    made.raft.proposalSeconds.observe(0.003);
    made.log.segments.set(4);
    made.snapshots.currentBytes.set(1000);
    made.checkpoint.flowsTotal.inc(7);
    made.transport.sentBytesTotal.inc(99);
    expect(await sample(made, 'raftwall_raft_elections_total')).toBe('1');
    expect(await sample(made, 'raftwall_raft_proposal_seconds_bucket{le="0.0025"}')).toBe('0');
    expect(await sample(made, 'raftwall_raft_proposal_seconds_bucket{le="0.005"}')).toBe('1');
    expect(await sample(made, 'raftwall_log_segments')).toBe('4');
    expect(await sample(made, 'raftwall_snapshot_current_bytes')).toBe('1000');
    expect(await sample(made, 'raftwall_checkpoint_flows_total')).toBe('7');
    expect(await sample(made, 'raftwall_transport_sent_bytes_total')).toBe('99');
  });

  it('the sizes of the table are read at the scrape', async () => {
    expect(await sample(wholeRegistry(), 'raftwall_table_bytes')).toBe('10');
    expect(await sample(wholeRegistry(), 'raftwall_table_unsaved_flows')).toBe('5');
  });
});

describe('takeovers', () => {
  const event = (kind: 'vrrp' | 'activation', state = '') =>
    ({ atMs: 0, kind, message: '', details: { state } }) as const;

  it('VRRP states are a set of gauges, and none without VRRP', async () => {
    const node = new FakeNode();
    const made = wholeRegistry(node);
    expect(await sample(made, 'raftwall_vrrp_state{state="MASTER"}')).toBe('1');
    expect(await sample(made, 'raftwall_vrrp_state{state="BACKUP"}')).toBe('0');
    node.current = sampleStatus({ vrrp: null });
    expect(await sample(made, 'raftwall_vrrp_state{state="MASTER"}')).toBeUndefined();
  });

  it('counts a move to another node, also through a release, and not a return of the same', async () => {
    const node = new FakeNode();
    const made = wholeRegistry(node);
    const becomes = (active: string | null) => {
      node.current = sampleStatus({ active });
      node.emit(event('activation'));
    };
    becomes(null);
    becomes('fw1');
    expect(await sample(made, 'raftwall_failovers_total')).toBe('0');
    becomes(null);
    becomes('fw2');
    expect(await sample(made, 'raftwall_failovers_total')).toBe('1');
    becomes('fw3');
    expect(await sample(made, 'raftwall_failovers_total')).toBe('2');
  });

  it('measures from MASTER to the own activation, and not what another node took', async () => {
    const node = new FakeNode();
    node.current = sampleStatus({ active: 'fw2' });
    const made = wholeRegistry(node);
    node.emit(event('vrrp', 'MASTER'));
    node.emit(event('activation'));
    expect(await sample(made, 'raftwall_takeover_seconds_count')).toBe('0');
    node.current = sampleStatus({ active: 'fw1' });
    node.emit(event('activation'));
    node.emit(event('activation'));
    expect(await sample(made, 'raftwall_takeover_seconds_count')).toBe('1');
    node.emit(event('vrrp', 'MASTER'));
    node.emit(event('vrrp', 'BACKUP'));
    node.emit(event('activation'));
    expect(await sample(made, 'raftwall_takeover_seconds_count')).toBe('1');
  });
});
