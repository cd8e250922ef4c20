import { describe, expect, it } from 'vitest';
import { EntryType } from '../../src/core/types.ts';
import { CoreBench } from '../unit/core-bench.ts';
import { change, clusterOf, configEntries, joint } from '../unit/membership-bench.ts';

describe('B18 a joint configuration is never left after a change of leader', () => {
  it('the next leader ends the joint configuration, once, whatever the limits', () => {
    const options = { uncommittedBytesMax: 1 };
    const bench = new CoreBench({ log: [1, 1], configs: new Map([[2, joint]]), options });
    bench.lead('b', 'c', 'd');
    bench.core.propose(Uint8Array.of(1));
    bench.settle();
    for (const index of [3, 3, 4, 5]) {
      for (const id of ['b', 'c', 'd']) {
        if (index <= bench.core.state.log.lastIndex) bench.acknowledge(id, index);
      }
    }
    bench.tick(3 * 5);
    expect(configEntries(bench)).toHaveLength(2);
    expect(bench.core.state.config.votersOutgoing).toEqual([]);
    expect(bench.core.state.commit).toBe(5);
  });

  it('the cluster leaves the joint configuration when its leader is gone', () => {
    const cluster = clusterOf(['a', 'b', 'c'], ['d']);
    const leader = cluster.elect();
    change(leader, { add: { d: 'd' } });
    cluster.tick(10);
    // The joint entry reaches all, the one that leaves it reaches nobody.
    cluster.drop = (message) =>
      message.kind === 'append' &&
      message.entries.some(({ type, data }) => {
        const text = new TextDecoder().decode(data);
        return (
          type === EntryType.config &&
          text.includes('"voters":') &&
          !text.includes('"autoLeave":true')
        );
      });
    change(leader, { promote: ['d'] });
    cluster.deliver();
    cluster.down.add(leader.id);
    cluster.drop = () => false;
    const next = cluster.elect(20);
    cluster.tick(10);
    expect(next.core.state.config.voters).toHaveLength(4);
    expect(next.core.state.config.votersOutgoing).toEqual([]);
    expect(next.core.state.configs.currentIndex).toBeLessThanOrEqual(next.core.state.commit);
    expect(configEntries(next).filter(({ autoLeave }) => autoLeave)).toHaveLength(1);
    expect(configEntries(next)).toHaveLength(3);
  });
});
