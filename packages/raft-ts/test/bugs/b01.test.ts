import { describe, expect, it } from 'vitest';
import { CoreBench } from '../unit/core-bench.ts';

const five = ['a', 'b', 'c', 'd', 'e'];

describe('B1 an entry of an earlier term is committed by counting', () => {
  it('an old entry on a majority is committed only with one of the own term (figure 8)', () => {
    const leader = new CoreBench({ members: five, log: [1, 2], term: 3 }).lead('b', 'c');
    expect(leader.core.state.term).toBe(4);
    leader.acknowledge('b', 2);
    leader.acknowledge('c', 2);
    expect(leader.core.state.commit).toBe(0);
    leader.acknowledge('b', 3);
    leader.acknowledge('c', 3);
    expect(leader.core.state.commit).toBe(3);
  });

  it('the other leader of figure 8 may still win while no entry of the own term is acknowledged', () => {
    const leader = new CoreBench({ members: five, log: [1, 2], term: 3 }).lead('b', 'c', 'd');
    for (const id of ['b', 'c', 'd', 'e']) leader.acknowledge(id, 2);
    expect(leader.core.state.commit).toBe(0);
    expect(leader.applied).toEqual([]);
  });
});
