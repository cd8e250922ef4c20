import { describe, expect, it } from 'vitest';
import { change, clusterOf } from '../unit/membership-bench.ts';

describe('B31 a voter that does not know that it is one cannot vote', () => {
  it('grants its vote before it knows that it has one', () => {
    const cluster = clusterOf(['a', 'b'], ['d']);
    const leader = cluster.elect();
    const other = cluster.get(leader.id === 'a' ? 'b' : 'a');
    change(leader, { add: { d: 'd' } });
    cluster.tick(10);
    // The promotion reaches the voters only, and then the leader dies.
    cluster.drop = ({ kind, to }) => kind === 'append' && to === 'd';
    change(leader, { promote: ['d'] });
    cluster.deliver();
    expect(other.core.state.isVoter && !cluster.get('d').core.state.isVoter).toBe(true);
    expect(other.core.state.config.voters).toContain('d');
    const isJoint = other.core.state.config.votersOutgoing.length > 0;
    expect(isJoint).toBe(false);
    cluster.down.add(leader.id);
    cluster.drop = () => false;
    expect(cluster.elect(20).id).toBe(other.id);
    cluster.tick(10);
    expect(cluster.get('d').core.state.isVoter).toBe(true);
  });
});
